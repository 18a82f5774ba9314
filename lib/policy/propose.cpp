// SPDX-License-Identifier: Apache-2.0
#include "policy/propose.h"

#include <algorithm>

#include <c10/core/GradMode.h>

#include "base/parallel.h"
#include "nn/threads.h"

namespace allot::policy {
namespace {

constexpr int64_t kTogether = 8;  // decoded in step; few enough that every core has some

std::vector<Draw> draws_for(int64_t count, uint64_t seed) {
  std::vector<Draw> draws = {{.seed = seed, .greedy = true}};
  for (int64_t first = 1; first < count; first += kTogether)
    draws.push_back({.seed = seed, .first = static_cast<uint32_t>(first), .count = std::min(kTogether, count - first)});
  return draws;
}

std::vector<double> log_probabilities(const Samples& samples) {
  const Scores scores{samples.log_probability, {}, samples.group_log_probability, {}};
  const auto joint = scores.joint().to(at::kDouble).contiguous();
  return {joint.data_ptr<double>(), joint.data_ptr<double>() + joint.numel()};
}

place::GroupOfUnit groups_by_unit(const Instance& instance, const at::Tensor& groups) {
  place::GroupOfUnit by_unit(instance.problem->graph().num_units(), place::kNoGroup);
  for (size_t element = 0; element < instance.order.size(); ++element)
    by_unit[instance.order[element]] = static_cast<int32_t>(groups.const_data_ptr<int64_t>()[element]);
  return by_unit;
}

}  // namespace

Proposals propose(const Policy& policy, const Instance& instance, int64_t count, uint64_t seed, unsigned threads) {
  const Network& network = policy.network(instance);
  const auto draws = draws_for(count, seed);
  const at::NoGradGuard no_gradients;
  nn::compute_alone();
  const at::Tensor embeddings = network.embed(instance);
  std::vector<Proposals> parts(draws.size());
  base::parallel_for(draws.size(), threads, [&](size_t i) {
    nn::compute_alone();
    const Samples samples = network.sample(instance, embeddings, draws[i]);
    parts[i] = {network.placements(instance, samples), log_probabilities(samples), {}, {}};
    if (samples.groups.defined()) parts[i].groupings = {groups_by_unit(instance, samples.groups)};
  });
  Proposals all;
  for (Proposals& part : parts) {
    if (!part.groupings.empty()) {
      all.grouping.insert(all.grouping.end(), part.placements.size(), static_cast<uint32_t>(all.groupings.size()));
      all.groupings.push_back(std::move(part.groupings.front()));
    }
    std::move(part.placements.begin(), part.placements.end(), std::back_inserter(all.placements));
    all.log_probability.insert(all.log_probability.end(), part.log_probability.begin(), part.log_probability.end());
  }
  return all;
}

}  // namespace allot::policy
