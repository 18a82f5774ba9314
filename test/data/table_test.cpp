// SPDX-License-Identifier: Apache-2.0
#include "data/read_table.h"

#include <catch2/catch.hpp>

#include "data/data_files.h"

using namespace allot;
using data::LabelKind;
using test::error_of;
using test::Folder;

namespace {

data::Dataset read_text(const std::string& text, const data::ReadOptions& options = {}, const char* name = "a.csv") {
  const Folder folder;
  return data::read(folder.write(name, text), options);
}

std::string error(const std::string& text, const data::ReadOptions& options = {}) {
  const std::string message = error_of([&] { read_text(text, options); });
  const size_t file = message.find("a.csv");
  return message.substr(0, 3) + (file == std::string::npos ? message.substr(3) : message.substr(file));
}

}  // namespace

TEST_CASE("csv: numbers, labels, ids and parts by column name") {
  const auto dataset = read_text("height,label,id,width,split\r\n1.5,1,a,2e1,train\r\n\r\n-3,,b,+4,test\r\n");
  CHECK(dataset.size() == 2);
  const auto& x = dataset.feature("x");
  CHECK(x.shape == std::vector<int64_t>{2, 2});
  CHECK(x.row<float>(0)[1] == 20);
  CHECK(x.row<float>(1)[0] == -3);
  CHECK(dataset.labels.row<int64_t>(0)[0] == 1);
  CHECK_FALSE(dataset.is_labelled(1));
  CHECK(dataset.ids == std::vector<std::string>{"a", "b"});
  CHECK(dataset.parts == std::vector<std::string>{"train", "test"});
}

TEST_CASE("csv: quoted fields, names of classes, tabs, targets") {
  const auto named = read_text("\"label\",\"a \"\"b\"\"\"\n\"dog, big\",1\n\"ant\nhill\",2\n,\"3\"\n");
  CHECK(named.class_names == std::vector<std::string>{"ant\nhill", "dog, big"});
  CHECK(named.labels.row<int64_t>(0)[0] == 1);
  CHECK_FALSE(named.is_labelled(2));
  CHECK(named.feature("x").row<float>(2)[0] == 3);
  const data::ReadOptions as_trained{.class_names = {"ewe", "dog", "cow"}};
  CHECK(read_text("x,label\n1,cow\n2,dog\n", as_trained).labels.row<int64_t>(0)[0] == 2);
  CHECK(read_text("x,label\n1,\n2,dog\n", as_trained).classes() == 3);
  CHECK(error("x,label\n1,dgo\n", as_trained) ==
        "65 a.csv: 'dgo' is no class of the data trained on; did you mean 'dog'?");
  CHECK(read_text("x\tlabel\n1\t7\n", {}, "a.tsv").classes() == 8);
  const auto targets = read_text("x,label\n1,0.5\n2,3\n3,\n");
  CHECK(targets.label_kind == LabelKind::targets);
  CHECK(targets.labels.row<float>(0)[0] == 0.5f);
  CHECK_FALSE(targets.is_labelled(2));
  CHECK(read_text("x,label\n1,2\n", {.label_kind = LabelKind::targets}).label_kind == LabelKind::targets);
  CHECK(read_text("x,price\n1,2\n", {.label = "price"}).classes() == 3);
  CHECK(read_text("x,z\n1,2\n").label_kind == LabelKind::none);
  CHECK(read_text("\xEF\xBB\xBFx\n1\n").size() == 1);
}

TEST_CASE("csv: malformed tables are refused with file, line and remedy") {
  CHECK(error("") == "65 a.csv: is empty; begin with column names");
  CHECK(error("x,label\n1,0\n2\n") == "65 a.csv:3: has 1 fields for 2 columns; quote fields that hold the separator");
  CHECK(error("x,label\n\n1,0\nred,0\n") ==
        "65 a.csv:4: 'red' in column 'x' is no finite number; give features as numbers");
  CHECK(error("x,label\n1,\"a\nb\"\nred,c\n").starts_with("65 a.csv:4: 'red'"));
  CHECK(error("x\n\n\"1\nnan") == "65 a.csv:3: a quoted field never ends; write quotes within quoted fields twice");
  CHECK(error("x,label\n\"1\"2,0\n").find("a.csv:2: text follows a quoted field") != std::string::npos);
  CHECK(error("x\nnan\n").find("no finite number") != std::string::npos);
  CHECK(error("x\n\n") == "65 a.csv: holds no items");
  CHECK(error("label\n1\n").find("no columns of features") != std::string::npos);
  CHECK(error("x,x\n1,2\n").find("two columns are named 'x'") != std::string::npos);
  CHECK(error("1,2\n3,4\n").find("add a line of column names") != std::string::npos);
  CHECK(error("x,y\n1,-3\n").find("label -3 of item 0 is no class") != std::string::npos);
  CHECK(error("x,price\n1,2\n", {.label = "prise"}) == "66 a.csv:1: there is no column 'prise'; did you mean 'price'?");
  CHECK(error("x,id\n1,a\n2,a\n").find("two items have the id 'a'") != std::string::npos);
  CHECK(error("x,y\n1,a\n", {.label_kind = LabelKind::targets}).find("not all targets are numbers") !=
        std::string::npos);
}
