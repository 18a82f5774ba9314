// SPDX-License-Identifier: Apache-2.0
// External-data files of a model: found, judged, mapped once each.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "ir/model.h"

namespace allot::onnxio {

/// The external-data keys of a tensor, checked for sense.
struct ExternalRange {
  ir::Str location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};
/// Errors: malformed for a missing location, a key twice, or a number that is none.
ExternalRange external_range(const ir::Tensor& tensor);

/// The folder that external locations of a model at `path` are relative to.
std::string model_folder(const std::string& path);

/// Opens `location` beneath `folder` for reading. Follows no symbolic link and never leaves the folder, which the
/// walk itself guarantees: each component is opened relative to the one before.
/// Errors: malformed for an absolute path, "..", a link, a file with several hard links or one that is not
/// regular; input_missing when it is not there.
int open_beneath(const std::string& folder, ir::Str location);

/// Gives external tensors of one model their payload.
class ExternalFiles {
 public:
  explicit ExternalFiles(ir::Model& model) : model_(model), folder_(model_folder(model.path)) {}
  /// Errors: those above; malformed when the file is too short.
  void attach(ir::Tensor& tensor);

 private:
  uint32_t file(ir::Str location);
  ir::Model& model_;
  std::string folder_;
  std::unordered_map<ir::Str, uint32_t> files_;
};

}  // namespace allot::onnxio
