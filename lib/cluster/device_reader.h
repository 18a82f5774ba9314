// SPDX-License-Identifier: Apache-2.0
// One entry of `devices:`.
#pragma once

#include "cluster/cluster.h"
#include "config/yaml.h"

namespace allot::cluster {

/// Adds the unknown keys of a device and of the maps in it.
void check_device_keys(const config::Node& node, config::UnknownKeys& unknown);

/// `ordinal` counts earlier devices of a kind: ONNX Runtime's device_id unless the file says otherwise.
/// Errors: config, with line and remedy, for anything missing, unknown or out of range.
class DeviceReader {
 public:
  Device read(const config::Node& node);

 private:
  std::map<std::string, uint32_t> seen_of_kind_;
};

}  // namespace allot::cluster
