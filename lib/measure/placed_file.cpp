// SPDX-License-Identifier: Apache-2.0
#include "measure/placed_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <stdlib.h>

#include "base/error.h"
#include "cli/version.h"
#include "emit/annotate.h"
#include "onnxio/writer.h"

namespace allot::measure {

namespace fs = std::filesystem;

PlacedFile::PlacedFile(ir::Model& model, const cluster::Cluster& cluster) : model_(model), cluster_(cluster) {
  std::string pattern = (fs::temp_directory_path() / "allot-measure-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw base::Error(base::ErrorKind::cannot_create, base::printable(pattern),
                      fmt::format("cannot create a folder: {}", std::strerror(errno)), "name another in TMPDIR");
  folder_ = pattern;
}

PlacedFile::~PlacedFile() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string PlacedFile::write(const std::vector<cluster::DeviceId>& device_of_node) {
  const std::string path = (fs::path(folder_) / "placed.onnx").string();
  place::Sidecar sidecar;
  sidecar.version = std::string(cli::version());
  emit::annotate(model_, cluster_, device_of_node, sidecar);
  if (!copied_) onnxio::copy_external_data(model_, path, base::Replace::any);
  copied_ = true;
  onnxio::write(model_, path, base::Replace::any);
  return path;
}

}  // namespace allot::measure
