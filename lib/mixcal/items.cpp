// SPDX-License-Identifier: Apache-2.0
#include "mixcal/items.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/csv.h"
#include "data/read.h"
#include "data/read_images.h"
#include "data/read_table.h"
#include "mixcal/prepare.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;
using data::Dataset;
namespace fs = std::filesystem;

struct Categorised {
  Dataset dataset;
  std::vector<std::string> categories;  // by item
};

[[noreturn]] void missing(const std::string& path, const std::string& category, const std::vector<std::string>& names) {
  throw Error(ErrorKind::input_missing, base::printable(path),
              fmt::format("there is no column '{}'", base::printable(category)), base::suggestion(category, names));
}

void append_field(const std::string& field, std::string& out) {
  out.push_back('"');
  for (const char each : field) {
    if (each == '"') out.push_back('"');
    out.push_back(each);
  }
  out.push_back('"');
}

/// A table without the column of categories, which may hold any text.
Categorised read_table(const std::string& path, char separator, const data::ReadOptions& options,
                       const std::string& category) {
  const auto file = base::Bytes::open(path);
  data::CsvReader reader(file->view(), separator, path);
  std::vector<std::string> fields, categories;
  std::optional<size_t> column;
  size_t width = 0;
  std::string rest;
  for (bool first = true; reader.next(fields); first = false) {
    if (first) {
      const auto found = std::find(fields.begin(), fields.end(), category);
      if (found == fields.end()) missing(path, category, fields);
      column = static_cast<size_t>(found - fields.begin()), width = fields.size();
    } else {
      if (fields.size() != width)
        throw Error(ErrorKind::malformed, base::printable(reader.where()),
                    fmt::format("has {} fields for {} columns", fields.size(), width),
                    "quote fields that hold the separator");
      categories.push_back(fields[*column]);
    }
    bool begun = false;
    for (size_t i = 0; i < fields.size(); ++i) {
      if (i == *column) continue;
      if (begun) rest.push_back(separator);
      append_field(fields[i], rest);
      begun = true;
    }
    rest.push_back('\n');
  }
  if (!column) missing(path, category, {});
  return {data::read_table(base::Bytes::from(std::move(rest), path), separator, options), std::move(categories)};
}

/// A manifest of images without the field of categories.
Categorised read_manifest(const std::string& path, const data::ReadOptions& options, const std::string& category) {
  const auto file = base::Bytes::open(path);
  std::string_view text = file->view();
  std::vector<std::string> categories;
  std::string rest;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") != line.npos) {
      const std::string where = fmt::format("{}:{}", path, number);
      nlohmann::json parsed = base::parse_json(line, where);
      const auto found = parsed.is_object() ? parsed.find(category) : parsed.end();
      if (found == parsed.end() || !found->is_string())
        throw Error(ErrorKind::input_missing, base::printable(where),
                    fmt::format("has no text '{}'", base::printable(category)), "give every image its category");
      categories.push_back(found->get<std::string>());
      parsed.erase(category);
      rest += parsed.dump();
    }
    rest += "\n";
  }
  return {data::read_manifest(base::Bytes::from(std::move(rest), path), options), std::move(categories)};
}

/// An array of one number an item, which is then no feature.
std::vector<std::string> take_array(Dataset& dataset, const std::string& category) {
  const data::Array array = dataset.feature(category);
  if (array.elements() != 1 || array.dtype == data::DType::float32)
    throw Error(ErrorKind::malformed, base::printable(dataset.origin),
                fmt::format("array '{}' is not a whole number an item", base::printable(category)),
                "categories are numbered from 0");
  std::vector<std::string> categories;
  for (int64_t item = 0; item < dataset.size(); ++item)
    categories.push_back(array.dtype == data::DType::int64 ? std::to_string(array.row<int64_t>(item)[0])
                                                           : std::to_string(array.row<uint8_t>(item)[0]));
  std::erase_if(dataset.features, [&](const data::Array& each) { return each.name == category; });
  return categories;
}

std::string class_name(const Dataset& dataset, int64_t item) {
  const int64_t label = dataset.labels.row<int64_t>(item)[0];
  const auto at = static_cast<size_t>(std::max<int64_t>(0, label));
  return at < dataset.class_names.size() ? dataset.class_names[at] : std::to_string(label);
}

Categorised read_file(const std::string& path, const data::ReadOptions& options, const std::string& category) {
  const std::string extension = fs::path(path).extension().string();
  if (!category.empty() && extension == ".csv") return read_table(path, ',', options, category);
  if (!category.empty() && extension == ".tsv") return read_table(path, '\t', options, category);
  if (!category.empty() && extension == ".jsonl") return read_manifest(path, options, category);
  Categorised read{data::read(path, options), {}};
  if (!category.empty()) read.categories = take_array(read.dataset, category);
  return read;
}

