// SPDX-License-Identifier: Apache-2.0
#include "data/split.h"

#include <algorithm>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "data/data_files.h"

using namespace allot;
using data::Share;
using data::Split;
using test::error_of;

namespace {

// 100 items: class 0 has 50, class 1 30, class 2 10, and 10 are unlabelled.
data::Dataset lopsided() {
  std::vector<int64_t> y;
  for (int i = 0; i < 100; ++i) y.push_back(i % 10 == 9 ? -1 : i % 10 < 5 ? 0 : i % 10 < 8 ? 1 : 2);
  data::Dataset dataset;
  dataset.origin = "lopsided";
  dataset.features = {data::make_array<float>("x", {100, 1}, std::vector<float>(100))};
  dataset.label_kind = data::LabelKind::classes;
  dataset.labels = data::make_array("y", {100}, std::move(y));
  return dataset;
}

std::map<int64_t, int> count(const data::Dataset& dataset, const std::vector<int64_t>& items) {
  std::map<int64_t, int> counts;
  for (const int64_t item : items) ++counts[dataset.labels.row<int64_t>(item)[0]];
  return counts;
}

}  // namespace

TEST_CASE("split: parts are disjoint, complete, balanced and follow the seed") {
  const auto dataset = lopsided();
  data::SplitOptions options{.per_class = 3, .validation = {9, false}, .test = {0.2, true}, .seed = 1};
  const Split split = data::split(dataset, options);
  std::set<int64_t> all;
  for (const auto* part : {&split.labelled, &split.unlabelled, &split.validation, &split.test}) {
    CHECK(std::is_sorted(part->begin(), part->end()));
    all.insert(part->begin(), part->end());
  }
  CHECK(all.size() == 100);
  CHECK(split.labelled.size() + split.unlabelled.size() + split.validation.size() + split.test.size() == 100);
  CHECK(count(dataset, split.test) == std::map<int64_t, int>{{0, 10}, {1, 6}, {2, 2}});
  CHECK(count(dataset, split.validation) == std::map<int64_t, int>{{0, 5}, {1, 3}, {2, 1}});
  CHECK(count(dataset, split.labelled) == std::map<int64_t, int>{{0, 3}, {1, 3}, {2, 3}});
  CHECK(count(dataset, split.unlabelled) == std::map<int64_t, int>{{-1, 10}, {0, 32}, {1, 18}, {2, 4}});

  CHECK(data::split(dataset, options).labelled == split.labelled);
  std::set<std::vector<int64_t>> drawn;
  for (options.seed = 1; options.seed <= 20; ++options.seed) drawn.insert(data::split(dataset, options).labelled);
  CHECK(drawn.size() == 20);
}

TEST_CASE("split: fractions, and all that is labelled") {
  const auto dataset = lopsided();
  const Split all = data::split(dataset, {});
  CHECK(all.labelled.size() == 90);
  CHECK(all.unlabelled.size() == 10);
  const Split tenth = data::split(dataset, {.labelled = {0.1, true}, .seed = 5});
  CHECK(count(dataset, tenth.labelled) == std::map<int64_t, int>{{0, 5}, {1, 3}, {2, 1}});
}

TEST_CASE("split: parts that the dataset tells are kept") {
  auto dataset = lopsided();
  for (int i = 0; i < 100; ++i)
    dataset.parts.push_back(i < 10 ? "test" : i < 20 ? "val" : i < 30 ? "unlabeled" : "train");
  const Split split = data::split(dataset, {});
  CHECK(split.test.front() == 0);
  CHECK(split.test.size() == 10);
  CHECK(split.validation.back() == 19);
  CHECK(split.unlabelled.size() == 17);  // the ten, and seven without a label
  CHECK(split.labelled.size() == 63);
}

TEST_CASE("split: what cannot be had is refused by name") {
  auto dataset = lopsided();
  CHECK(error_of([&] {
          data::split(dataset, {.per_class = 11});
        }).starts_with("64 lopsided: class 2 has 10 labelled items"));
  CHECK(error_of([&] {
          data::split(dataset, {.test = {91, false}});
        }).find("91 labelled items are wanted for test, 90 are left") != std::string::npos);
  CHECK(error_of([&] {
          data::split(dataset, {.test = {1.0, true}});
        }).starts_with("65 lopsided: no labelled item of class '0'"));
  dataset.class_names = {"cat", "dog", "eel", "fox"};
  CHECK(error_of([&] { data::split(dataset, {}); }).find("no labelled item of class 'fox' is left") !=
        std::string::npos);
  dataset.label_kind = data::LabelKind::none;
  CHECK(error_of([&] { data::split(dataset, {}); }).find("no labelled item is left") != std::string::npos);

  CHECK(Share::parse("20%").value == Approx(0.2));
  CHECK(Share::parse("0.25").is_fraction);
  CHECK_FALSE(Share::parse("500").is_fraction);
  for (const char* text : {"", "x", "1.5", "120%", "-1", "3 %", "nan", "1e3x"})
    CHECK(error_of([&] { Share::parse(text); }).starts_with("64 "));
}
