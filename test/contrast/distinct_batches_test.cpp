// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>

#include "contrast/distinct_batches.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

/// Pairs of `labels`: those of one label have one second side, and each even one has the first side of the next.
class Labelled final : public contrast::PairSource {
 public:
  explicit Labelled(std::vector<int64_t> labels) : labels_(std::move(labels)) {}
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  contrast::Inputs rows(contrast::Side, std::span<const int64_t>) const override { return {}; }
  uint64_t content(contrast::Side side, int64_t item) const override {
    return static_cast<uint64_t>(side == contrast::Side::first ? item / 2 : 100 + label(item));
  }
  std::string fingerprint() const override { return ""; }
  int64_t label(int64_t item) const override { return labels_[static_cast<size_t>(item)]; }

 private:
  std::vector<int64_t> labels_;
};

Labelled of_labels(int64_t labels, int64_t each) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < labels * each; ++i) all.push_back(i % labels);
  return Labelled(std::move(all));
}

data::Sampler sampler_of(const Labelled& source) {
  std::vector<int64_t> items(static_cast<size_t>(source.size()));
  std::iota(items.begin(), items.end(), int64_t{0});
  return {std::move(items), 5, 1};
}

}  // namespace

TEST_CASE("no two pairs of a batch share their label, and all pairs have their turn") {
  const Labelled source = of_labels(12, 10);
  const data::Sampler sampler = sampler_of(source);
  contrast::DistinctBatches batches(sampler, source, "label", 10);
  std::map<int64_t, int64_t> times;
  const int64_t epochs = 20, steps = epochs * 12;
  for (int64_t step = 0; step < steps; ++step) {
    std::set<int64_t> labels;
    for (const int64_t item : batches.batch(step)) {
      labels.insert(source.label(item));
      ++times[item];
    }
    CHECK(labels.size() == 10);
  }
  CHECK(times.size() == 120);
  for (const auto& [item, count] : times) {
    INFO(item);
    CHECK(std::abs(count - epochs) <= 4);
  }
}

TEST_CASE("what makes pairs alike can be the content of either side") {
  const Labelled source = of_labels(12, 10);  // pairs 2 i and 2 i + 1 have one first side
  const data::Sampler sampler = sampler_of(source);
  contrast::DistinctBatches batches(sampler, source, "content", 8);
  for (int64_t step = 0; step < 30; ++step) {
    std::set<int64_t> first, second;
    for (const int64_t item : batches.batch(step)) {
      first.insert(item / 2);
      second.insert(source.label(item));
    }
    CHECK(first.size() == 8);
    CHECK(second.size() == 8);
  }
}

TEST_CASE("distinct batches are a function of the step") {
  const Labelled source = of_labels(6, 7);
  const data::Sampler sampler = sampler_of(source);
  contrast::DistinctBatches batches(sampler, source, "label", 5), others(sampler, source, "label", 5);
  std::vector<std::vector<int64_t>> all;
  for (int64_t step = 0; step < 20; ++step) all.push_back(batches.batch(step));
  CHECK(others.batch(13) == all[13]);
  CHECK(others.batch(14) == all[14]);
  CHECK(others.batch(2) == all[2]);
  CHECK(std::set(all.begin(), all.end()).size() == 20);
}

TEST_CASE("data that have too few pairs that differ, or no labels, are refused") {
  const Labelled source = of_labels(6, 7);
  const data::Sampler sampler = sampler_of(source);
  contrast::DistinctBatches batches(sampler, source, "label", 7);
  CHECK_THROWS_WITH(batches.batch(0), Catch::Contains("no more than 6 pairs of the data differ"));
  const Labelled without({0, 1, -1});
  const data::Sampler others = sampler_of(without);
  CHECK_THROWS_WITH(contrast::DistinctBatches(others, without, "label", 2), Catch::Contains("pair 2 has none"));
}
