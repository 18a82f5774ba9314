// SPDX-License-Identifier: Apache-2.0
// Whether ONNX Runtime computes what the executor does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::train {

struct RuntimeCheck {
  std::string runtime;  // version
  int64_t items = 0;
  double largest_error = 0;  // of any output, relative to the largest of 1 and the number itself
  bool holds() const { return largest_error <= kTolerance; }
  static constexpr double kTolerance = 1e-4;
};

/// Runs a file on inputs in the order of its required ones in both. `python`: an interpreter; without onnxruntime
/// there: none; nor where that has no such operator, which is warned of. Errors: those of exec::Program; check_failed
/// when the interpreter ends otherwise or takes minutes.
std::optional<RuntimeCheck> check_runtime(const std::string& path, const std::vector<at::Tensor>& inputs,
                                          const std::string& python);

}  // namespace allot::train
