// SPDX-License-Identifier: Apache-2.0
#include "ir/payload.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ir/wire.h"

namespace allot::ir {
namespace {

/// The TensorProto field that holds typed elements of `type` (onnx.proto, comments at TensorProto).
uint32_t typed_field(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::complex64:
      return 4;
    case DataType::string:
      return 6;
    case DataType::int64:
      return 7;
    case DataType::float64:
    case DataType::complex128:
      return 10;
    case DataType::uint32:
    case DataType::uint64:
      return 11;
    default:
      return 5;
  }
}

/// Entries of the typed field that n elements take: two a complex number, one a byte of packed sub-byte elements.
int64_t typed_entries(DataType type, int64_t n) {
  if (type == DataType::complex64 || type == DataType::complex128) return n > (int64_t{1} << 61) ? n : 2 * n;
  return bits(type) < 8 ? storage_bytes(type, n) : n;
}

/// Calls entry(bits) for each number of a typed chunk; strings count with their length.
template <typename Entry>
void each_entry(std::string_view file, const Payload::Chunk& chunk, Entry entry) {
  if (!chunk.packed) {
    wire::Fields fields(file, chunk.span);
    for (wire::Field field; fields.next(field);) entry(field.type == wire::Type::bytes ? field.body.size : field.value);
    return;
  }
  const uint64_t end = chunk.span.offset + chunk.span.size;
  uint64_t position = chunk.span.offset;
  const uint64_t width = chunk.field == 4 ? 4 : chunk.field == 10 ? 8 : 0;
  while (position < end) {
    uint64_t value = 0;
    if (width == 0) {
      value = wire::get_varint(file, position, end);
    } else {
      if (end - position < width) wire::malformed(position, "a packed list is cut off");
      std::memcpy(&value, file.data() + position, width);
      position += width;
    }
    entry(value);
  }
}

std::string_view file_view(const Model& model) { return model.file ? model.file->view() : std::string_view{}; }

/// Counts without decoding where the encoding allows it.
uint64_t count_entries(std::string_view file, const Payload::Chunk& chunk) {
  if (chunk.packed && chunk.field == 4) return chunk.span.size / 4;
  if (chunk.packed && chunk.field == 10) return chunk.span.size / 8;
  if (chunk.packed) {  // a varint ends at its one byte below 0x80
    const auto bytes = wire::view(file, chunk.span);
    return static_cast<uint64_t>(
        std::count_if(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
  uint64_t n = 0;
  each_entry(file, chunk, [&](uint64_t) { ++n; });
  return n;
}

/// The elements as raw_data would hold them, whatever the encoding; nullopt if they are absent or of another size.
std::optional<std::string> image_of(const Model& model, const Tensor& tensor, int64_t elements) {
  const auto size = static_cast<uint64_t>(storage_bytes(tensor.dtype, elements));
  if (tensor.payload.where != Payload::Where::typed) {
    const auto bytes = raw_bytes(model, tensor);
    if (bytes.size() != size) return std::nullopt;
    return std::string(bytes);
  }
  const bool is_complex = tensor.dtype == DataType::complex64 || tensor.dtype == DataType::complex128;
  const int width = std::max(bits(tensor.dtype), 8) / (is_complex ? 16 : 8);
  std::string image;
  for (const auto& chunk : tensor.payload.chunks)
    each_entry(file_view(model), chunk, [&](uint64_t value) {
      image.append(reinterpret_cast<const char*>(&value), static_cast<size_t>(width));
    });
  if (image.size() != size) return std::nullopt;
  return image;
}

template <typename T>
T load(std::string_view image, int64_t i) {
  T value;
  std::memcpy(&value, image.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

/// Element i of a type with fewer than 8 bits; the first one is in the low bits.
unsigned load_bits(std::string_view image, int64_t i, int width) {
  const int per_byte = 8 / width;
  const auto byte = static_cast<unsigned char>(image[static_cast<size_t>(i / per_byte)]);
  return byte >> (i % per_byte * width) & ((1u << width) - 1);
}

int64_t sign_extend(unsigned value, int width) {
  return static_cast<int64_t>(value) - (value >> (width - 1) ? int64_t{1} << width : 0);
}

/// A small binary float with a sign bit. `special` tells how the all-ones exponent and negative zero are read.
enum class Special { ieee, finite_nan, unsigned_zero, none };
double decode_float(unsigned code, int exponent_bits, int mantissa_bits, int bias, Special special) {
  const unsigned mantissa = code & ((1u << mantissa_bits) - 1);
  const unsigned exponent = code >> mantissa_bits & ((1u << exponent_bits) - 1);
  const bool negative = code >> (mantissa_bits + exponent_bits) & 1;
  const bool all_ones = exponent == (1u << exponent_bits) - 1;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (special == Special::unsigned_zero && negative && exponent == 0 && mantissa == 0) return kNan;
  if (special == Special::finite_nan && all_ones && mantissa == (1u << mantissa_bits) - 1) return kNan;
  double magnitude;
  if (special == Special::ieee && all_ones)
    magnitude = mantissa ? kNan : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  else
    magnitude = std::ldexp(mantissa + (1u << mantissa_bits), static_cast<int>(exponent) - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

bool holds_integers(DataType type) { return is_integer(type) || type == DataType::boolean; }

int64_t integer_at(DataType type, std::string_view image, int64_t i) {
  switch (type) {
    case DataType::uint8:
      return load<uint8_t>(image, i);
    case DataType::int8:
      return load<int8_t>(image, i);
    case DataType::uint16:
      return load<uint16_t>(image, i);
    case DataType::int16:
      return load<int16_t>(image, i);
    case DataType::int32:
      return load<int32_t>(image, i);
    case DataType::uint32:
      return load<uint32_t>(image, i);
    case DataType::boolean:
      return load<uint8_t>(image, i) != 0;
    case DataType::uint4:
      return load_bits(image, i, 4);
    case DataType::int4:
      return sign_extend(load_bits(image, i, 4), 4);
    case DataType::uint2:
      return load_bits(image, i, 2);
    case DataType::int2:
      return sign_extend(load_bits(image, i, 2), 2);
    default:
      return load<int64_t>(image, i);
  }
}

double number_at(DataType type, std::string_view image, int64_t i) {
  switch (type) {
    case DataType::float32:
      return load<float>(image, i);
    case DataType::float64:
      return load<double>(image, i);
    case DataType::float16:
      return decode_float(load<uint16_t>(image, i), 5, 10, 15, Special::ieee);
    case DataType::bfloat16:
      return std::bit_cast<float>(uint32_t{load<uint16_t>(image, i)} << 16);
    case DataType::float8e4m3fn:
      return decode_float(load<uint8_t>(image, i), 4, 3, 7, Special::finite_nan);
    case DataType::float8e4m3fnuz:
      return decode_float(load<uint8_t>(image, i), 4, 3, 8, Special::unsigned_zero);
    case DataType::float8e5m2:
      return decode_float(load<uint8_t>(image, i), 5, 2, 15, Special::ieee);
    case DataType::float8e5m2fnuz:
      return decode_float(load<uint8_t>(image, i), 5, 2, 16, Special::unsigned_zero);
    case DataType::float4e2m1:
      return decode_float(load_bits(image, i, 4), 2, 1, 1, Special::none);
    case DataType::float8e8m0: {  // a power of two, no sign; 0xFF is NaN
      const int code = load<uint8_t>(image, i);
      return code == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
    }
    case DataType::uint64:
      return static_cast<double>(load<uint64_t>(image, i));
    default:
      return static_cast<double>(integer_at(type, image, i));
  }
}

template <typename T, typename At>
std::optional<std::vector<T>> read_elements(const Model& model, const Tensor& tensor, int64_t max_elements, At at) {
  const auto n = element_count(tensor.dims);
  if (!n || *n > max_elements || !payload_problem(model, tensor).empty()) return std::nullopt;
  const auto image = image_of(model, tensor, *n);
  if (!image) return std::nullopt;
  std::vector<T> values(static_cast<size_t>(*n));
  for (int64_t i = 0; i < *n; ++i) values[static_cast<size_t>(i)] = at(tensor.dtype, *image, i);
  return values;
}

std::string typed_problem(const Model& model, const Tensor& tensor, int64_t elements) {
  const uint32_t expected = typed_field(tensor.dtype);
  uint64_t entries = 0;
  for (const auto& chunk : tensor.payload.chunks) {
    if (chunk.field != expected)
      return fmt::format("holds {} elements in TensorProto field {} instead of {}", name(tensor.dtype), chunk.field,
                         expected);
    entries += count_entries(file_view(model), chunk);
  }
  const auto wanted = static_cast<uint64_t>(typed_entries(tensor.dtype, elements));
  if (entries == wanted) return {};
  return fmt::format("holds {} entries where its shape and type take {}", entries, wanted);
}

}  // namespace

std::optional<int64_t> element_count(std::span<const int64_t> dims) {
  int64_t product = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) empty = true;
    if (dim != 0 && __builtin_mul_overflow(product, dim, &product)) return std::nullopt;
  }
  return empty ? 0 : product;
}

int64_t tensor_bytes(const Tensor& tensor) {
  const auto n = element_count(tensor.dims);
  return n ? storage_bytes(tensor.dtype, *n) : std::numeric_limits<int64_t>::max();
}

std::string_view raw_bytes(const Model& model, const Tensor& tensor) {
  const auto& payload = tensor.payload;
  if (payload.owned) return *payload.owned;  // of external data: what replaces its range
  if (payload.chunks.size() != 1) return {};
  if (payload.where == Payload::Where::raw) return wire::view(file_view(model), payload.chunks[0].span);
  if (payload.where == Payload::Where::external)
    return wire::view(model.external.at(payload.file)->view(), payload.chunks[0].span);
  return {};
}

std::optional<std::string> raw_image(const Model& model, const Tensor& tensor) {
  const auto n = element_count(tensor.dims);
  if (!n || tensor.dtype == DataType::string || !payload_problem(model, tensor).empty()) return std::nullopt;
  return image_of(model, tensor, *n);
}

std::optional<std::vector<Str>> read_strings(const Model& model, const Tensor& tensor) {
  const auto n = element_count(tensor.dims);
  if (!n || tensor.dtype != DataType::string || !payload_problem(model, tensor).empty()) return std::nullopt;
  std::vector<Str> strings;
  for (const auto& chunk : tensor.payload.chunks) {
    wire::Fields fields(file_view(model), chunk.span);
    for (wire::Field field; fields.next(field);) strings.push_back(wire::view(file_view(model), field.body));
  }
  if (strings.size() != static_cast<size_t>(*n)) return std::nullopt;
  return strings;
}

std::optional<std::vector<double>> read_doubles(const Model& model, const Tensor& tensor, int64_t max_elements) {
  if (!is_float(tensor.dtype) && !holds_integers(tensor.dtype)) return std::nullopt;
  return read_elements<double>(model, tensor, max_elements, number_at);
}

std::optional<std::vector<int64_t>> read_ints(const Model& model, const Tensor& tensor, int64_t max_elements) {
  if (!holds_integers(tensor.dtype)) return std::nullopt;
  return read_elements<int64_t>(model, tensor, max_elements, integer_at);
}

std::string payload_problem(const Model& model, const Tensor& tensor) {
  if (tensor.dtype == DataType::undefined) return "has no element type";
  const auto elements = element_count(tensor.dims);
  if (!elements) return "has a negative dimension or more elements than 2^63";
  const auto& payload = tensor.payload;
  switch (payload.where) {
    case Payload::Where::none:
      return *elements == 0 ? "" : fmt::format("has {} elements but no data", *elements);
    case Payload::Where::typed:
      return typed_problem(model, tensor, *elements);
    case Payload::Where::external:
      if (payload.chunks.empty()) return "";  // never opened
      break;
    case Payload::Where::raw:
    case Payload::Where::owned:
      break;
  }
  if (tensor.dtype == DataType::string) return "holds strings as raw bytes";
  const auto wanted = static_cast<uint64_t>(storage_bytes(tensor.dtype, *elements));
  const uint64_t size = raw_bytes(model, tensor).size();
  if (size == wanted) return "";
  return fmt::format("holds {} bytes where its shape and type ({}) take {}", size, name(tensor.dtype), wanted);
}

}  // namespace allot::ir
