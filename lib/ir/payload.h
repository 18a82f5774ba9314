// SPDX-License-Identifier: Apache-2.0
// Element values of tensors: sizes without touching the payload, and decoded values of small ones.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ir/model.h"

namespace allot::ir {

/// Product of dims; nullopt when it overflows int64 or a dim is negative.
std::optional<int64_t> element_count(std::span<const int64_t> dims);

/// Bytes that the elements occupy once loaded, by dims and dtype (strings: 16 a piece).
int64_t tensor_bytes(const Tensor& tensor);

/// The raw bytes when they lie in one piece (raw, external or owned), else an empty view.
std::string_view raw_bytes(const Model& model, const Tensor& tensor);

/// The elements as raw_data holds them (little-endian, sub-byte types packed), whatever the encoding; nullopt for
/// strings, and when the payload is absent or its size disagrees with the shape.
std::optional<std::string> raw_image(const Model& model, const Tensor& tensor);
/// The elements of a string tensor; nullopt as above.
std::optional<std::vector<Str>> read_strings(const Model& model, const Tensor& tensor);

/// Up to `max_elements` values as doubles or integers; nullopt when there are more, when the payload is absent
/// or when its size disagrees with the shape. All number types, sub-byte and 8/16-bit floats included.
std::optional<std::vector<double>> read_doubles(const Model& model, const Tensor& tensor, int64_t max_elements);
/// Integer and boolean tensors only (exact for int64); uint64 wraps.
std::optional<std::vector<int64_t>> read_ints(const Model& model, const Tensor& tensor, int64_t max_elements);

/// Checks the payload against dims and dtype without loading it: returns what is wrong, or "".
std::string payload_problem(const Model& model, const Tensor& tensor);

}  // namespace allot::ir
