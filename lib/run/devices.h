// SPDX-License-Identifier: Apache-2.0
// What runs a device's share on this machine: cores of the processor, or a GPU driven by one of them.
#pragma once

#include <string>
#include <vector>

#include <c10/core/Device.h>

namespace allot::run {

/// A device as the user names it.
struct DeviceRequest {
  std::string name;
  bool is_cuda = false;
  int index = 0;  // of the GPU
};

struct LocalDevice {
  std::string name;
  c10::Device device = c10::kCPU;
  std::vector<int> cores;  // that its threads are bound to; shared with others when there are more devices than cores
};

/// Gives every CPU device its own cores: `threads` of those this process may use (0: all), in equal shares, the first
/// devices taking what is left over; GPUs share the last core. Errors: unavailable for a GPU that is not there.
std::vector<LocalDevice> find_devices(const std::vector<DeviceRequest>& requests, unsigned threads);

/// The cores that this process may use.
std::vector<int> usable_cores();
/// Binds the calling thread and its torch threads to the cores of a device.
void bind_to(const LocalDevice& device);

}  // namespace allot::run
