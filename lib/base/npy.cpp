// SPDX-License-Identifier: Apache-2.0
// The header is a Python dictionary with three keys, padded by spaces; its grammar here is what NumPy writes.
#include "base/npy.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/safetensors.h"

namespace allot::base {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

class Header {
 public:
  Header(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  void read(NpyArray& array) {
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        array.dtype = dtype(quoted());
        has_descr = true;
      } else if (key == "fortran_order") {
        array.fortran_order = truth();
        has_order = true;
      } else if (key == "shape") {
        array.shape = shape();
        has_shape = true;
      } else {
        fail();
      }
      accept(',');
    }
    if (!has_descr || !has_order || !has_shape) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorKind::malformed, printable(path_), "its header is not one that NumPy writes",
                "store the array with numpy.save");
  }
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  bool accept(char wanted) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail();
  }
  std::string_view quoted() {
    skip_spaces();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) not_plain();
    const size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) fail();
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool truth() {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    fail();
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> dims;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), dim);
      if (error != std::errc{} || dim < 0) fail();
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      dims.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }
  std::string dtype(std::string_view descr) const {
    constexpr std::pair<std::string_view, const char*> kTypes[] = {
        {"f4", "F32"}, {"f8", "F64"}, {"f2", "F16"}, {"i8", "I64"}, {"i4", "I32"}, {"i2", "I16"},
        {"i1", "I8"},  {"u8", "U64"}, {"u4", "U32"}, {"u2", "U16"}, {"u1", "U8"},  {"b1", "BOOL"}};
    const std::string_view type = descr.substr(descr.empty() ? 0 : 1);
    const bool is_little = !descr.empty() && (descr.front() == '<' || descr.front() == '|' || descr.front() == '=');
    for (const auto& [npy, name] : kTypes)
      if (is_little && npy == type) return name;
    throw Error(ErrorKind::unavailable, printable(path_), fmt::format("holds elements of type '{}'", printable(descr)),
                "convert it to little-endian numbers or booleans");
  }
  [[noreturn]] void not_plain() const {
    throw Error(ErrorKind::unavailable, printable(path_), "holds structured elements", "store one plain array a file");
  }

  std::string_view rest_;
  const std::string& path_;
};

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// Bytes that the array takes, unless they overflow.
std::optional<uint64_t> size_of(const NpyArray& array) {
  uint64_t bytes = safetensors_dtype_bytes(array.dtype);
  for (const int64_t dim : array.shape)
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dim), &bytes)) return std::nullopt;
  return bytes;
}

}  // namespace

NpyArray read_npy(const std::string& path) { return read_npy(Bytes::open(path)); }

NpyArray read_npy(std::shared_ptr<const Bytes> file) {
  const std::string_view bytes = file->view();
  const std::string& path = file->path();
  const auto damaged = [&](std::string_view what) {
    return Error(ErrorKind::malformed, printable(path), what, "store the array with numpy.save");
  };
  if (bytes.size() < 12 || !bytes.starts_with(kMagic)) throw damaged("is no .npy file");
  const int version = bytes[6];
  if (version < 1 || version > 3) throw damaged(fmt::format("has format version {}", version));
  const size_t length_bytes = version == 1 ? 2 : 4, begin = 8 + length_bytes;
  const uint64_t length = little_endian(bytes.substr(8, length_bytes));
  if (length > bytes.size() - begin) throw damaged("ends within its header");
  NpyArray array;
  Header(bytes.substr(begin, length), path).read(array);
  const std::string_view data = bytes.substr(begin + length);
  const auto wanted = size_of(array);
  if (!wanted || *wanted != data.size())
    throw damaged(fmt::format("holds {} bytes of elements, which is not what its shape needs", data.size()));
  array.data = std::as_bytes(std::span(data.data(), data.size()));
  array.file = std::move(file);
  return array;
}

}  // namespace allot::base
