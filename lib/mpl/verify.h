// SPDX-License-Identifier: Apache-2.0
// Whether ONNX Runtime computes what the executor does.
#pragma once

#include <optional>
#include <string>

#include "mpl/feed.h"

namespace allot::mpl {

struct Verification {
  std::string runtime;  // version
  int64_t items = 0;
  double largest_error = 0;  // of any output, relative to the largest of 1 and the number itself
  bool holds() const { return largest_error <= kTolerance; }
  static constexpr double kTolerance = 1e-4;
};

/// Runs the file on up to 256 items in both. `python`: an interpreter; without onnxruntime there: none.
/// Errors: those of exec::Program; check_failed when the interpreter ends otherwise or takes minutes.
std::optional<Verification> verify(const std::string& path, const Part& part, const std::vector<std::string>& features,
                                   const std::string& python);

}  // namespace allot::mpl
