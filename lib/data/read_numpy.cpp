// SPDX-License-Identifier: Apache-2.0
#include "data/read_numpy.h"

#include <set>

#include "base/npy.h"
#include "data/numbers.h"
#include "data/zip.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

StoredArray stored(std::string name, std::shared_ptr<const base::Bytes> file) {
  base::NpyArray array = base::read_npy(std::move(file));
  return {std::move(name), array.dtype, array.shape, array.fortran_order, array.data, array.file};
}

std::string npy(const Array& array) {
  std::string shape;
  for (const int64_t dim : array.shape) shape += std::to_string(dim) + ",";
  const char* const type = array.dtype == DType::uint8 ? "|u1" : array.dtype == DType::int64 ? "<i8" : "<f4";
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, shape);
  constexpr size_t kPreamble = 10, kAlignment = 64;
  header.resize((kPreamble + header.size() + kAlignment) / kAlignment * kAlignment - kPreamble - 1, ' ');
  header += '\n';
  std::string text("\x93NUMPY\1\0", 8);
  text += static_cast<char>(header.size() & 255);
  text += static_cast<char>(header.size() >> 8);
  text += header;
  return text.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
}

}  // namespace

Dataset read_npy_dataset(std::shared_ptr<const base::Bytes> file, const ReadOptions& options) {
  const std::string path = file->path();
  return assemble({to_array(stored("x", std::move(file)), path, options.most_bytes)}, path, options);
}

Dataset read_npz(std::shared_ptr<const base::Bytes> file, const ReadOptions& options) {
  const std::string path = file->path();
  std::vector<Array> arrays;
  std::set<std::string> names;
  for (ZipEntry& entry : read_zip(*file, options.most_bytes)) {
    std::string name = entry.name;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    if (!names.insert(name).second)
      throw Error(ErrorKind::malformed, printable(path), fmt::format("holds '{}' twice", printable(name)));
    const auto content = base::Bytes::from(std::move(entry.content), path + ": " + entry.name);
    arrays.push_back(to_array(stored(std::move(name), content), path, options.most_bytes));
  }
  return assemble(std::move(arrays), path, options);
}

void write_npz(const std::string& path, const Dataset& dataset, base::Replace replace) {
  std::vector<ZipEntry> entries;
  for (const Array& array : dataset.features) entries.push_back({array.name + ".npy", npy(array)});
  if (dataset.label_kind != LabelKind::none) entries.push_back({"y.npy", npy(dataset.labels)});
  base::write_file(path, write_zip(entries), replace);
}

}  // namespace allot::data
