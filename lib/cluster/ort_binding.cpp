// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cluster/defaults.h"

namespace allot::cluster {
namespace {

struct ProviderRow {
  const char *kind, *provider, *designator;
  bool has_device_id;
};

// Designators as ONNX Runtime's layer assignment reads them (onnx-and-cost 2.3); where a short one could match
// another provider too, the provider's own name is exact.
constexpr ProviderRow kProviders[] = {
    {"cpu", "CPUExecutionProvider", "cpu", false},
    {"cuda", "CUDAExecutionProvider", "cuda", true},
    {"tensorrt", "TensorrtExecutionProvider", "TensorrtExecutionProvider", true},
    {"rocm", "MIGraphXExecutionProvider", "MIGraphXExecutionProvider", true},
    {"webgpu", "WebGpuExecutionProvider", "WebGpuExecutionProvider", false},
    {"dml", "DmlExecutionProvider", "dml", true},
    {"openvino", "OpenVINOExecutionProvider", "OpenVINOExecutionProvider", false},
    {"qnn", "QNNExecutionProvider", "QNNExecutionProvider", false},
    {"coreml", "CoreMLExecutionProvider", "CoreMLExecutionProvider", false},
};

}  // namespace

OrtBinding default_binding(const std::string& kind, uint32_t ordinal) {
  for (const auto& row : kProviders) {
    if (kind != row.kind) continue;
    OrtBinding binding{row.designator, row.provider, {}};
    if (row.has_device_id) binding.provider_options["device_id"] = fmt::format("{}", ordinal);
    return binding;
  }
  return {};
}

std::string designator_of(const std::string& provider) {
  for (const auto& row : kProviders)
    if (provider == row.provider) return row.designator;
  return provider;
}

}  // namespace allot::cluster
