// SPDX-License-Identifier: Apache-2.0
// Strings joined, split, matched and normalised.
#include <algorithm>

#include <ATen/ExpandUtils.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/regex.h"
#include "exec/registry.h"
#include "exec/utf8.h"

namespace allot::exec {
namespace {

Kernel make_concat(const Site&) {
  return [](Call& call) {
    const Movable left(call.value(0)), right(call.value(1));
    const auto dims = at::infer_size(left.tensor().sizes(), right.tensor().sizes());
    const Value heads = left.back(left.tensor().expand(dims)), tails = right.back(right.tensor().expand(dims));
    Strings result = heads.strings();
    for (size_t i = 0; i < result.data.size(); ++i) result.data[i] += tails.strings().data[i];
    call.set(0, Value(std::move(result)));
  };
}

constexpr std::string_view kSpaces = " \t\n\r\f\v";

std::string_view without_leading_spaces(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text;
}

// At runs of white space, of which none is left at the ends.
std::vector<std::string> split_at_spaces(std::string_view text, size_t max_splits) {
  std::vector<std::string> parts;
  for (text = without_leading_spaces(text); !text.empty(); text = without_leading_spaces(text)) {
    const size_t end = parts.size() == max_splits ? text.size() : std::min(text.find_first_of(kSpaces), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string> split_at(std::string_view text, std::string_view delimiter, size_t max_splits) {
  std::vector<std::string> parts;
  for (size_t end; parts.size() < max_splits && (end = text.find(delimiter)) != std::string_view::npos;) {
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + delimiter.size());
  }
  parts.emplace_back(text);
  return parts;
}

Kernel make_split(const Site& site) {
  const auto max_splits = static_cast<size_t>(site.int_or("maxsplit", std::numeric_limits<int64_t>::max()));
  return [delimiter = std::string(site.string_or("delimiter", "")), max_splits](Call& call) {
    const Strings& texts = call.value(0).strings();
    std::vector<std::vector<std::string>> all;
    std::vector<int64_t> counts;
    int64_t width = 0;
    for (const std::string& text : texts.data) {
      all.push_back(delimiter.empty() ? split_at_spaces(text, max_splits) : split_at(text, delimiter, max_splits));
      counts.push_back(static_cast<int64_t>(all.back().size()));
      width = std::max(width, counts.back());
    }
    Strings parts{{}, texts.dims};
    parts.dims.push_back(width);
    for (auto& list : all) {
      list.resize(static_cast<size_t>(width));
      std::move(list.begin(), list.end(), std::back_inserter(parts.data));
    }
    call.set(0, Value(std::move(parts)));
    call.set(1, at::tensor(counts, at::kLong).reshape(texts.dims));
  };
}

Kernel make_full_match(const Site& site) {
  if (!site.has("pattern")) malformed("attribute 'pattern' is missing");
  return [regex = Regex(site.string_or("pattern", ""))](Call& call) {
    const Strings& texts = call.value(0).strings();
    const at::Tensor matches = at::empty(texts.dims, at::kBool);
    for (size_t i = 0; i < texts.data.size(); ++i) matches.mutable_data_ptr<bool>()[i] = regex.matches(texts.data[i]);
    call.set(0, matches);
  };
}

enum class Case : uint8_t { none, lower, upper };

std::string in_case(std::string_view text, Case which) {
  if (which == Case::none) return std::string(text);
  return mapped(text, which == Case::lower ? to_lower : to_upper);
}

struct Normalizer {
  Case change = Case::none, compare = Case::lower;
  std::vector<std::string> stopwords;  // sorted, in the case in which they are compared

  std::vector<std::string> operator()(const std::vector<std::string>& words) const {
    std::vector<std::string> kept;
    for (const std::string& word : words)
      if (!std::binary_search(stopwords.begin(), stopwords.end(), in_case(word, compare)))
        kept.push_back(in_case(word, change));
    if (kept.empty()) kept.emplace_back();
    return kept;
  }
};

Kernel make_normalizer(const Site& site) {
  Normalizer normalize;
  const auto action = site.string_or("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    malformed("attribute 'case_change_action' is '{}'", base::printable(action));
  normalize.change = action == "LOWER" ? Case::lower : action == "UPPER" ? Case::upper : Case::none;
  const auto language = site.string_or("locale", "").substr(0, 2);
  if (normalize.change != Case::none && (language == "tr" || language == "az" || language == "lt"))
    site.refuse("the letters of its locale change case by rules of their own");
  if (site.int_or("is_case_sensitive", 0)) normalize.compare = Case::none;
  if (const ir::Attribute* words = site.node().find("stopwords"))
    for (const ir::Str word : words->strings) normalize.stopwords.push_back(in_case(word, normalize.compare));
  std::sort(normalize.stopwords.begin(), normalize.stopwords.end());
  return [normalize](Call& call) {
    const Strings& words = call.value(0).strings();
    const bool is_row = words.dims.size() == 2 && words.dims[0] == 1;
    if (words.dims.size() != 1 && !is_row)
      malformed("needs strings [C] or [1,C], but gets {}", call.value(0).describe());
    Strings kept{normalize(words.data), {}};
    kept.dims.assign(is_row ? 1 : 0, 1);
    kept.dims.push_back(static_cast<int64_t>(kept.data.size()));
    call.set(0, Value(std::move(kept)));
  };
}

constexpr Operator kOperators[] = {
    {"RegexFullMatch", make_full_match, Gradient::zero},
    {"StringConcat", make_concat, Gradient::zero},
    {"StringNormalizer", make_normalizer, Gradient::zero},
    {"StringSplit", make_split, Gradient::zero},
};

}  // namespace

std::span<const Operator> text_operators() { return kOperators; }

}  // namespace allot::exec
