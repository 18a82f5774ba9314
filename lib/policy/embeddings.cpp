// SPDX-License-Identifier: Apache-2.0
#include "policy/embeddings.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_eigh.h>
#include <c10/core/GradMode.h>

#include "nn/threads.h"
#include "policy/propose.h"

namespace allot::policy {
namespace {

std::vector<double> numbers(const at::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

}  // namespace

Projection project(const at::Tensor& rows) {
  Projection projection;
  const int64_t width = rows.size(1);
  if (rows.size(0) == 0) return projection;
  const auto centred = rows.to(at::kDouble) - rows.to(at::kDouble).mean(0, /*keepdim=*/true);
  const auto [variances, directions] = at::linalg_eigh(centred.t().matmul(centred));  // ascending
  const double all = variances.sum().item<double>();
  for (int64_t i = 0; i < std::min<int64_t>(2, width); ++i) {
    auto direction = directions.select(1, width - 1 - i);
    if (direction.select(0, direction.abs().argmax().item<int64_t>()).item<double>() < 0) direction = -direction;
    (i == 0 ? projection.x : projection.y) = numbers(centred.matmul(direction));
    const double variance = std::max(0.0, variances.select(0, width - 1 - i).item<double>());
    projection.explained[static_cast<size_t>(i)] = all > 0 ? variance / all : 0;
  }
  projection.y.resize(projection.x.size());
  return projection;
}

LearnedEmbeddings learned_embeddings(const Policy& policy, const Instance& instance) {
  const at::NoGradGuard no_gradients;
  nn::compute_alone();
  LearnedEmbeddings learned;
  learned.values = policy.network(instance).embed(instance).to(at::kFloat).contiguous();
  Projection projection = project(learned.values);
  Proposals likeliest = propose(policy, instance, 1, 0, 1);
  learned.picture = {instance.order,
                     std::move(projection.x),
                     std::move(projection.y),
                     projection.explained,
                     std::move(likeliest.placements.front()),
                     {}};
  if (!likeliest.groupings.empty()) learned.picture.groups = std::move(likeliest.groupings.front());
  return learned;
}

place::Embeddings table_of(const Instance& instance, const LearnedEmbeddings& learned, std::string policy_hash) {
  place::Embeddings table = place::without_columns(*instance.problem);
  const emit::EmbeddingPicture& picture = learned.picture;
  table.width = static_cast<uint32_t>(learned.values.size(1));
  table.columns = {{"learned", table.width}};
  table.policy_hash = std::move(policy_hash);
  table.values.resize(size_t{table.rows} * table.width);
  table.points.resize(size_t{table.rows} * 2);
  table.device_of_unit.assign(picture.devices.begin(), picture.devices.end());
  table.group_of_unit = picture.groups;
  const float* row = learned.values.const_data_ptr<float>();
  for (size_t element = 0; element < picture.units.size(); ++element, row += table.width) {
    const UnitId unit = picture.units[element];
    std::copy_n(row, table.width, table.values.begin() + static_cast<std::ptrdiff_t>(size_t{unit} * table.width));
    table.points[size_t{unit} * 2] = static_cast<float>(picture.x[element]);
    table.points[size_t{unit} * 2 + 1] = static_cast<float>(picture.y[element]);
  }
  return table;
}

}  // namespace allot::policy
