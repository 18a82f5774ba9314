// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "onnxio/external.h"
#include "onnxio/tensors.h"
#include "onnxio/writer.h"

namespace allot::onnxio {
namespace {

namespace fs = std::filesystem;

std::set<ir::Str> locations(const ir::Model& model) {
  std::set<ir::Str> result;
  each_tensor(model, [&](const ir::Tensor& tensor, const auto&) {
    if (tensor.payload.where == ir::Payload::Where::external) result.insert(external_range(tensor).location);
  });
  return result;
}

/// Ranges of external files with new content, by location.
using Patches = std::map<ir::Str, std::vector<const ir::Tensor*>>;

Patches find_patches(const ir::Model& model) {
  Patches patches;
  each_tensor(model, [&](const ir::Tensor& tensor, const auto&) {
    if (tensor.payload.where == ir::Payload::Where::external && tensor.payload.owned)
      patches[external_range(tensor).location].push_back(&tensor);
  });
  return patches;
}

std::string patched(std::string_view source, const std::vector<const ir::Tensor*>& patches) {
  std::string content(source);
  for (const ir::Tensor* tensor : patches) {
    const auto range = external_range(*tensor);
    ALLOT_ASSERT(range.offset <= content.size() && tensor->payload.owned->size() <= content.size() - range.offset);
    content.replace(range.offset, tensor->payload.owned->size(), *tensor->payload.owned);
  }
  return content;
}

bool holds(const std::string& path, std::string_view content) {
  if (!fs::is_regular_file(path) || fs::file_size(path) != content.size()) return false;
  return base::Bytes::open(path)->view() == content;
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw base::Error(base::ErrorKind::cannot_create, base::printable(folder.string()),
                      "cannot create the folder: " + error.message());
}

}  // namespace

std::vector<std::string> copy_external_data(const ir::Model& model, const std::string& output, base::Replace replace) {
  std::vector<std::string> written;
  const auto from = model_folder(model.path), to = model_folder(output);
  const Patches patches = find_patches(model);
  if (output == "-" || base::same_file(from, to)) {
    if (patches.empty()) return written;
    throw base::Error(base::ErrorKind::cannot_create, base::printable(output),
                      "its external data would replace that of the model itself", "write into another folder");
  }
  for (const auto location : locations(model)) {
    const auto source = base::Bytes::adopt_fd(open_beneath(from, location), (fs::path(from) / location).string());
    const auto target = (fs::path(to) / location).string();
    const auto found = patches.find(location);
    const std::string changed = found == patches.end() ? "" : patched(source->view(), found->second);
    const std::string_view content = found == patches.end() ? source->view() : std::string_view(changed);
    if (holds(target, content)) continue;
    create_folder(fs::path(target).parent_path());
    base::write_file(target, content, replace);
    written.push_back(target);
  }
  return written;
}

}  // namespace allot::onnxio
