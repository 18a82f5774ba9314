// SPDX-License-Identifier: Apache-2.0
// Strings.
#include <algorithm>

#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

void regex_full_match(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, DataType::boolean);
}

void string_concat(Context& c) {
  c.set_elem(0, DataType::string);
  if (auto dims = c.broadcast({0, 1})) c.set(0, DataType::string, std::move(*dims));
}

/// With stop words fewer strings may remain: of none at all, one empty string.
void string_normalizer(Context& c) {
  const auto* words = c.node().find("stopwords");
  if (!words || words->strings.empty()) return c.copy(0, 0);
  c.set_elem(0, DataType::string);
  const Dims* input = c.dims(0);
  if (!input) return;
  Dims dims = *input;
  if (!dims.empty()) dims.back() = std::max<int64_t>(dims.back(), 1);
  c.distrust(Trust::bound);
  c.set(0, DataType::string, std::move(dims));
}

/// How many pieces the longest string has is up to the data: only the counts have a known shape.
void string_split(Context& c) {
  c.set_elem(0, DataType::string);
  c.copy(1, 0);
  c.set_elem(1, DataType::int64);
}

void tf_idf_vectorizer(Context& c) {
  c.set_elem(0, DataType::float32);
  const Dims* input = c.dims(0);
  const Dims& indexes = c.node().ints("ngram_indexes");
  if (!input || indexes.empty()) return;
  const auto width = checked_add(*std::max_element(indexes.begin(), indexes.end()), 1);
  if (!width) return c.contradict("an n-gram index is over 63 bits");
  Dims dims = *input;
  if (dims.empty())
    dims.push_back(*width);
  else
    dims.back() = *width;
  c.set(0, DataType::float32, std::move(dims));
}

constexpr Operator kOperators[] = {
    {"RegexFullMatch", regex_full_match},    {"StringConcat", string_concat},
    {"StringNormalizer", string_normalizer}, {"StringSplit", string_split},
    {"TfIdfVectorizer", tf_idf_vectorizer},
};

}  // namespace

std::span<const Operator> text_operators() { return kOperators; }

}  // namespace allot::shape
