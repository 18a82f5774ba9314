// SPDX-License-Identifier: Apache-2.0
// After: LeCun, Cortes, Burges, "The MNIST database", section on file formats.
#include "data/read_idx.h"

#include <algorithm>
#include <filesystem>

#include "base/safetensors.h"
#include "data/inflate.h"
#include "data/little_endian.h"
#include "data/numbers.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr size_t kMostRank = 8;

// Spelled as safetensors has it; nullptr for a byte that stands for no type.
const char* dtype_of(char type) {
  switch (type) {
    case 0x08:
      return "U8";
    case 0x09:
      return "I8";
    case 0x0B:
      return "I16";
    case 0x0C:
      return "I32";
    case 0x0D:
      return "F32";
    case 0x0E:
      return "F64";
    default:
      return nullptr;
  }
}

Array read_array(std::string name, const std::shared_ptr<const base::Bytes>& file, uint64_t most_bytes) {
  const std::string_view bytes = file->view();
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::malformed, printable(file->path()), what, "fetch it anew");
  };
  if (!is_idx(bytes)) fail("is no IDX file");
  const size_t rank = static_cast<unsigned char>(bytes[3]), header = 4 + 4 * rank;
  if (bytes.size() < header) fail("ends within its header");
  StoredArray stored{std::move(name), dtype_of(bytes[2]), {}, false, {}, file};
  for (size_t d = 0; d < rank; ++d)
    stored.shape.push_back(static_cast<int64_t>(big_endian(bytes.substr(4 + 4 * d, 4))));
  const size_t size = base::safetensors_dtype_bytes(stored.dtype);
  uint64_t wanted = size;
  for (const int64_t dim : stored.shape)
    if (__builtin_mul_overflow(wanted, static_cast<uint64_t>(dim), &wanted)) fail("has impossible dimensions");
  if (bytes.size() - header != wanted)
    fail(fmt::format("holds {} bytes of elements, its dimensions need {}", bytes.size() - header, wanted));
  stored.bytes = std::as_bytes(std::span(bytes.data() + header, bytes.size() - header));
  if (size == 1) return to_array(stored, file->path(), most_bytes);
  auto turned = std::make_shared<std::vector<std::byte>>(stored.bytes.begin(), stored.bytes.end());
  for (size_t i = 0; i < turned->size(); i += size) std::reverse(turned->begin() + i, turned->begin() + i + size);
  stored.bytes = *turned, stored.owner = turned;
  return to_array(stored, file->path(), most_bytes);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.rfind(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// The labels' file beside the images' at `path`, or nullptr.
std::shared_ptr<const base::Bytes> open_labels(const std::string& path, uint64_t most_bytes) {
  const std::filesystem::path images(path);
  const std::string stem = images.extension() == ".gz" ? images.stem().string() : images.filename().string();
  const std::string name = replaced(replaced(stem, "images", "labels"), "idx3", "idx1");
  if (name == stem) return nullptr;
  for (const char* suffix : {"", ".gz"}) {
    const std::string candidate = (images.parent_path() / (name + suffix)).string();
    if (!std::filesystem::exists(candidate)) continue;
    auto file = base::Bytes::open(candidate);
    if (!file->view().starts_with("\x1f\x8b")) return file;
    return base::Bytes::from(gunzip(file->view(), most_bytes, candidate), candidate);
  }
  return nullptr;
}

}  // namespace

bool is_idx(std::string_view bytes) {
  return bytes.size() >= 8 && bytes[0] == 0 && bytes[1] == 0 && dtype_of(bytes[2]) != nullptr && bytes[3] >= 1 &&
         static_cast<size_t>(bytes[3]) <= kMostRank;
}

Dataset read_idx(std::shared_ptr<const base::Bytes> file, const ReadOptions& options) {
  std::vector<Array> arrays{read_array("x", file, options.most_bytes)};
  if (const auto labels = open_labels(file->path(), options.most_bytes)) {
    const std::string name = options.label.empty() ? "y" : options.label;
    arrays.push_back(read_array(name, labels, options.most_bytes));
  }
  return assemble(std::move(arrays), file->path(), options);
}

}  // namespace allot::data
