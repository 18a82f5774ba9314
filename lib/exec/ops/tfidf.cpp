// SPDX-License-Identifier: Apache-2.0
// Counts of n-grams: TfIdfVectorizer.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include <ATen/ops/zeros.h>

#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// The n-grams of a node as a trie over numbered tokens.
struct Vectorizer {
  static constexpr uint32_t kNone = ~uint32_t{0};

  std::unordered_map<std::string, uint32_t> strings;
  std::unordered_map<int64_t, uint32_t> integers;
  std::unordered_map<uint64_t, uint32_t> edges;  // node << 32 | token -> node
  std::vector<uint32_t> gram{kNone};             // by node: the n-gram that ends there
  std::vector<int64_t> columns;                  // by n-gram
  std::vector<float> weights;
  int64_t min_length = 1, max_length = 1, max_skips = 0, width = 0;
  bool counts_once = false, weighs = false;

  void add(const std::vector<uint32_t>& tokens, uint32_t id) {
    uint32_t node = 0;
    for (const uint32_t token : tokens) {
      const auto [edge, is_new] = edges.emplace(uint64_t{node} << 32 | token, static_cast<uint32_t>(gram.size()));
      if (is_new) gram.push_back(kNone);
      node = edge->second;
    }
    gram[node] = id;
  }

  // Adds the n-grams that begin at `start` and take every `stride`-th token.
  void walk(const std::vector<uint32_t>& tokens, size_t start, size_t stride, std::vector<float>& row) const {
    uint32_t node = 0;
    int64_t length = 0;
    for (size_t i = start; i < tokens.size() && length < max_length; i += stride) {
      const auto edge = edges.find(uint64_t{node} << 32 | tokens[i]);
      if (tokens[i] == kNone || edge == edges.end()) return;
      node = edge->second;
      // Single tokens are the same whatever is skipped.
      if (++length < min_length || gram[node] == kNone || (length == 1 && stride > 1)) continue;
      const float weight = weighs ? weights[gram[node]] : 1;
      float& cell = row[static_cast<size_t>(columns[gram[node]])];
      cell = counts_once ? weight : cell + weight;
    }
  }

  std::vector<float> row(const std::vector<uint32_t>& tokens) const {
    std::vector<float> result(static_cast<size_t>(width));
    const int64_t strides = max_length == 1 ? 1 : std::min(max_skips, static_cast<int64_t>(tokens.size())) + 1;
    for (int64_t stride = 1; stride <= strides; ++stride)
      for (size_t start = 0; start < tokens.size(); ++start) walk(tokens, start, static_cast<size_t>(stride), result);
    return result;
  }
};

template <typename Key, typename Table>
uint32_t number_of(const Table& table, const Key& key) {
  const auto found = table.find(key);
  return found == table.end() ? Vectorizer::kNone : found->second;
}

std::vector<uint32_t> numbered_pool(const Site& site, Vectorizer& v) {
  std::vector<uint32_t> tokens;
  if (const ir::Attribute* pool = site.node().find("pool_strings"))
    for (const ir::Str text : pool->strings)
      tokens.push_back(v.strings.emplace(text, static_cast<uint32_t>(v.strings.size())).first->second);
  else
    for (const int64_t integer : site.ints("pool_int64s"))
      tokens.push_back(v.integers.emplace(integer, static_cast<uint32_t>(v.integers.size())).first->second);
  return tokens;
}

// `ngram_counts` says where in the pool the n-grams of each length begin.
void add_pool(const Site& site, Vectorizer& v) {
  const auto pool = numbered_pool(site, v);
  const auto& begins = site.ints("ngram_counts");
  uint32_t id = 0;
  for (size_t n = 1; n <= begins.size(); ++n) {
    const auto size = static_cast<int64_t>(pool.size());
    const int64_t begin = begins[n - 1], end = n < begins.size() ? begins[n] : size;
    if (begin < 0 || begin > end || end > size || (end - begin) % static_cast<int64_t>(n) != 0)
      malformed("attribute 'ngram_counts' does not divide its pool of {}", size);
    for (auto i = pool.begin() + begin; i != pool.begin() + end; i += static_cast<int64_t>(n))
      v.add({i, i + static_cast<int64_t>(n)}, id++);
  }
  if (id > v.columns.size() || (v.weighs && id > v.weights.size()))
    malformed("its pool holds {} n-grams, more than indices or weights", id);
}

Vectorizer vectorizer(const Site& site) {
  Vectorizer v;
  const auto mode = site.string_or("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") malformed("attribute 'mode' is '{}'", base::printable(mode));
  v.counts_once = mode == "IDF";
  v.weights = site.floats("weights");
  v.weighs = mode != "TF" && !v.weights.empty();
  v.min_length = site.int_or("min_gram_length", 1);
  v.max_length = site.int_or("max_gram_length", 1);
  v.max_skips = site.int_or("max_skip_count", 0);
  if (v.min_length < 1 || v.max_length < v.min_length || v.max_skips < 0)
    malformed("its lengths of n-grams or its skips do not work");
  v.columns = site.ints("ngram_indexes");
  for (const int64_t column : v.columns) {
    if (column < 0 || column >= int64_t{1} << 40) malformed("attribute 'ngram_indexes' holds {}", column);
    v.width = std::max(v.width, column + 1);
  }
  add_pool(site, v);
  return v;
}

std::vector<uint32_t> numbered(const Vectorizer& v, const Call& call) {
  std::vector<uint32_t> tokens;
  if (call.value(0).is_strings())
    for (const std::string& text : call.value(0).strings().data) tokens.push_back(number_of(v.strings, text));
  else
    for (const int64_t integer : call.ints(0)) tokens.push_back(number_of(v.integers, integer));
  return tokens;
}

Kernel make_tfidf(const Site& site) {
  return [v = std::make_shared<const Vectorizer>(vectorizer(site))](Call& call) {
    const auto dims = call.value(0).dims();
    if (dims.empty() || dims.size() > 2) malformed("needs [C] or [N,C], but gets {}", call.value(0).describe());
    const auto tokens = numbered(*v, call);
    const int64_t rows = dims.size() == 2 ? dims[0] : 1, length = dims.back();
    const at::Tensor result = at::zeros({rows, v->width}, at::kFloat);
    for (int64_t r = 0; r < rows; ++r) {
      const auto row = v->row({tokens.begin() + r * length, tokens.begin() + (r + 1) * length});
      std::copy(row.begin(), row.end(), result.mutable_data_ptr<float>() + r * v->width);
    }
    call.set(0, dims.size() == 2 ? result : result.squeeze(0));
  };
}

constexpr Operator kOperators[] = {
    {"TfIdfVectorizer", make_tfidf, Gradient::zero},
};

}  // namespace

std::span<const Operator> tfidf_operators() { return kOperators; }

}  // namespace allot::exec
