// SPDX-License-Identifier: Apache-2.0
#include "train/owners.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include <c10/core/GradMode.h>

#include "base/error.h"
#include "train/tensor_wire.h"

namespace allot::train {
namespace {

constexpr size_t kBytesAtOnce = size_t{16} << 20;

}  // namespace

std::vector<uint32_t> deal_owners(const std::vector<nn::TrainedTensor>& tensors, uint32_t ranks) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return tensors[a].tensor.nbytes() > tensors[b].tensor.nbytes(); });
  std::vector<uint32_t> owners(tensors.size());
  std::vector<size_t> bytes(ranks, 0);
  for (const size_t i : order) {
    const auto least = std::min_element(bytes.begin(), bytes.end());
    owners[i] = static_cast<uint32_t>(least - bytes.begin());
    *least += tensors[i].tensor.nbytes();
  }
  return owners;
}

void share_owned(dist::Team& team, const std::vector<nn::TrainedTensor>& tensors, const std::vector<uint32_t>& owners) {
  const at::NoGradGuard no_gradients;
  for (size_t begin = 0, end = 0; begin < tensors.size(); begin = end) {
    dist::WireWriter mine;
    for (size_t bytes = 0; end < tensors.size() && (end == begin || bytes < kBytesAtOnce); ++end) {
      bytes += tensors[end].tensor.nbytes();
      if (owners[end] == team.rank()) write(mine, tensors[end].tensor);
    }
    const auto all = team.gather(mine.take());
    std::vector<dist::WireReader> from(all.begin(), all.end());
    for (size_t i = begin; i < end; ++i) {
      if (owners[i] == team.rank()) continue;
      at::Tensor tensor = tensors[i].tensor;
      tensor.copy_(read_tensor(from[owners[i]]));
    }
  }
}

std::vector<nn::NamedTensor> on_first(dist::Team& team, std::vector<nn::NamedTensor> own) {
  if (!team.is_first()) {
    dist::WireWriter count;
    count.number(static_cast<uint64_t>(own.size()));
    team.send(0, count.take());
    for (const auto& [name, tensor] : own) {
      dist::WireWriter out;
      out.text(name);
      write(out, tensor);
      team.send(0, out.take());
    }
    return {};
  }
  std::set<std::string> names;
  for (const auto& each : own) names.insert(each.first);
  for (uint32_t rank = 1; rank < team.size(); ++rank) {
    const std::string count = team.receive(rank).bytes;
    for (auto left = dist::WireReader(count).number<uint64_t>(); left > 0; --left) {
      const std::string bytes = team.receive(rank).bytes;
      dist::WireReader in(bytes);
      std::string name = in.text();
      if (names.insert(name).second) own.emplace_back(std::move(name), read_tensor(in));
    }
  }
  return own;
}

}  // namespace allot::train