void require_classes(const Dataset& dataset) {
  if (dataset.label_kind != data::LabelKind::classes)
    throw Error(ErrorKind::malformed, base::printable(dataset.origin), "has no classes as labels",
                "name the column or array that holds them: --label");
  if (dataset.features.size() == 1) return;
  std::string names;
  for (const data::Array& array : dataset.features) names += (names.empty() ? "" : ", ") + base::printable(array.name);
  throw Error(ErrorKind::malformed, base::printable(dataset.origin),
              fmt::format("holds {} arrays of features: {}", dataset.features.size(), names),
              "keep one, or name what holds labels and categories: --label, --category");
}

/// Numbers of items as a network takes them: float32.
class Encoder {
 public:
  explicit Encoder(const data::Array& array) : array_(array) {
    const std::vector<int64_t>& shape = array.shape;
    if (array.dtype != data::DType::uint8 || shape.size() != 4) return;
    if (shape[3] == 1 || shape[3] == 3 || shape[3] == 4) channels_ = shape[3];
  }

  /// `out`: as many as elements of an item.
  void encode(int64_t item, uint32_t* out) const {
    const int64_t count = array_.elements(), pixels = count / channels_;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = i % channels_ * pixels + i / channels_;
      out[at] = std::bit_cast<uint32_t>(value(item, i));
    }
  }

 private:
  float value(int64_t item, int64_t i) const {
    const auto at = static_cast<size_t>(i);
    if (array_.dtype == data::DType::uint8) return static_cast<float>(array_.row<uint8_t>(item)[at]) / 255;
    if (array_.dtype == data::DType::int64) return static_cast<float>(array_.row<int64_t>(item)[at]);
    return array_.row<float>(item)[at];
  }

  const data::Array& array_;
  int64_t channels_ = 1;
};

}  // namespace

GroupedItems read_items(const std::vector<std::string>& paths,
                        const std::vector<std::pair<std::string, std::string>>& domains, const std::string& label,
                        const std::string& category) {
  data::ReadOptions options{.label = label};
  std::vector<Dataset> datasets;
  std::vector<std::string> categories;
  const auto add = [&](const std::string& path, const std::string& name, const std::string& of) {
    Categorised read = read_file(path, options, of);
    require_classes(read.dataset);
    for (int64_t item = 0; item < read.dataset.size(); ++item)
      categories.push_back(!name.empty() ? name
                           : of.empty()  ? class_name(read.dataset, item)
                                         : read.categories[static_cast<size_t>(item)]);
    // Classes have the numbers of the first file's names in all; ids may repeat in other files.
    options.class_names = read.dataset.class_names;
    read.dataset.ids.clear();
    datasets.push_back(std::move(read.dataset));
  };
  for (const std::string& path : paths) add(path, "", category);
  for (const auto& [name, path] : domains) add(path, name, "");
  if (datasets.empty())
    throw Error(ErrorKind::usage, "--task classify", "needs data", "name a table, arrays or a folder of images");
  GroupedItems items{data::concatenate(std::move(datasets)), categories, {}};
  std::sort(items.groups.begin(), items.groups.end());
  items.groups.erase(std::unique(items.groups.begin(), items.groups.end()), items.groups.end());
  for (const std::string& each : categories)
    items.group_of.push_back(
        static_cast<size_t>(std::lower_bound(items.groups.begin(), items.groups.end(), each) - items.groups.begin()));
  return items;
}

data::TokenStore prepare_items(const std::vector<std::string>& paths, const PrepareOptions& options,
                               const std::string& output, uint64_t seed, unsigned threads, base::Replace replace) {
  const GroupedItems items = read_items(paths, named_domains(options), options.label, options.category);
  const data::Array& features = items.dataset.features[0];
  const Encoder encoder(features);
  const auto width = static_cast<size_t>(features.elements()) + 1;
  const data::Tokenizer tokenizer{kItemsKind, items.dataset.classes(), -1};
  base::check_output(output + "/manifest.json", replace);
  std::vector<data::TokenDomain> domains(items.groups.size());
  base::parallel_for(domains.size(), threads, [&](size_t group) {
    data::TokenWriter writer(output, items.groups[group], folder_of(group, items.groups[group]), tokenizer,
                             options.shares, seed, replace);
    std::vector<uint32_t> item(width);
    for (int64_t i = 0; i < items.dataset.size(); ++i) {
      if (items.group_of[static_cast<size_t>(i)] != group || !items.dataset.is_labelled(i)) continue;
      encoder.encode(i, item.data());
      item.back() = static_cast<uint32_t>(items.dataset.labels.row<int64_t>(i)[0]);
      writer.add(item);
    }
    domains[group] = writer.finish();
  });
  data::TokenStore::write_manifest(output, tokenizer, std::move(domains), options.shares, seed, replace);
  return data::TokenStore(output);
}

std::string unit_of_losses(const std::string& kind) { return kind == kItemsKind ? "nats an item" : "nats a token"; }

int64_t numbers_of_item(const data::TokenStore& store) {
  const data::TokenDomain& first = store.domains()[0];
  return first.tokens() / std::max<int64_t>(1, first.documents()) - 1;
}

}  // namespace allot::mixcal
