// SPDX-License-Identifier: Apache-2.0
// How a decoder knows devices: what it is fed of the last choice, and how it scores the next one.
#pragma once

#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"
#include "policy/settings.h"

namespace allot::policy {

/// What is known of devices and of elements on them; undefined where devices are but numbers.
struct DeviceFacts {
  at::Tensor devices;  // [devices, kDeviceWidth]
  at::Tensor pairs;    // [elements, devices, kPairWidth]
};

class Head {
 public:
  virtual ~Head() = default;
  /// What the decoder is fed after each choice, and last what it begins with: [devices + 1, hidden].
  virtual at::Tensor feeds(const DeviceFacts& facts) const = 0;
  /// state [steps, samples, width] -> scores [steps, samples, devices]. pairs [steps, devices, kPairWidth] of the same
  /// steps; tracked [steps, samples, devices, kTrackWidth], or undefined.
  virtual at::Tensor scores(const at::Tensor& state, const DeviceFacts& facts, const at::Tensor& pairs,
                            const at::Tensor& tracked) const = 0;
};

/// `width` of the state. With settings.devices any number of devices is served, and `devices` plays no part; otherwise
/// a vector is learned for each, and the scores are one product, as published (placement 1.4).
std::unique_ptr<Head> make_head(nn::Parameters& parameters, const std::string& name, int64_t width, int64_t devices,
                                const NetworkSettings& settings);

}  // namespace allot::policy
