// SPDX-License-Identifier: Apache-2.0
#include "train/record.h"

#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace allot::train {
namespace {

constexpr const char* kRemedy = "begin the run anew";

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw base::Error(base::ErrorKind::malformed, where, what, kRemedy);
}

double number_of(const nlohmann::json& value, const std::string& where, const std::string& key) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) refuse(where, fmt::format("'{}' is no number", base::printable(key)));
  return value.get<double>();
}

Record parse(std::string_view line, const std::string& where) {
  const nlohmann::json object = base::parse_json(line, where);
  if (!object.is_object()) refuse(where, "is no object");
  Record record;
  for (const auto& [key, value] : object.items()) {
    if (key == "phase" && value.is_string())
      record.phase = value.get<std::string>();
    else if (key == "step" && value.is_number_integer())
      record.step = value.get<int64_t>();
    else if (key == "seconds")
      record.seconds = number_of(value, where, key);
    else
      record.metrics.emplace(key, number_of(value, where, key));
  }
  if (record.phase.empty()) refuse(where, "'phase' is missing");
  return record;
}

}  // namespace

std::string to_json(const Record& record) {
  base::JsonWriter json(0);
  json.begin_object().field("phase", record.phase).field("step", record.step).field("seconds", record.seconds);
  for (const auto& [name, value] : record.metrics) json.field(name, value);
  std::string line = json.end_object().str();
  line.pop_back();
  return line;
}

std::vector<Record> read_records(const std::string& path) {
  const auto file = base::Bytes::open(path);
  std::string_view rest = file->view();
  std::vector<Record> records;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    records.push_back(parse(rest.substr(0, end), fmt::format("{}, line {}", path, records.size() + 1)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return records;
}

void RunningMeans::add(const Metrics& metrics) {
  for (const auto& [name, value] : metrics) {
    sums_[name].sum += value;
    ++sums_[name].count;
  }
}

Metrics RunningMeans::means() const {
  Metrics means;
  for (const auto& [name, sum] : sums_) means[name] = sum.sum / static_cast<double>(sum.count);
  return means;
}

std::string RunningMeans::state() const {
  base::JsonWriter json(0);
  json.begin_object();
  for (const auto& [name, sum] : sums_) json.key(name).begin_array(true).value(sum.sum).value(sum.count).end_array();
  return json.end_object().str();
}

void RunningMeans::restore(const std::string& state, const std::string& where) {
  sums_.clear();
  const nlohmann::json object = base::parse_json(state, where);
  for (const auto& [name, value] : object.items()) {
    if (!value.is_array() || value.size() != 2 || !value[1].is_number_integer()) refuse(where, "its means are damaged");
    sums_[name] = {number_of(value[0], where, name), value[1].get<int64_t>()};
  }
}

}  // namespace allot::train
