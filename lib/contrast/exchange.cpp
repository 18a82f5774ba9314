// SPDX-License-Identifier: Apache-2.0
#include "contrast/exchange.h"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/logaddexp.h>
#include <c10/core/GradMode.h>

#include "train/tensor_wire.h"

namespace allot::contrast {
namespace {

constexpr size_t kBytesAtOnce = size_t{16} << 20;

}  // namespace

void add_to(std::vector<at::Tensor>& sum, const std::vector<at::Tensor>& gradients) {
  const at::NoGradGuard no_gradients;
  if (sum.empty()) sum.resize(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    if (sum[i].defined())
      sum[i].add_(gradients[i]);
    else
      sum[i] = gradients[i].clone();  // it may share memory with others
  }
}

std::vector<std::vector<at::Tensor>> tensors_of_all(dist::Team& team, const std::vector<at::Tensor>& mine) {
  dist::WireWriter out;
  train::write(out, mine);
  std::vector<std::vector<at::Tensor>> all;
  for (const std::string& bytes : team.gather(out.take())) {
    dist::WireReader in(bytes);
    all.push_back(train::read_tensors(in));
  }
  return all;
}

at::Tensor rows_of_all(dist::Team& team, const at::Tensor& own_rows) {
  std::vector<at::Tensor> parts;
  for (auto& each : tensors_of_all(team, {own_rows})) parts.push_back(std::move(each[0]));
  return at::cat(parts);
}

at::Tensor logaddexp_of_all(dist::Team& team, const at::Tensor& values) {
  at::Tensor all;
  for (const auto& each : tensors_of_all(team, {values})) all = all.defined() ? at::logaddexp(all, each[0]) : each[0];
  return all;
}

void sum_over_ranks(dist::Team& team, const std::vector<at::Tensor>& leaves, std::vector<at::Tensor>& gradients) {
  gradients.resize(leaves.size());
  for (size_t begin = 0, last = 0; begin < gradients.size(); begin = last) {
    std::vector<at::Tensor> mine;
    for (size_t bytes = 0; last < gradients.size() && (last == begin || bytes < kBytesAtOnce); ++last) {
      mine.push_back(gradients[last]);
      bytes += leaves[last].nbytes();  // the same on all, also where there is no gradient
    }
    std::vector<at::Tensor> total;
    for (const auto& each : tensors_of_all(team, mine)) add_to(total, each);
    std::copy(total.begin(), total.end(), gradients.begin() + static_cast<ptrdiff_t>(begin));
  }
}

}  // namespace allot::contrast
