// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <filesystem>
#include <set>

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
  if (output == "-" || base::same_file(from, to)) return written;
  for (const auto location : locations(model)) {
    const auto source = base::Bytes::adopt_fd(open_beneath(from, location), (fs::path(from) / location).string());
    const auto target = (fs::path(to) / location).string();
    if (holds(target, source->view())) continue;
    create_folder(fs::path(target).parent_path());
    base::write_file(target, source->view(), replace);
    written.push_back(target);
  }
  return written;
}

}  // namespace allot::onnxio
