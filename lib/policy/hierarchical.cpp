// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "policy/decoder.h"
#include "policy/embedder.h"
#include "policy/groups.h"
#include "policy/network.h"

namespace allot::policy {
namespace {

constexpr uint32_t kGroupStream = 0x677270, kGroupNoiseStream = 0x676E6F;

class Hierarchical : public Network {
 public:
  Hierarchical(const NetworkSettings& settings, const Shape& shape, uint64_t seed)
      : Network(seed, settings.defects),
        settings_(settings),
        groups_(group_count(settings, shape.devices)),
        embedder_(parameters_, "embedder", settings, shape.vocabulary, shape.elements),
        hidden_(parameters_.glorot("grouper.hidden", {embedder_.width(), settings.grouper_hidden})),
        scores_(parameters_.glorot("grouper.scores", {settings.grouper_hidden, groups_})),
        group_embedder_(parameters_, "groups", settings, shape.vocabulary, embedder_.width(), groups_),
        decoder_(parameters_, "placer", group_embedder_.width(), shape.devices, settings) {}

  at::Tensor embed(const Instance& instance) const override { return embedder_(instance); }

  Samples sample(const Instance& instance, const at::Tensor& embeddings, const Draw& draw) const override {
    const c10::NoGradGuard no_gradient;
    Samples samples;
    samples.draw = draw;
    const auto scores = group_scores(embeddings, draw);
    samples.groups = choose(scores, numbers(instance, draw));
    samples.group_log_probability = scores.gather(1, samples.groups.unsqueeze(1)).squeeze(1);
    const Grouping grouping(instance, samples.groups, groups_, !settings_.devices);
    const Decoded decoded = decoder_.sample(group_embedder_(instance, grouping, embeddings), draw);
    samples.devices = decoded.devices;
    samples.log_probability = decoded.log_probability;
    return samples;
  }

  Scores score(const Instance& instance, const at::Tensor& embeddings, const Samples& samples) const override {
    const auto scores = group_scores(embeddings, samples.draw);
    const Grouping grouping(instance, samples.groups, groups_, !settings_.devices);
    const Scored scored =
        decoder_.score(group_embedder_(instance, grouping, embeddings), samples.devices, samples.draw);
    return {scored.log_probability, scored.entropy, scores.gather(1, samples.groups.unsqueeze(1)).squeeze(1),
            -(scores.exp() * scores).sum(1)};
  }

  std::vector<UnitPlacement> placements(const Instance& instance, const Samples& samples) const override {
    const Grouping grouping(instance, samples.groups, groups_, !settings_.devices);
    const auto devices = samples.devices.contiguous();
    std::vector<UnitPlacement> result;
    for (int64_t i = 0; i < devices.size(0); ++i)
      result.push_back(grouping.placement(devices.data_ptr<int64_t>() + i * devices.size(1)));
    return result;
  }

  std::vector<Samples> decisions(const Instance& instance,
                                 const std::vector<UnitPlacement>& placements) const override {
    std::vector<Samples> all;
    for (const UnitPlacement& placement : placements)
      all.push_back(group_by_placement(instance, placement, groups_, !settings_.devices));
    return all;
  }

 private:
  /// Each element's log-probability of each group.
  at::Tensor group_scores(const at::Tensor& embeddings, const Draw& draw) const {
    auto hidden = embeddings.matmul(hidden_);
    if (settings_.grouper_relu) hidden = hidden.relu();
    Draw one = draw;  // all placements of it share a grouping
    one.count = 1;
    const auto numbers = noise(one, kGroupNoiseStream, embeddings.size(0), groups_);
    return with_noise(hidden.matmul(scores_), numbers.defined() ? numbers.squeeze(1) : numbers, draw).log_softmax(1);
  }

  static std::vector<double> numbers(const Instance& instance, const Draw& draw) {
    if (draw.greedy) return {};
    Draw one = draw;
    one.count = 1;
    std::vector<double> flat;
    for (const auto& row : uniforms(one, kGroupStream, instance.elements())) flat.push_back(row.front());
    return flat;
  }

  NetworkSettings settings_;
  int64_t groups_;
  Embedder embedder_;
  at::Tensor hidden_, scores_;  // [width, grouper_hidden], [grouper_hidden, groups]
  GroupEmbedder group_embedder_;
  Decoder decoder_;
};

}  // namespace

std::unique_ptr<Network> make_hierarchical(const NetworkSettings& settings, const Shape& shape, uint64_t seed) {
  return std::make_unique<Hierarchical>(settings, shape, seed);
}

}  // namespace allot::policy
