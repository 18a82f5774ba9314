// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "data/data_files.h"
#include "data/generate.h"
#include "data/split.h"

using namespace allot;
using test::error_of;
using test::Folder;

TEST_CASE("split file: what is written is read back, for the same dataset only") {
  const Folder folder;
  const auto dataset = data::generate({.per_class = 20, .seed = 1});
  const auto split = data::split(dataset, {.per_class = 2, .test = {0.5, true}, .seed = 4});
  const std::string path = folder.path("split.json");
  data::write_split(path, split, dataset, base::Replace::own);
  data::write_split(path, split, dataset, base::Replace::own);
  const auto read = data::read_split(path, dataset);
  CHECK(read.labelled == split.labelled);
  CHECK(read.unlabelled == split.unlabelled);
  CHECK(read.validation == split.validation);
  CHECK(read.test == split.test);

  const auto other = data::generate({.per_class = 21, .seed = 1});
  CHECK(error_of([&] { data::read_split(path, other); }).find("is not that of moons") != std::string::npos);
  auto relabelled = dataset;
  relabelled.labels = data::make_array("y", {40}, std::vector<int64_t>(40, 1));
  CHECK(error_of([&] { data::read_split(path, relabelled); }).find("labels or ids differ") != std::string::npos);
  const std::string whole = base::read_text(path);
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { data::read_split(folder.write("bad.json", text), dataset); });
  };
  CHECK(error("data-split/1", "data-split/2").find("must be 'allot.data-split/1'") != std::string::npos);
  CHECK(error("\"labelled\": [", "\"labelled\": [40, ").starts_with("65 "));
  CHECK(error("\"labelled\": [", fmt::format("\"labelled\": [{}, ", split.test[0])).find("which is there already") !=
        std::string::npos);
  CHECK(error("\"labelled\": [", "\"labeled\": [").find("did you mean 'labelled'?") != std::string::npos);
  for (size_t size = 0; size + 2 < whole.size(); size += 7)
    CHECK(error_of([&] {
            data::read_split(folder.write("cut.json", whole.substr(0, size)), dataset);
          }).starts_with("65 "));
}

TEST_CASE("split: labelled items from a list of ids") {
  const Folder folder;
  auto dataset = data::generate({.per_class = 5, .seed = 1});
  const auto items = data::read_items(folder.write("items.txt", "7\r\n\n0\n9\n"), dataset);
  CHECK(items == std::vector<int64_t>{0, 7, 9});
  const auto split = data::split(dataset, {.labelled_items = items});
  CHECK(split.labelled == items);
  CHECK(split.unlabelled.size() == 7);
  const auto error = [&](const std::string& text) {
    return error_of([&] { data::read_items(folder.write("bad.txt", text), dataset); });
  };
  CHECK(error("1\n10\n").find("bad.txt:2: moons has no item '10'") != std::string::npos);
  CHECK(error("1\n1\n").find("bad.txt:2") != std::string::npos);
  CHECK(error_of([&] {
          data::split(dataset, {.labelled_items = {0, 1}});
        }).find("no labelled item of class '1'") != std::string::npos);
  dataset.parts.assign(10, "");
  dataset.parts[7] = "test";
  CHECK(error_of([&] { data::split(dataset, {.labelled_items = items}); }).find("item 7 cannot be trained on") !=
        std::string::npos);
}
