// SPDX-License-Identifier: Apache-2.0
// Protobuf messages written field by field, in any order and encoding a test wants.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace allot::test {

class Proto {
 public:
  std::string bytes;

  Proto& number(uint32_t field, int64_t value) { return tag(field, 0), raw_varint(static_cast<uint64_t>(value)); }
  Proto& text(uint32_t field, std::string_view value) {
    tag(field, 2);
    raw_varint(value.size());
    bytes += value;
    return *this;
  }
  Proto& message(uint32_t field, const Proto& value) { return text(field, value.bytes); }
  Proto& real(uint32_t field, float value) {
    char raw[4];
    std::memcpy(raw, &value, 4);
    tag(field, 5);
    bytes.append(raw, 4);
    return *this;
  }
  Proto& packed(uint32_t field, const std::vector<int64_t>& values) {
    Proto list;
    for (const int64_t value : values) list.raw_varint(static_cast<uint64_t>(value));
    return message(field, list);
  }
  Proto& tag(uint32_t field, uint32_t type) { return raw_varint(uint64_t{field} << 3 | type); }
  Proto& raw_varint(uint64_t value, int at_least_bytes = 1) {
    for (int i = 1; value >= 0x80 || i < at_least_bytes; ++i, value >>= 7)
      bytes += static_cast<char>((value & 0x7F) | 0x80);
    bytes += static_cast<char>(value);
    return *this;
  }
};

inline Proto node(std::string_view type, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, std::string_view name = "") {
  Proto proto;
  for (const auto& input : inputs) proto.text(1, input);
  for (const auto& output : outputs) proto.text(2, output);
  if (!name.empty()) proto.text(3, name);
  return proto.text(4, type);
}

inline Proto value_info(std::string_view name, const std::vector<int64_t>& dims, int64_t elem = 1) {
  Proto shape;
  for (const int64_t dim : dims) shape.message(1, Proto().number(1, dim));
  return Proto().text(1, name).message(2, Proto().message(1, Proto().number(1, elem).message(2, shape)));
}

inline Proto tensor(std::string_view name, const std::vector<int64_t>& dims, int64_t elem, std::string_view raw) {
  Proto proto;
  for (const int64_t dim : dims) proto.number(1, dim);
  return proto.number(2, elem).text(8, name).text(9, raw);
}

/// IR 10, opset 21.
inline Proto model(const Proto& graph) {
  return Proto().number(1, 10).message(7, graph).message(8, Proto().number(2, 21));
}

}  // namespace allot::test
