// SPDX-License-Identifier: Apache-2.0
#include "data/read.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/safetensors.h"
#include "data/inflate.h"
#include "data/numbers.h"
#include "data/read_cifar.h"
#include "data/read_idx.h"
#include "data/read_images.h"
#include "data/read_numpy.h"
#include "data/read_table.h"

namespace allot::data {
namespace {

namespace fs = std::filesystem;

Dataset read_tensors(const std::string& path, const ReadOptions& options) {
  const base::SafeTensors file = base::read_safetensors(path);
  std::vector<Array> arrays;
  for (const auto& [name, tensor] : file.tensors)
    arrays.push_back(
        to_array({name, tensor.dtype, tensor.shape, false, tensor.data, file.file}, path, options.most_bytes));
  return assemble(std::move(arrays), path, options);
}

Dataset read_file(const std::string& path, const ReadOptions& options) {
  auto file = base::Bytes::open(path);
  std::string name = path;
  if (file->view().starts_with("\x1f\x8b")) {
    file = base::Bytes::from(gunzip(file->view(), options.most_bytes, path), path);
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
  }
  const std::string_view bytes = file->view();
  if (name.ends_with(".csv")) return read_table(file, ',', options);
  if (name.ends_with(".tsv")) return read_table(file, '\t', options);
  if (name.ends_with(".safetensors")) return read_tensors(path, options);
  if (name.ends_with(".jsonl")) return read_manifest(file, options);
  if (name.ends_with(".bin")) return read_cifar(file);
  if (bytes.starts_with("\x93NUMPY")) return read_npy_dataset(std::move(file), options);
  if (bytes.starts_with("PK\3\4") || bytes.starts_with("PK\5\6")) return read_npz(std::move(file), options);
  if (is_idx(bytes)) return read_idx(std::move(file), options);
  throw base::Error(base::ErrorKind::malformed, base::printable(path), "is in no format that datasets come in",
                    "give .npz, .npy, .safetensors, .csv, .tsv, .jsonl, IDX, CIFAR's .bin or a folder");
}

bool is_published_name(const std::string& name) {
  for (const char* cifar : {"train.bin", "test.bin", "test_batch.bin"})
    if (name == cifar) return true;
  return name.find("images-idx3-ubyte") != std::string::npos ||
         (name.starts_with("data_batch_") && name.ends_with(".bin"));
}

// Image files by class, or the files of a published dataset in one folder, those for testing as that part.
Dataset read_folder(const std::string& path, const ReadOptions& options) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (is_published_name(entry.path().filename().string())) files.push_back(entry.path().string());
  if (files.empty()) return read_image_folder(path, options);
  std::sort(files.begin(), files.end());
  std::vector<Dataset> datasets;
  for (const std::string& file : files) {
    const std::string name = fs::path(file).filename().string();
    const bool is_test = name.starts_with("t10k") || name.starts_with("test");
    datasets.push_back(read_file(file, options));
    datasets.back().parts.assign(static_cast<size_t>(datasets.back().size()), is_test ? "test" : "train");
  }
  Dataset all = concatenate(std::move(datasets));
  all.origin = path;
  return all;
}

}  // namespace

Dataset read(const std::string& path, const ReadOptions& options) {
  try {
    return fs::is_directory(path) ? read_folder(path, options) : read_file(path, options);
  } catch (const fs::filesystem_error& error) {
    const bool is_denied = error.code() == std::errc::permission_denied;
    throw base::Error(is_denied ? base::ErrorKind::permission : base::ErrorKind::io,
                      base::printable(error.path1().string()), error.code().message());
  }
}

Dataset read(const std::vector<std::string>& paths, const ReadOptions& options) {
  std::vector<Dataset> datasets;
  for (const std::string& path : paths) {
    datasets.push_back(read(path, options));
    if (paths.size() == 1 || datasets.back().ids.empty()) continue;
    for (std::string& id : datasets.back().ids) id = (fs::path(path).filename() / id).string();
  }
  return concatenate(std::move(datasets));
}

}  // namespace allot::data
