// SPDX-License-Identifier: Apache-2.0
#include "data/read_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "data/csv.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

template <typename T>
std::optional<T> number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Which column is what.
struct Columns {
  std::optional<size_t> label, id, split;
  std::vector<size_t> numbers;
};

Columns sort_columns(const std::vector<std::string>& names, const std::string& where, const ReadOptions& options) {
  Columns columns;
  std::set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (!seen.insert(name).second)
      throw Error(ErrorKind::malformed, where, fmt::format("two columns are named '{}'", printable(name)));
    const bool is_label = options.label.empty() ? name == "label" || name == "y" : name == options.label;
    if (is_label)
      columns.label = i;
    else if (name == "id")
      columns.id = i;
    else if (name == "split")
      columns.split = i;
    else
      columns.numbers.push_back(i);
  }
  if (!options.label.empty() && !columns.label)
    throw Error(ErrorKind::input_missing, where, fmt::format("there is no column '{}'", printable(options.label)),
                base::suggestion(options.label, names));
  if (columns.numbers.empty()) throw Error(ErrorKind::malformed, where, "there are no columns of features");
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return number<double>(name).has_value(); }))
    throw Error(ErrorKind::malformed, where, "the first line holds numbers instead of names",
                "add a line of column names");
  return columns;
}

void set_classes(Dataset& dataset, const std::vector<std::string>& fields, std::vector<std::string> names) {
  if (names.empty()) {
    std::set<std::string> sorted(fields.begin(), fields.end());
    sorted.erase("");
    names.assign(sorted.begin(), sorted.end());
  }
  std::map<std::string, int64_t> classes;
  for (const std::string& name : names) classes.emplace(name, std::ssize(classes));
  std::vector<int64_t> labels;
  for (const std::string& field : fields) {
    const auto found = classes.find(field);
    if (!field.empty() && found == classes.end())
      throw Error(ErrorKind::malformed, printable(dataset.origin),
                  fmt::format("'{}' is no class of the data trained on", printable(field)),
                  base::suggestion(field, names));
    labels.push_back(field.empty() ? kUnlabelled : found->second);
  }
  dataset.class_names = std::move(names);
  dataset.labels = make_array("label", {std::ssize(fields)}, std::move(labels));
}

template <typename T>
void set_numbers(Dataset& dataset, const std::vector<std::string>& fields, T none) {
  std::vector<T> labels;
  for (const std::string& field : fields) labels.push_back(field.empty() ? none : number<T>(field).value());
  dataset.labels = make_array("label", {std::ssize(fields)}, std::move(labels));
}

template <typename T>
bool are_numbers(const std::vector<std::string>& fields) {
  return std::all_of(fields.begin(), fields.end(),
                     [](const std::string& field) { return field.empty() || number<T>(field).has_value(); });
}

}  // namespace

void set_labels(Dataset& dataset, const std::vector<std::string>& fields, const ReadOptions& options) {
  LabelKind kind = options.label_kind;
  if (kind == LabelKind::multilabel || kind == LabelKind::tokens)
    throw Error(ErrorKind::malformed, printable(dataset.origin), "one field cannot hold several labels",
                "give them as an array, for instance in an .npz file");
  const bool is_whole = options.class_names.empty() && are_numbers<int64_t>(fields);
  if (kind == LabelKind::none && !is_whole && options.class_names.empty() && are_numbers<float>(fields))
    kind = LabelKind::targets;
  dataset.label_kind = kind == LabelKind::none ? LabelKind::classes : kind;
  if (dataset.label_kind == LabelKind::targets) {
    if (!are_numbers<float>(fields))
      throw Error(ErrorKind::malformed, printable(dataset.origin), "not all targets are numbers");
    set_numbers<float>(dataset, fields, std::numeric_limits<float>::quiet_NaN());
  } else if (is_whole) {
    set_numbers<int64_t>(dataset, fields, kUnlabelled);
  } else {
    set_classes(dataset, fields, options.class_names);
  }
}

Dataset read_table(const std::shared_ptr<const base::Bytes>& file, char separator, const ReadOptions& options) {
  CsvReader reader(file->view(), separator, file->path());
  std::vector<std::string> names, fields, labels;
  if (!reader.next(names))
    throw Error(ErrorKind::malformed, printable(file->path()), "is empty", "begin with column names");
  const Columns columns = sort_columns(names, reader.where(), options);
  Dataset dataset;
  dataset.origin = file->path();
  std::vector<float> values;
  int64_t rows = 0;
  for (; reader.next(fields); ++rows) {
    if (fields.size() != names.size())
      throw Error(ErrorKind::malformed, reader.where(),
                  fmt::format("has {} fields for {} columns", fields.size(), names.size()),
                  "quote fields that hold the separator");
    for (const size_t i : columns.numbers) {
      const auto value = number<float>(fields[i]);
      if (!value || !std::isfinite(*value))
        throw Error(
            ErrorKind::malformed, reader.where(),
            fmt::format("'{}' in column '{}' is no finite number", printable(fields[i], 40), printable(names[i])),
            "give features as numbers");
      values.push_back(*value);
    }
    if (columns.label) labels.push_back(fields[*columns.label]);
    if (columns.id) dataset.ids.push_back(fields[*columns.id]);
    if (columns.split) dataset.parts.push_back(fields[*columns.split]);
  }
  dataset.features = {make_array("x", {rows, static_cast<int64_t>(columns.numbers.size())}, std::move(values))};
  if (columns.label) set_labels(dataset, labels, options);
  check(dataset);
  return dataset;
}

}  // namespace allot::data
