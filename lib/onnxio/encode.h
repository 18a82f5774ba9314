// SPDX-License-Identifier: Apache-2.0
// Plain fields of ir objects -> protobuf bytes.
#pragma once

#include <array>
#include <bit>
#include <string>

#include "ir/wire.h"

namespace allot::onnxio {

constexpr uint32_t kFieldNumbers = 27;  // one more than the largest field number in schema.h

/// TypeProto.
std::string encode_type(const ir::Type& type);

/// The visitor that encodes each plain field of a message on its own, tags included; "" for what is not stored.
class PlainFields {
 public:
  std::string_view operator[](uint32_t number) const {
    return std::string_view(bytes_).substr(ranges_[number].offset, ranges_[number].size);
  }

  template <typename T>
  void plain(uint32_t number, const T& member) {
    plain(number, member, !(member == T{}));
  }
  void plain(uint32_t number, const ir::Type& type) { plain(number, type, type.kind != ir::Type::Kind::none); }
  template <typename T>
  void plain(uint32_t number, const T& member, bool present) {
    const uint64_t begin = bytes_.size();
    if (present) put(bytes_, number, member);
    ranges_[number] = {begin, bytes_.size() - begin};
  }
  void domain(uint32_t number, ir::Str member) { plain(number, member); }
  template <typename... Ignored>
  void child(uint32_t, const Ignored&...) {}
  template <typename... Ignored>
  void children(uint32_t, const Ignored&...) {}
  void payload(const ir::Tensor&) {}

 private:
  using Wire = ir::wire::Type;

  static void put(std::string& out, uint32_t number, ir::Str text) {
    ir::wire::put_tag(out, number, Wire::bytes);
    ir::wire::put_varint(out, text.size());
    out += text;
  }
  static void put(std::string& out, uint32_t number, int64_t value) {
    ir::wire::put_tag(out, number, Wire::varint);
    ir::wire::put_varint(out, static_cast<uint64_t>(value));
  }
  static void put(std::string& out, uint32_t number, int32_t value) { put(out, number, int64_t{value}); }
  static void put(std::string& out, uint32_t number, ir::DataType type) {
    put(out, number, static_cast<int64_t>(type));
  }
  static void put(std::string& out, uint32_t number, ir::Attribute::Kind kind) {
    put(out, number, static_cast<int64_t>(kind));
  }
  static void put(std::string& out, uint32_t number, const std::optional<int32_t>& value) { put(out, number, *value); }
  static void put(std::string& out, uint32_t number, float value) {
    ir::wire::put_tag(out, number, Wire::fixed32);
    ir::wire::put_fixed(out, value);
  }
  static void put(std::string& out, uint32_t number, const ir::Type& type) {
    const auto body = encode_type(type);
    put(out, number, ir::Str(body));
  }
  // Lists are not packed: onnx.proto declares only the typed data of tensors so.
  template <typename T>
  static void put(std::string& out, uint32_t number, const std::vector<T>& list) {
    for (const auto& value : list) put(out, number, value);
  }

  std::string bytes_;
  std::array<ir::Span, kFieldNumbers> ranges_ = [] {
    std::array<ir::Span, kFieldNumbers> none;
    none.fill({0, 0});
    return none;
  }();
};

}  // namespace allot::onnxio
