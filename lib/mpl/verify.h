// SPDX-License-Identifier: Apache-2.0
// Whether ONNX Runtime computes what the executor does.
#pragma once

#include <optional>
#include <string>

#include "mpl/feed.h"
#include "train/runtime_check.h"

namespace allot::mpl {

using Verification = train::RuntimeCheck;

/// Runs the file on up to 256 items in both. `python`: an interpreter; without onnxruntime there: none.
/// Errors: those of exec::Program; check_failed when the interpreter ends otherwise or takes minutes.
std::optional<Verification> verify(const std::string& path, const Part& part, const std::vector<std::string>& features,
                                   const std::string& python);

}  // namespace allot::mpl
