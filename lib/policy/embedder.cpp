// SPDX-License-Identifier: Apache-2.0
#include "policy/embedder.h"

#include <vector>

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

namespace allot::policy {
namespace {

int64_t neighbour_width(const NetworkSettings& settings, int64_t elements) {
  if (settings.neighbours == "one-hot") return 2 * elements;
  return settings.neighbours == "indices" ? kNeighbourWidth : 0;
}

}  // namespace

Embedder::Embedder(nn::Parameters& parameters, const std::string& name, const NetworkSettings& settings,
                   int64_t vocabulary, int64_t elements)
    : width_(kTypeWidth + kShapeWidth + neighbour_width(settings, elements) + (settings.costs ? kCostWidth + 1 : 0)),
      costs_(settings.costs),
      types_(parameters.uniform(name + ".types", {vocabulary, kTypeWidth}, 0.5)) {
  if (settings.neighbours != "messages") return;
  messages_ = std::make_unique<nn::GraphNet>(parameters, name + ".messages", width_, settings.hidden,
                                             static_cast<int>(settings.rounds));
  width_ = settings.hidden;
}

at::Tensor Embedder::operator()(const Instance& instance) const {
  const auto none = at::zeros({instance.elements(), kTypeWidth}, types_.options().requires_grad(false));
  const auto type = none.index_add(0, instance.type_element, types_.index_select(0, instance.type));
  std::vector<at::Tensor> parts = {type, instance.shapes};
  if (instance.neighbours.defined()) parts.push_back(instance.neighbours);
  if (costs_) parts.insert(parts.end(), {instance.costs, instance.members});
  const auto features = at::cat(parts, 1);
  return messages_ ? (*messages_)(features, instance.edges) : features;
}

}  // namespace allot::policy
