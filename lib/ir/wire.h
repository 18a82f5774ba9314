// SPDX-License-Identifier: Apache-2.0
// The protobuf wire format: fields of a message one after the other, with 64-bit lengths, nothing copied.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ir/model.h"

namespace allot::ir::wire {

static_assert(std::endian::native == std::endian::little, "payloads and fixed-width fields are little-endian");

enum class Type : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// One field as it stands in the file.
struct Field {
  uint32_t number = 0;
  Type type = Type::varint;
  uint64_t begin = 0;  // of its tag
  uint64_t value = 0;  // varint and fixed types
  Span body;           // what follows the tag; of `bytes`, what follows the length
  uint64_t end() const { return body.offset + body.size; }
};

[[noreturn]] inline void malformed(uint64_t offset, std::string_view what) {
  throw base::Error(base::ErrorKind::malformed, fmt::format("byte {}", offset), what,
                    "the file is damaged or no ONNX model; fetch or export it again");
}

/// Decodes one varint of at most 10 bytes at `position`, which moves behind it and never beyond `end`.
inline uint64_t get_varint(std::string_view file, uint64_t& position, uint64_t end) {
  uint64_t value = 0;
  const uint64_t begin = position;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position >= end) malformed(begin, "a number is cut off by the end of its message");
    const auto byte = static_cast<unsigned char>(file[position++]);
    value |= static_cast<uint64_t>(byte & 0x7F) << (shift & 63);
    if (byte < 0x80) return value;
  }
  malformed(begin, "a number takes more than 10 bytes");
}

/// Iterates over the fields of the message that fills `span` of `file`. Errors: malformed, naming the byte.
class Fields {
 public:
  Fields(std::string_view file, Span span) : file_(file), position_(span.offset), end_(span.offset + span.size) {}

  /// False at the end of the message.
  bool next(Field& field) {
    if (position_ >= end_) return false;
    field.begin = position_;
    const uint64_t tag = get_varint(file_, position_, end_);
    if (tag >> 3 == 0 || tag >> 32 != 0) malformed(field.begin, fmt::format("there is no field number {}", tag >> 3));
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = static_cast<Type>(tag & 7);
    field.body.offset = position_;
    switch (field.type) {
      case Type::varint:
        field.value = get_varint(file_, position_, end_);
        break;
      case Type::fixed64:
        field.value = fixed<uint64_t>(field);
        break;
      case Type::fixed32:
        field.value = fixed<uint32_t>(field);
        break;
      case Type::bytes:
        skip_bytes(field);
        return true;
      default:
        malformed(field.begin, fmt::format("field {} has the impossible wire type {}", field.number, tag & 7));
    }
    field.body.size = position_ - field.body.offset;
    return true;
  }

 private:
  template <typename T>
  T fixed(const Field& field) {
    if (end_ - position_ < sizeof(T)) malformed(field.begin, "a number is cut off by the end of its message");
    T value;
    std::memcpy(&value, file_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  void skip_bytes(Field& field) {
    const uint64_t size = get_varint(file_, position_, end_);
    if (size > end_ - position_)
      malformed(field.begin, fmt::format("field {} claims {} bytes where its message has {} left", field.number, size,
                                         end_ - position_));
    field.body = {position_, size};
    position_ += size;
  }

  std::string_view file_;
  uint64_t position_, end_;
};

inline std::string_view view(std::string_view file, Span span) { return {file.data() + span.offset, span.size}; }

inline void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

inline void put_tag(std::string& out, uint32_t number, Type type) {
  put_varint(out, uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

template <typename T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

}  // namespace allot::ir::wire
