// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"
#include "data/split.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr const char* kSchema = "allot.data-split/1";

}  // namespace

void write_split(const std::string& path, const Split& split, const Dataset& dataset, base::Replace replace) {
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).field("dataset", fingerprint(dataset)).field("items", dataset.size());
  json.field("labelled", split.labelled).field("unlabelled", split.unlabelled);
  json.field("validation", split.validation).field("test", split.test).end_object();
  base::write_file(path, json.str(), replace);
}

Split read_split(const std::string& path, const Dataset& dataset) {
  const base::JsonSource source{path, base::read_text(path), "write the split anew"};
  const nlohmann::json json = base::parse_json(source.text, path);
  const base::JsonObject object(source, json, "",
                                {"schema", "dataset", "items", "labelled", "unlabelled", "validation", "test"});
  if (object.text("schema") != kSchema) object.fail("schema", fmt::format("must be '{}'", kSchema));
  if (object.text("dataset") != fingerprint(dataset) || object.integer("items") != dataset.size())
    object.fail("dataset", fmt::format("is not that of {}: items, labels or ids differ", printable(dataset.origin)),
                "draw the split anew, or give the data that it was drawn from");
  std::vector<bool> seen(static_cast<size_t>(dataset.size()));
  const auto items = [&](const char* key) {
    auto list = object.list_of_integers(key, 0, dataset.size() - 1);
    for (const int64_t item : list) {
      if (seen[static_cast<size_t>(item)]) object.fail(key, fmt::format("holds item {}, which is there already", item));
      seen[static_cast<size_t>(item)] = true;
    }
    std::sort(list.begin(), list.end());
    return list;
  };
  Split split{items("labelled"), items("unlabelled"), items("validation"), items("test")};
  for (const int64_t item : split.labelled)
    if (!dataset.is_labelled(item)) object.fail("labelled", fmt::format("holds item {}, which has no label", item));
  return split;
}

std::vector<int64_t> read_items(const std::string& path, const Dataset& dataset) {
  std::unordered_map<std::string, int64_t> by_id;
  for (int64_t item = 0; item < dataset.size(); ++item)
    by_id[dataset.ids.empty() ? std::to_string(item) : dataset.ids[static_cast<size_t>(item)]] = item;
  std::vector<int64_t> items;
  const std::string text = base::read_text(path);
  size_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string id = text.substr(begin, end - begin);
    begin = end + 1;
    if (id.ends_with('\r')) id.pop_back();
    if (id.empty()) continue;
    const auto found = by_id.find(id);
    if (found == by_id.end())
      throw Error(
          ErrorKind::malformed, fmt::format("{}:{}", printable(path), line),
          fmt::format("{} has no item '{}' that was not named before", printable(dataset.origin), printable(id)),
          "name each item once, by its id or its number from 0");
    items.push_back(found->second);
    by_id.erase(found);
  }
  std::sort(items.begin(), items.end());
  return items;
}

}  // namespace allot::data
