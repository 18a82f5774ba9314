// SPDX-License-Identifier: Apache-2.0
#include "data/read_cifar.h"

#include <catch2/catch.hpp>

#include "base/safetensors.h"
#include "data/data_files.h"

using namespace allot;
using test::error_of;
using test::Folder;

namespace {

std::string record(const std::string& labels, char pixel) { return labels + std::string(3072, pixel); }

}  // namespace

TEST_CASE("cifar: 10 and 100 classes, and a folder of batches with names") {
  const Folder folder;
  const auto ten = data::read(folder.write("data_batch_1.bin", record("\7", 'a') + record(std::string(1, '\0'), 'b')));
  CHECK(ten.feature("x").shape == std::vector<int64_t>{2, 3, 32, 32});
  CHECK(ten.feature("x").row<uint8_t>(1)[3071] == 'b');
  CHECK(ten.labels.row<int64_t>(0)[0] == 7);
  const auto hundred = data::read(folder.write("hundred/train.bin", record("\3\x63", 'a')));
  CHECK(hundred.labels.row<int64_t>(0)[0] == 99);

  folder.write("test_batch.bin", record("\1", 'c'));
  std::string names;
  for (int c = 0; c < 10; ++c) names += "class" + std::to_string(c) + "\n";
  folder.write("batches.meta.txt", names + "\n");
  const auto all = data::read(folder.path());
  CHECK(all.size() == 3);
  CHECK(all.parts == std::vector<std::string>{"train", "train", "test"});
  CHECK(all.class_names[7] == "class7");
}

TEST_CASE("cifar: what are no whole records is refused") {
  const Folder folder;
  const auto error = [&](const std::string& content) {
    return error_of([&] { data::read(folder.write("a.bin", content)); });
  };
  CHECK(error("").starts_with("65 "));
  CHECK(error(record("\1", 'a') + "xy").starts_with("65 "));
  CHECK(error(record("\x0a", 'a')).starts_with("65 "));
  CHECK(error(record(std::string("\1\x64", 2), 'a')).starts_with("65 "));
  folder.write("batches.meta.txt", "cat\n");
  CHECK(error(record("\1", 'a')).find("names 1 classes of 10") != std::string::npos);
}

TEST_CASE("safetensors: arrays by name, mapped") {
  const Folder folder;
  const std::vector<float> x{1, 2, 3, 4};
  const std::vector<int32_t> y{1, -1};
  const std::string path = folder.path("a.safetensors");
  base::write_safetensors(
      path, {{"x", "F32", {2, 2}, std::as_bytes(std::span(x))}, {"y", "I32", {2}, std::as_bytes(std::span(y))}}, {},
      base::Replace::any);
  const auto dataset = data::read(path);
  CHECK(dataset.feature("x").row<float>(1)[0] == 3);
  CHECK(dataset.labels.row<int64_t>(0)[0] == 1);
  CHECK_FALSE(dataset.is_labelled(1));
  const std::string whole = base::read_text(path);
  for (size_t size = 0; size < whole.size(); size += 3)
    CHECK(error_of([&] { data::read(folder.write("b.safetensors", whole.substr(0, size))); }).starts_with("65 "));
}
