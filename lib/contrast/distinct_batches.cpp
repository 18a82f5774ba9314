// SPDX-License-Identifier: Apache-2.0
#include "contrast/distinct_batches.h"

#include <array>
#include <unordered_set>

#include "base/error.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

/// What the pairs of a batch have already, by kind of key.
class Taken {
 public:
  /// Whether the keys are new to the batch; if so they are its own from now on.
  bool take(const std::vector<uint64_t>& keys) {
    for (size_t i = 0; i < keys.size(); ++i)
      if (sets_[i].contains(keys[i])) return false;
    for (size_t i = 0; i < keys.size(); ++i) sets_[i].insert(keys[i]);
    return true;
  }

 private:
  std::array<std::unordered_set<uint64_t>, 2> sets_;
};

}  // namespace

DistinctBatches::DistinctBatches(const data::Sampler& sampler, const PairSource& source, const std::string& by,
                                 int64_t batch)
    : sampler_(sampler), source_(source), by_label_(by == "label"), size_(static_cast<size_t>(batch)) {
  for (int64_t item = 0; by_label_ && item < source.size(); ++item)
    if (source.label(item) < 0)
      throw Error(ErrorKind::config, "--distinct", fmt::format("is label, and pair {} has none", item),
                  "give the data labels, or --distinct content");
  restart();
}

void DistinctBatches::restart() {
  next_step_ = 0;
  position_ = 0;
  waiting_.clear();
  waits_.assign(static_cast<size_t>(source_.size()), 0);
}

std::vector<uint64_t> DistinctBatches::keys_of(int64_t item) const {
  if (by_label_) return {static_cast<uint64_t>(source_.label(item))};
  return {source_.content(Side::first, item), source_.content(Side::second, item)};
}

std::vector<int64_t> DistinctBatches::batch(int64_t step) {
  if (step < next_step_) restart();
  while (next_step_ < step) next();
  return next();
}

std::vector<int64_t> DistinctBatches::next() {
  ++next_step_;
  Taken taken;
  std::vector<int64_t> items, still_waiting;
  for (const int64_t item : waiting_) {
    if (items.size() < size_ && taken.take(keys_of(item))) {
      items.push_back(item);
      waits_[static_cast<size_t>(item)] = 0;
    } else {
      still_waiting.push_back(item);
    }
  }
  waiting_ = std::move(still_waiting);
  // Two epochs hold every pair once without a break, so that more draws bring nothing new.
  for (int64_t draws = 0; items.size() < size_; ++draws) {
    if (draws == 2 * source_.size())
      throw Error(ErrorKind::config, "--batch",
                  fmt::format("is {}, of which no more than {} pairs of the data differ", size_, items.size()),
                  "choose a smaller batch, or leave --distinct out");
    const int64_t item = sampler_[position_++];
    if (taken.take(keys_of(item))) {
      items.push_back(item);
      continue;
    }
    char& waits = waits_[static_cast<size_t>(item)];
    if (waits) continue;
    waits = 1;
    waiting_.push_back(item);
  }
  return items;
}

}  // namespace allot::contrast
