// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <cmath>
#include <limits>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "data/csv.h"
#include "data/data_files.h"
#include "data/zip.h"

using namespace allot;
using data::LabelKind;
using test::error_of;

namespace {

data::Dataset dataset_of(LabelKind kind, data::Array labels) {
  data::Dataset dataset;
  dataset.origin = "here";
  dataset.features = {data::make_array<float>("x", {3, 1}, {1, 2, 3})};
  dataset.label_kind = kind;
  dataset.labels = std::move(labels);
  return dataset;
}

std::string check_error(LabelKind kind, data::Array labels) {
  return error_of([&] { data::check(dataset_of(kind, std::move(labels))); });
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("dataset: which items are labelled, by kind of labels") {
  const auto labelled = [](LabelKind kind, data::Array labels) {
    const auto dataset = dataset_of(kind, std::move(labels));
    data::check(dataset);
    return std::vector<bool>{dataset.is_labelled(0), dataset.is_labelled(1), dataset.is_labelled(2)};
  };
  const std::vector<bool> first_and_last{true, false, true};
  CHECK(labelled(LabelKind::classes, data::make_array<int64_t>("y", {3}, {0, -1, 5})) == first_and_last);
  CHECK(labelled(LabelKind::multilabel, data::make_array<uint8_t>("y", {3, 2}, {0, 0, 255, 255, 1, 1})) ==
        first_and_last);
  CHECK(labelled(LabelKind::tokens, data::make_array<int64_t>("y", {3, 2}, {0, -100, -100, -100, 2, 1})) ==
        first_and_last);
  CHECK(labelled(LabelKind::targets, data::make_array<float>("y", {3, 2}, {0, 1, kNan, kNan, 2, 3})) == first_and_last);
}

TEST_CASE("dataset: labels that cannot be are refused by item") {
  CHECK(check_error(LabelKind::classes, data::make_array<int64_t>("y", {3}, {0, -2, 0})).find("label -2 of item 1") !=
        std::string::npos);
  CHECK(check_error(LabelKind::tokens, data::make_array<int64_t>("y", {3, 1}, {0, 0, -1})).find("label -1 of item 2") !=
        std::string::npos);
  CHECK(check_error(LabelKind::multilabel, data::make_array<uint8_t>("y", {3, 2}, {0, 1, 255, 0, 0, 0}))
            .find("item 1 is labelled in part") != std::string::npos);
  CHECK(check_error(LabelKind::multilabel, data::make_array<uint8_t>("y", {3, 2}, {0, 1, 0, 0, 2, 0}))
            .find("item 2 has a multilabel entry") != std::string::npos);
  CHECK(check_error(LabelKind::targets, data::make_array<float>("y", {3, 2}, {0, 1, kNan, 0, 0, 0}))
            .find("target of item 1 is not finite") != std::string::npos);
  CHECK(check_error(LabelKind::targets, data::make_array<float>("y", {3, 1}, {0, INFINITY, 0})).starts_with("65 "));
  auto named = dataset_of(LabelKind::classes, data::make_array<int64_t>("y", {3}, {0, 1, 2}));
  named.class_names = {"a", "b"};
  CHECK(error_of([&] { data::check(named); }) ==
        "65 here: label 2 of item 2 is no class; number classes from 0 to 1; -1 means unlabelled");
}

TEST_CASE("dataset: rows that are taken keep labels, ids and parts; a fingerprint tells what changed") {
  auto dataset = dataset_of(LabelKind::classes, data::make_array<int64_t>("y", {3}, {0, -1, 1}));
  dataset.ids = {"a", "b", "c"};
  dataset.parts = {"train", "", "test"};
  const auto part = data::take(dataset, std::vector<int64_t>{2, 0, 2});
  CHECK(part.feature("x").row<float>(0)[0] == 3);
  CHECK(part.labels.row<int64_t>(1)[0] == 0);
  CHECK(part.ids == std::vector<std::string>{"c", "a", "c"});
  CHECK(part.parts == std::vector<std::string>{"test", "train", "test"});

  const std::string print = data::fingerprint(dataset);
  auto other = dataset;
  other.features = {data::make_array<float>("x", {3, 1}, {9, 9, 9})};
  CHECK(data::fingerprint(other) == print);
  other.ids[1] = "d";
  CHECK(data::fingerprint(other) != print);
  other = dataset;
  other.labels = data::make_array<int64_t>("y", {3}, {0, -1, 0});
  CHECK(data::fingerprint(other) != print);
}

TEST_CASE("csv: any fields survive quoting") {
  rc::check("parsed equals written", [] {
    const auto rows = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<std::string>>>(
        rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
            rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', '\r', ' ', '\0', '\xff'))))));
    std::string text;
    for (const auto& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        text += i == 0 ? "\"" : ",\"";
        for (const char c : row[i]) text += c == '"' ? "\"\"" : std::string(1, c);
        text += '"';
      }
      text += '\n';
    }
    data::CsvReader reader(text, ',', "x");
    std::vector<std::string> fields;
    for (const auto& row : rows) {
      RC_ASSERT(reader.next(fields));
      RC_ASSERT(fields == row);
    }
    RC_ASSERT_FALSE(reader.next(fields));
  });
}

TEST_CASE("zip: any entries survive") {
  rc::check("read equals written", [] {
    std::vector<data::ZipEntry> entries;
    for (const auto& [name, content] : *rc::gen::arbitrary<std::vector<std::pair<std::string, std::string>>>())
      entries.push_back({name, content});
    const auto read = data::read_zip(*base::Bytes::from(data::write_zip(entries)), 1 << 30);
    RC_ASSERT(read.size() == entries.size());
    for (size_t i = 0; i < read.size(); ++i) {
      RC_ASSERT(read[i].name == entries[i].name);
      RC_ASSERT(read[i].content == entries[i].content);
    }
  });
}
