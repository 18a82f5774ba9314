// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "data/sampler.h"
#include "data/streams.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

using Items = std::vector<int64_t>;

// Labelled items by class, each class in an order drawn by seed; one list where there are no classes. Items are dealt
// from the ends of the lists.
class Deck {
 public:
  Deck(const Dataset& dataset, const Items& items, uint64_t seed) : dataset_(dataset) {
    by_class_ = dataset.label_kind == LabelKind::classes;
    classes_.resize(by_class_ ? static_cast<size_t>(dataset.classes()) : 1);
    for (const int64_t item : items)
      classes_[by_class_ ? static_cast<size_t>(dataset.labels.row<int64_t>(item)[0]) : 0].push_back(item);
    for (size_t c = 0; c < classes_.size(); ++c) shuffle(classes_[c], seed, static_cast<uint32_t>(c));
  }

  // `share` of the items that were there at first, each class in proportion.
  Items deal(const Share& share, size_t at_first, const char* what) {
    const size_t left = size();
    const auto wanted = static_cast<size_t>(
        std::llround(share.is_fraction ? share.value * static_cast<double>(at_first) : share.value));
    if (wanted > left)
      throw Error(ErrorKind::usage, "",
                  fmt::format("{} labelled items are wanted for {}, {} are left", wanted, what, left), "ask for fewer");
    Items dealt;
    size_t seen = 0, given = 0;
    for (Items& items : classes_) {  // rounding the running sum gives each class its share and the sum exactly
      seen += items.size();
      const size_t until = left == 0 ? 0 : (wanted * seen + left / 2) / left;
      deal_from(items, until - given, dealt);
      given = until;
    }
    return dealt;
  }

  Items deal_per_class(size_t count) {
    Items dealt;
    for (size_t c = 0; c < classes_.size(); ++c) {
      if (classes_[c].size() < count)
        throw Error(ErrorKind::usage, printable(dataset_.origin),
                    fmt::format("{} has {} labelled items left, {} are wanted", name(c), classes_[c].size(), count),
                    "ask for fewer labelled items per class, or label more");
      deal_from(classes_[c], count, dealt);
    }
    return dealt;
  }

  size_t size() const {
    return std::accumulate(classes_.begin(), classes_.end(), size_t{0},
                           [](size_t sum, const Items& items) { return sum + items.size(); });
  }
  std::string name(size_t c) const {
    if (!by_class_) return "the dataset";
    return dataset_.class_names.empty() ? fmt::format("class {}", c)
                                        : fmt::format("class '{}'", printable(dataset_.class_names[c]));
  }

 private:
  static void shuffle(Items& items, uint64_t seed, uint32_t c) {
    if (items.empty()) return;
    const Permutation order(items.size(), seed, kSplitStream, c);
    const Items stored = items;
    for (size_t i = 0; i < items.size(); ++i) items[i] = stored[order[i]];
  }
  static void deal_from(Items& items, size_t count, Items& dealt) {
    dealt.insert(dealt.end(), items.end() - static_cast<std::ptrdiff_t>(count), items.end());
    items.resize(items.size() - count);
  }

  const Dataset& dataset_;
  bool by_class_ = false;
  std::vector<Items> classes_;
};

// Sends items where the dataset's own parts say; returns the labelled ones among the others.
Items follow_parts(const Dataset& dataset, Split& split) {
  Items free;
  for (int64_t item = 0; item < dataset.size(); ++item) {
    const std::string part = dataset.parts.empty() ? "" : dataset.parts[static_cast<size_t>(item)];
    if (part == "test")
      split.test.push_back(item);
    else if (part == "val" || part == "validation")
      split.validation.push_back(item);
    else if (dataset.is_labelled(item) && part != "unlabeled" && part != "unlabelled")
      free.push_back(item);
    else
      split.unlabelled.push_back(item);
  }
  return free;
}

// Makes `chosen` the labelled part and returns what is left of `free`.
Items set_apart(const Dataset& dataset, const Items& chosen, Items free, Split& split) {
  std::vector<bool> is_chosen(static_cast<size_t>(dataset.size()));
  std::vector<bool> is_free(static_cast<size_t>(dataset.size()));
  for (const int64_t item : free) is_free[static_cast<size_t>(item)] = true;
  for (const int64_t item : chosen) {
    if (!is_free[static_cast<size_t>(item)])
      throw Error(ErrorKind::malformed, printable(dataset.origin),
                  fmt::format("item {} cannot be trained on as labelled", dataset.id(item)),
                  "choose items that have a label and are not for validation or test");
    is_chosen[static_cast<size_t>(item)] = true;
  }
  split.labelled = chosen;
  std::erase_if(free, [&](int64_t item) { return is_chosen[static_cast<size_t>(item)]; });
  return free;
}

void require_every_class(const Dataset& dataset, const Split& split) {
  if (dataset.label_kind != LabelKind::classes) {
    if (split.labelled.empty())
      throw Error(ErrorKind::malformed, printable(dataset.origin), "no labelled item is left to train on",
                  "label some, or take fewer for validation and test");
    return;
  }
  std::vector<bool> has(static_cast<size_t>(dataset.classes()));
  for (const int64_t item : split.labelled) has[static_cast<size_t>(dataset.labels.row<int64_t>(item)[0])] = true;
  const auto none = std::find(has.begin(), has.end(), false);
  if (none == has.end() && !has.empty()) return;
  const auto c = static_cast<size_t>(none - has.begin());
  const std::string name = dataset.class_names.empty() ? std::to_string(c) : printable(dataset.class_names[c]);
  throw Error(
      ErrorKind::malformed, printable(dataset.origin),
      has.empty() ? "no item is labelled" : fmt::format("no labelled item of class '{}' is left to train on", name),
      "label some, ask for more labelled items, or take fewer for validation and test");
}

}  // namespace

Share Share::parse(const std::string& text) {
  Share share;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, share.value);
  const bool percent = std::string_view(rest, static_cast<size_t>(end - rest)) == "%";
  share.is_fraction = percent || text.find('.') != std::string::npos;
  if (percent) share.value /= 100;
  const bool whole = share.value == std::floor(share.value);
  if (error != std::errc{} || (rest != end && !percent) || !(share.value >= 0) || share.value > 1e15 ||
      (share.is_fraction ? share.value > 1 : !whole))
    throw Error(ErrorKind::usage, "", fmt::format("'{}' is no share of a dataset", printable(text)),
                "give a count (500), a fraction (0.2) or a percentage (20%)");
  return share;
}

Split split(const Dataset& dataset, const SplitOptions& options) {
  Split split;
  Items free = follow_parts(dataset, split);
  if (!options.labelled_items.empty()) free = set_apart(dataset, options.labelled_items, std::move(free), split);
  Deck deck(dataset, free, options.seed);
  const auto add = [](Items& to, const Items& more) { to.insert(to.end(), more.begin(), more.end()); };
  add(split.test, deck.deal(options.test, free.size(), "test"));
  add(split.validation, deck.deal(options.validation, free.size(), "validation"));
  if (options.labelled_items.empty())
    split.labelled = options.per_class > 0 ? deck.deal_per_class(static_cast<size_t>(options.per_class))
                                           : deck.deal(options.labelled, deck.size(), "training");
  add(split.unlabelled, deck.deal({1.0, true}, deck.size(), "training"));
  for (Items* items : {&split.labelled, &split.unlabelled, &split.validation, &split.test})
    std::sort(items->begin(), items->end());
  require_every_class(dataset, split);
  return split;
}

}  // namespace allot::data
