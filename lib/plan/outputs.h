// SPDX-License-Identifier: Apache-2.0
// The files that placer-apply leaves behind.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "plan/input.h"
#include "plan/placed.h"

namespace allot::plan {

struct OutputOptions {
  std::string output;  // annotated model; "" = none; "-" = standard output, without a sidecar
  std::string report, trace, dot, depfile;
  std::string split;                 // folder of sub-models
  std::vector<std::string> exports;  // KIND=FILE, see emit/exports.h
  std::string stage_numbering = "device", ir_version = "auto";
  bool verify = false;  // run ONNX's checker on what is written

  void bind(config::Binder& binder);
  /// Any file is to be written.
  bool wanted() const;
  /// <output stem>.placement.json beside the output; "" when there is none.
  std::string sidecar() const;
  /// Refuses outputs that may not be written, or that name one file twice, before any work is done.
  void check(base::Replace replace, const std::vector<std::string>& inputs) const;
};

/// Writes all that is asked for, the sidecar after everything it describes. Returns the paths, in order.
std::vector<std::string> write_outputs(Input& input, const Placed& placed, const OutputOptions& options,
                                       base::Replace replace);

/// The inverse of annotating: the model without anything of ours. Returns the number of nodes that were annotated.
size_t strip_file(const std::string& model_path, const std::string& output, base::Replace replace);

/// "a b: c d" with the escapes that Make needs.
std::string make_rule(const std::vector<std::string>& targets, const std::vector<std::string>& prerequisites);

}  // namespace allot::plan
