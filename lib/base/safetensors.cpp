// SPDX-License-Identifier: Apache-2.0
#include "base/safetensors.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace allot::base {
namespace {

const std::map<std::string, size_t> kDtypeBytes = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
                                                   {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
                                                   {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
constexpr uint64_t kMaxHeader = 100'000'000;

}  // namespace

size_t safetensors_dtype_bytes(const std::string& dtype) {
  const auto found = kDtypeBytes.find(dtype);
  if (found == kDtypeBytes.end())
    throw Error(ErrorKind::malformed, "", fmt::format("unknown safetensors dtype '{}'", printable(dtype)));
  return found->second;
}

void write_safetensors(const std::string& path, const std::vector<SafeTensor>& tensors,
                       const std::map<std::string, std::string>& metadata, Replace replace) {
  JsonWriter json(0);
  json.begin_object();
  json.key("__metadata__").begin_object();
  for (const auto& [key, text] : metadata) json.field(key, text);
  json.end_object();
  uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    json.key(tensor.name).begin_object();
    json.field("dtype", tensor.dtype).field("shape", tensor.shape);
    json.field("data_offsets", std::vector<uint64_t>{offset, offset + tensor.data.size()});
    json.end_object();
    offset += tensor.data.size();
  }
  std::string header = json.end_object().str();
  header.pop_back();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the format aligns the data by spaces
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));

  AtomicFile file(path, replace);
  file.write(length);
  file.write(header);
  for (const auto& tensor : tensors)
    file.write({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
  file.commit();
}

SafeTensors read_safetensors(const std::string& path) {
  SafeTensors result;
  result.file = Bytes::open(path);
  const auto fail = [&](std::string_view what) { throw Error(ErrorKind::malformed, printable(path), what); };
  const std::string_view all = result.file->view();
  if (all.size() < 8) fail("is too short for a safetensors file");
  uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) header_size = header_size << 8 | static_cast<unsigned char>(all[i]);
  if (header_size > kMaxHeader || header_size > all.size() - 8) fail("its safetensors header is longer than the file");
  const auto header_text = all.substr(8, header_size);
  const auto header = parse_json(header_text, path);
  if (!header.is_object()) fail("its safetensors header is not an object");
  const uint64_t data_size = all.size() - 8 - header_size;
  const auto* data = reinterpret_cast<const std::byte*>(all.data() + 8 + header_size);

  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  try {
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      SafeTensor tensor{name, entry.at("dtype").get<std::string>(), entry.at("shape").get<std::vector<int64_t>>(), {}};
      const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
      if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_size)
        fail(fmt::format("tensor '{}' lies outside the file", printable(name)));
      uint64_t bytes = safetensors_dtype_bytes(tensor.dtype);
      for (const int64_t dim : tensor.shape)
        if (dim < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(dim), &bytes))
          fail(fmt::format("tensor '{}' has an impossible shape", printable(name)));
      if (bytes != offsets[1] - offsets[0])
        fail(fmt::format("tensor '{}' holds {} bytes, its shape needs {}", printable(name), offsets[1] - offsets[0],
                         bytes));
      tensor.data = {data + offsets[0], data + offsets[1]};
      ranges.emplace_back(offsets[0], offsets[1]);
      result.tensors.emplace(name, std::move(tensor));
    }
  } catch (const nlohmann::json::exception& error) {
    fail(fmt::format("its safetensors header is malformed: {}", printable(error.what())));
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t end = 0;
  for (const auto& [first, last] : ranges) {
    if (first != end) fail("its tensors overlap or leave gaps");
    end = last;
  }
  if (end != data_size) fail("has bytes after its last tensor");
  return result;
}

}  // namespace allot::base
