// SPDX-License-Identifier: Apache-2.0
#include "policy/decoder.h"
#include "policy/embedder.h"
#include "policy/network.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

namespace allot::policy {
namespace {

class Flat : public Network {
 public:
  Flat(const NetworkSettings& settings, const Shape& shape, uint64_t seed)
      : Network(seed, settings.defects),
        settings_(settings),
        embedder_(parameters_, "embedder", settings, shape.vocabulary, shape.elements),
        decoder_(parameters_, "placer", embedder_.width(), shape.devices, settings) {}

  at::Tensor embed(const Instance& instance) const override { return embedder_(instance); }

  Samples sample(const Instance& instance, const at::Tensor& embeddings, const Draw& draw) const override {
    const Decoded decoded = decoder_.sample(sequence(instance, embeddings), draw);
    return {draw, decoded.devices, {}, decoded.log_probability, {}};
  }

  Scores score(const Instance& instance, const at::Tensor& embeddings, const Samples& samples) const override {
    const Scored scored = decoder_.score(sequence(instance, embeddings), samples.devices, samples.draw);
    return {scored.log_probability, scored.entropy, {}, {}};
  }

  std::vector<UnitPlacement> placements(const Instance& instance, const Samples& samples) const override {
    std::vector<UnitPlacement> result;
    const auto devices = samples.devices.contiguous();
    for (int64_t i = 0; i < devices.size(0); ++i)
      result.push_back(instance.placement(devices.data_ptr<int64_t>() + i * devices.size(1)));
    return result;
  }

  std::vector<Samples> decisions(const Instance& instance,
                                 const std::vector<UnitPlacement>& placements) const override {
    const auto count = static_cast<int64_t>(placements.size());
    Samples samples;
    samples.draw.count = count;
    samples.devices = at::empty({count, instance.elements()}, at::kLong);
    for (int64_t i = 0; i < count; ++i) {
      const auto devices = instance.devices_of(placements[static_cast<size_t>(i)]);
      std::copy(devices.begin(), devices.end(), samples.devices.data_ptr<int64_t>() + i * instance.elements());
    }
    return {samples};
  }

 private:
  Sequence sequence(const Instance& instance, const at::Tensor& embeddings) const {
    Sequence sequence{embeddings, instance.mask, {instance.device_features, instance.pairs}, {}};
    if (settings_.schedule) sequence.make_tracker = [&] { return std::make_unique<ScheduleTracker>(instance); };
    return sequence;
  }

  NetworkSettings settings_;
  Embedder embedder_;
  Decoder decoder_;
};

}  // namespace

Samples Network::sample(const Instance& instance, const Draw& draw) const {
  const c10::NoGradGuard no_gradient;
  return sample(instance, embed(instance), draw);
}

at::Tensor Scores::joint() const {
  const auto devices = log_probability.sum(1);
  return group_log_probability.defined() ? devices + group_log_probability.sum() : devices;
}

std::unique_ptr<Network> make_flat(const NetworkSettings& settings, const Shape& shape, uint64_t seed) {
  return std::make_unique<Flat>(settings, shape, seed);
}

}  // namespace allot::policy
