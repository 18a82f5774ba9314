// SPDX-License-Identifier: Apache-2.0
// What ONNX Runtime needs to honour a placement (onnx-and-cost 2).
#pragma once

#include <string>
#include <vector>

#include "cluster/cluster.h"

namespace allot::emit {

/// `session.layer_assignment_settings` for the used devices [devices]: "cuda(=allot.d1); cpu(=allot.d0)", exact rules
/// only, since a prefix rule for d1 would capture d10. Empty when one session cannot serve them all: see
/// provider_conflicts (the caller warns).
std::string layer_assignment_settings(const cluster::Cluster& cluster, const std::vector<bool>& used);

/// The used devices, the CPU provider's last: ONNX Runtime gives a node without annotation to the first provider that
/// takes it.
std::vector<cluster::DeviceId> session_order(const cluster::Cluster& cluster, const std::vector<bool>& used);

/// Names of used devices without a provider, or sharing its type or designator with an earlier used one: a session
/// has one instance of each. Empty = one session suffices.
std::vector<std::string> provider_conflicts(const cluster::Cluster& cluster, const std::vector<bool>& used);

/// A ready Python snippet that opens `model_path` with the right providers and settings; empty when one session does
/// not suffice.
std::string python_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used,
                           const std::string& model_path);

/// The same as a C++ function that returns the session.
std::string cpp_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used, const std::string& model_path);

/// `session_options` of an onnxruntime-genai configuration, as JSON; empty when one session does not suffice.
std::string genai_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used);

/// What onnxruntime-genai calls a provider: "CUDAExecutionProvider" -> "cuda".
std::string genai_provider(const std::string& provider);

constexpr const char* kCpuProvider = "CPUExecutionProvider";
constexpr const char* kMinOrtVersion = "1.25";
constexpr const char* kMinOrtNamesVersion = "1.29";  // assignment by node names

}  // namespace allot::emit
