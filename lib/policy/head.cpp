// SPDX-License-Identifier: Apache-2.0
#include "policy/head.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>

#include "policy/instance.h"
#include "policy/tracker.h"

namespace allot::policy {
namespace {

/// Devices by number.
class NumberedHead : public Head {
 public:
  NumberedHead(nn::Parameters& parameters, const std::string& name, int64_t width, int64_t devices, int64_t hidden)
      : feeds_(parameters.glorot(name + ".devices", {devices + 1, hidden})),
        scores_(parameters.glorot(name + ".scores", {width, devices})) {}

  at::Tensor feeds(const DeviceFacts&) const override { return feeds_; }
  at::Tensor scores(const at::Tensor& state, const DeviceFacts&, const at::Tensor&, const at::Tensor&) const override {
    return state.matmul(scores_);
  }

 private:
  at::Tensor feeds_, scores_;
};

/// Devices by what they are. All devices share all weights, so they can be exchanged and there can be any number.
class FeaturedHead : public Head {
 public:
  FeaturedHead(nn::Parameters& parameters, const std::string& name, int64_t width, const NetworkSettings& settings)
      : device_(parameters.glorot(name + ".device", {kDeviceWidth, settings.hidden})),
        device_bias_(parameters.uniform(name + ".device_bias", {settings.hidden}, 0.1)),
        begin_(parameters.uniform(name + ".begin", {1, settings.hidden}, 0.1)),
        of_state_(parameters.glorot(name + ".of_state", {width, kInner})),
        of_device_(parameters.glorot(name + ".of_device", {settings.hidden, kInner})),
        of_pair_(parameters.glorot(name + ".of_pair", {kPairWidth, kInner})),
        score_(settings.schedule ? parameters.constant(name + ".score", {kInner, 1}, 0)
                                 : parameters.glorot(name + ".score", {kInner, 1})) {
    if (!settings.schedule) return;
    of_track_ = parameters.glorot(name + ".of_track", {kTrackWidth, kInner});
    track_score_ = parameters.constant(name + ".track_score", {kTrackWidth, 1}, 0);
  }

  at::Tensor feeds(const DeviceFacts& facts) const override { return at::cat({known(facts), begin_}); }

  at::Tensor scores(const at::Tensor& state, const DeviceFacts& facts, const at::Tensor& pairs,
                    const at::Tensor& tracked) const override {
    const auto device = known(facts).matmul(of_device_);             // [devices, inner]
    const auto pair = pairs.matmul(of_pair_).unsqueeze(1) + device;  // [steps, 1, devices, inner]
    auto inner = state.matmul(of_state_).unsqueeze(2) + pair;        // [steps, samples, devices, inner]
    if (!tracked.defined()) return inner.tanh().matmul(score_).squeeze(-1);
    inner = inner + tracked.matmul(of_track_);
    return (inner.tanh().matmul(score_) + tracked.matmul(track_score_)).squeeze(-1);
  }

 private:
  static constexpr int64_t kInner = 64;
  at::Tensor known(const DeviceFacts& facts) const { return at::addmm(device_bias_, facts.devices, device_).relu(); }

  at::Tensor device_, device_bias_, begin_, of_state_, of_device_, of_pair_, score_, of_track_, track_score_;
};

}  // namespace

std::unique_ptr<Head> make_head(nn::Parameters& parameters, const std::string& name, int64_t width, int64_t devices,
                                const NetworkSettings& settings) {
  if (settings.devices) return std::make_unique<FeaturedHead>(parameters, name, width, settings);
  return std::make_unique<NumberedHead>(parameters, name, width, devices, settings.hidden);
}

}  // namespace allot::policy
