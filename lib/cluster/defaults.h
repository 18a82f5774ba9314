// SPDX-License-Identifier: Apache-2.0
// What a device gets when nothing is said about it.
#pragma once

#include "cluster/cluster.h"

namespace allot::cluster {

/// Efficiency of each operator class and overhead by `device.kind` and `device.vector_flops` (onnx-and-cost 6.5).
void set_class_defaults(Device& device);

/// How ONNX Runtime addresses the `ordinal`-th device of `kind`; empty for kinds it has no provider for.
OrtBinding default_binding(const std::string& kind, uint32_t ordinal);

/// What a layer assignment calls the devices of `provider`: "cuda"; its own name where it has no short one.
std::string designator_of(const std::string& provider);

}  // namespace allot::cluster
