// SPDX-License-Identifier: Apache-2.0
#include "mixcal/saved.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "data/csv.h"
#include "mixcal/page.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;
using nlohmann::json;

constexpr const char* kSchema = "allot.mixture-run/1";

std::vector<std::vector<double>> table_of(const std::vector<std::pair<double, double>>& points) {
  std::vector<std::vector<double>> rows;
  for (const auto& [x, y] : points) rows.push_back({x, y});
  return rows;
}

/// Parts of a result whose lists are too deep for base::JsonObject.
class ResultReader {
 public:
  ResultReader(const base::JsonObject& top, const json& parsed, size_t domains, size_t seeds)
      : top_(top), parsed_(parsed), domains_(domains), seeds_(seeds) {}

  void read(Calibration& calibration) {
    try {
      calibration.by_seed = rows(part("by_seed"), domains_);
      require(calibration.by_seed.size() == seeds_);
      for (const json& arm : part("arms")) calibration.arms.push_back(arm_of(arm));
      require(calibration.arms.empty() || calibration.arms.size() == 3);
      for (const json& each : part("law")) calibration.fitted.push_back(fitted_of(each));
    } catch (const json::exception&) {
      require(false);
    }
  }

 private:
  const json& part(const char* key) { return parsed_.at(key_ = key); }
  void require(bool holds) const {
    if (!holds) top_.fail(key_, "is not what mixcal writes");
  }

  /// null is not a number.
  static double number_of(const json& value) { return value.is_null() ? std::nan("") : value.get<double>(); }

  /// Of `width` numbers each.
  std::vector<std::vector<double>> rows(const json& value, size_t width) const {
    std::vector<std::vector<double>> rows;
    for (const json& row : value) {
      rows.emplace_back();
      for (const json& each : row) rows.back().push_back(number_of(each));
      require(rows.back().size() == width);
    }
    return rows;
  }

  Arm arm_of(const json& value) const {
    Arm arm{value.at("name").get<std::string>(),
            value.at("weights").get<Weights>(),
            rows(value.at("losses"), domains_),
            {}};
    for (const json& curve : value.at("curves")) {
      arm.curves.emplace_back();
      for (const auto& row : rows(curve, 2)) arm.curves.back().emplace_back(row[0], row[1]);
    }
    require(arm.weights.size() == domains_ && arm.losses.size() == seeds_ && arm.curves.size() == seeds_);
    return arm;
  }

  static Fitted fitted_of(const json& value) {
    return {value.at("metric").get<std::string>(),
            value.at("regressor").get<std::string>(),
            value.at("formula").get<std::string>(),
            {number_of(value.at("rmse")), number_of(value.at("spearman"))}};
  }

  const base::JsonObject& top_;
  const json& parsed_;
  size_t domains_, seeds_;
  const char* key_ = "";
};

void read_result(const std::string& path, Calibration& calibration) {
  const base::JsonSource source{path, base::read_text(path), "give the folder of mixcal calibrate"};
  const json parsed = base::parse_json(source.text, path);
  const base::JsonObject top(source, parsed, "",
                             {"schema", "method", "domains", "weights", "seeds", "by_seed", "over", "compared_steps",
                              "arms", "better_than_uniform", "law", "flops", "warnings"});
  if (top.text("schema") != kSchema) top.fail("schema", fmt::format("is not {}", kSchema));
  const std::vector<std::string> names = calibration.mixture.names();
  if (top.texts("domains") != names || top.text("method") != calibration.mixture.method)
    throw Error(ErrorKind::check_failed, base::printable(path), "is not of the same search as mixture.json",
                "search again");
  calibration.compared_steps = top.integer("compared_steps");
  for (const std::string& name : top.texts("over")) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) top.fail("over", "names a domain that is not there");
    calibration.over.push_back(static_cast<size_t>(found - names.begin()));
  }
  ResultReader(top, parsed, names.size(), calibration.mixture.seeds.size()).read(calibration);
}

std::vector<std::vector<double>> read_trajectory(const std::string& path, size_t domains) {
  const auto file = base::Bytes::open(path);
  data::CsvReader reader(file->view(), ',', path);
  std::vector<std::vector<double>> rows;
  std::vector<std::string> fields;
  for (bool first = true; reader.next(fields); first = false) {
    if (fields.size() != 1 + 2 * domains)
      throw Error(ErrorKind::malformed, reader.where(), "is not of as many domains", "search again");
    if (first) continue;
    rows.emplace_back();
    for (const std::string& field : fields) {
      double value = 0;
      const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
      if (error != std::errc() || end != field.data() + field.size())
        throw Error(ErrorKind::malformed, reader.where(), fmt::format("'{}' is no number", base::printable(field)),
                    "search again");
      rows.back().push_back(value);
    }
  }
  return rows;
}

}  // namespace

std::string to_json(const Calibration& calibration) {
  const std::vector<std::string> names = calibration.mixture.names();
  std::vector<std::string> over;
  for (const size_t i : calibration.over) over.push_back(names[i]);
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).field("method", calibration.mixture.method);
  json.field("domains", names).field("weights", calibration.mixture.weights());
  json.field("seeds", calibration.mixture.seeds).field("by_seed", calibration.by_seed).field("over", over);
  json.field("compared_steps", calibration.compared_steps).key("arms").begin_array();
  for (const Arm& arm : calibration.arms) {
    const Verdict verdict = judge(arm, calibration.arms[0], calibration.over);
    std::vector<std::vector<std::vector<double>>> curves;
    for (const auto& curve : arm.curves) curves.push_back(table_of(curve));
    json.begin_object().field("name", arm.name).field("weights", arm.weights).field("losses", arm.losses);
    json.field("curves", curves);
    json.field("average", verdict.averages)
        .field("worst", verdict.worsts)
        .field("steps_to_natural", verdict.steps)
        .end_object();
  }
  json.end_array().field("better_than_uniform", calibration.beats_uniform()).key("law").begin_array();
  for (const Fitted& fitted : calibration.fitted)
    json.begin_object()
        .field("metric", fitted.metric)
        .field("regressor", fitted.kind)
        .field("formula", fitted.formula)
        .field("rmse", fitted.quality.rmse)
        .field("spearman", fitted.quality.spearman)
        .end_object();
  json.end_array().key("flops").begin_object(true);
  for (const auto& [stage, flops] : calibration.mixture.flops) json.field(stage, flops);
  return json.end_object().field("warnings", calibration.mixture.warnings).end_object().str();
}

void write_calibration(const Calibration& calibration, const std::string& folder, base::Replace replace) {
  std::filesystem::create_directories(folder);  // there already unless nothing was trained
  base::write_file(folder + "/mixture.json", to_json(calibration.mixture), replace);
  base::write_file(folder + "/result.json", to_json(calibration), replace);
  base::write_file(folder + "/report.html", page_of(calibration), replace);
  if (!calibration.trajectories.empty())
    base::write_file(folder + "/trajectory.csv", trajectory_csv(calibration), base::Replace::any);
}

Calibration read_calibration(const std::string& folder) {
  Calibration calibration;
  calibration.mixture = read_mixture(folder + "/mixture.json");
  read_result(folder + "/result.json", calibration);
  const std::string trajectory = folder + "/trajectory.csv";
  if (std::filesystem::exists(trajectory))
    calibration.trajectories.push_back(read_trajectory(trajectory, calibration.mixture.domains.size()));
  return calibration;
}

}  // namespace allot::mixcal
