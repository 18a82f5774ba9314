// SPDX-License-Identifier: Apache-2.0
#include "mixcal/swarm.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "data/csv.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x6d697863;
const std::vector<std::string> kKeys = {"run", "index", "name"};

struct Table {
  std::string path;
  std::vector<std::string> columns;                      // without keys
  std::map<std::string, std::vector<std::string>> keys;  // by name of the column
  std::vector<std::vector<double>> rows;
};

double number_of(const std::string& field, const std::string& where, const std::string& column) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value))
    throw Error(
        ErrorKind::malformed, where,
        fmt::format("column '{}' holds '{}', which is no number", base::printable(column), base::printable(field)),
        "leave runs that failed out");
  return value;
}

Table read_table(const std::string& path) {
  const auto file = base::Bytes::open(path);
  data::CsvReader reader(file->view(), ',', path);
  std::vector<std::string> header, fields;
  if (!reader.next(header))
    throw Error(ErrorKind::malformed, base::printable(path), "is empty", "begin with a line of column names");
  Table table{path, {}, {}, {}};
  std::set<std::string> seen;
  for (std::string& name : header) {
    if (name.empty()) name = "index";  // what pandas writes for one without a name
    if (!seen.insert(name).second)
      throw Error(ErrorKind::malformed, reader.where(), fmt::format("has two columns '{}'", base::printable(name)),
                  "rename one");
    if (std::find(kKeys.begin(), kKeys.end(), name) == kKeys.end()) table.columns.push_back(name);
  }
  while (reader.next(fields)) {
    if (fields.size() != header.size())
      throw Error(ErrorKind::malformed, reader.where(),
                  fmt::format("has {} fields of {}", fields.size(), header.size()), "give every column a value");
    table.rows.emplace_back();
    for (size_t i = 0; i < fields.size(); ++i)
      if (std::find(kKeys.begin(), kKeys.end(), header[i]) != kKeys.end())
        table.keys[header[i]].push_back(fields[i]);
      else
        table.rows.back().push_back(number_of(fields[i], reader.where(), header[i]));
  }
  if (table.rows.empty()) throw Error(ErrorKind::malformed, base::printable(path), "holds no run", "give a row a run");
  return table;
}

/// Names without a prefix that all of them have.
std::vector<std::string> bare(std::vector<std::string> names) {
  for (const char* prefix : {"train_", "valid_", "val_", "eval_"}) {
    const auto has = [&](const std::string& name) { return name.starts_with(prefix); };
    if (!names.empty() && std::all_of(names.begin(), names.end(), has))
      for (std::string& name : names) name.erase(0, std::string(prefix).size());
  }
  return names;
}

Swarm swarm_of(const Table& table) {
  Swarm swarm;
  swarm.domains = bare(table.columns);
  if (swarm.domains.size() < 2)
    throw Error(ErrorKind::malformed, base::printable(table.path),
                fmt::format("names {} domains; a mixture is of two at least", swarm.domains.size()),
                "give a column a domain");
  for (size_t row = 0; row < table.rows.size(); ++row) {
    swarm.ratios.push_back(
        normalized(table.rows[row], fmt::format("{}: run {}", base::printable(table.path), row + 1)));
    std::string name = std::to_string(row);
    for (const std::string& key : kKeys)
      if (const auto found = table.keys.find(key); found != table.keys.end()) name = found->second[row];
    swarm.runs.push_back(std::move(name));
  }
  return swarm;
}

/// Rows of `table` by what the column `key` says of them.
std::map<std::string, size_t> rows_by(const Table& table, const std::string& key) {
  std::map<std::string, size_t> rows;
  const std::vector<std::string>& names = table.keys.at(key);
  for (size_t row = 0; row < names.size(); ++row)
    if (!rows.emplace(names[row], row).second)
      throw Error(ErrorKind::malformed, base::printable(table.path),
                  fmt::format("has the {} '{}' twice", key, base::printable(names[row])), "keep one row a run");
  return rows;
}

/// Gamma of shape a, by Marsaglia and Tsang, "A simple method for generating gamma variables", TOMS 2000.
double gamma(double a, base::Rng& rng) {
  if (a < 1) return gamma(a + 1, rng) * std::pow(1 - rng.uniform(), 1 / a);
  const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

bool fits(const Weights& weights, const std::vector<double>& caps) {
  for (size_t i = 0; i < caps.size(); ++i)
    if (weights[i] > caps[i] * (1 + 1e-9)) return false;
  return true;
}

Weights draw(const Weights& mean, const SamplingOptions& options, base::Rng& rng) {
  const double strength = options.least * std::pow(options.most / options.least, rng.uniform());
  Weights weights;
  for (const double each : mean)
    weights.push_back(each > 0 ? gamma(std::max(1e-3, strength * each * static_cast<double>(mean.size())), rng) : 0);
  double total = 0;
  for (const double weight : weights) total += weight;
  for (double& weight : weights) weight = weight < options.floor * total ? 0 : weight;
  return normalized(std::move(weights));
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char each : text) quoted += each == '"' ? "\"\"" : std::string(1, each);
  return quoted + "\"";
}

void write_table(const Swarm& swarm, const std::vector<std::string>& columns,
                 const std::vector<std::vector<double>>& rows, const std::string& path, base::Replace replace) {
  std::string text = "run,name,index";
  for (const std::string& column : columns) text += "," + csv_field(column);
  text += "\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("{},{},{}", csv_field(swarm.runs[i]), csv_field(swarm.runs[i]), i);
    for (const double value : rows[i]) text += fmt::format(",{}", value);
    text += "\n";
  }
  base::write_file(path, text, replace);
}

}  // namespace

Swarm read_ratios(const std::string& ratios) { return swarm_of(read_table(ratios)); }

Swarm read_swarm(const std::string& ratios, const std::string& metrics) {
  const Table mixtures = read_table(ratios), outcomes = read_table(metrics);
  const auto common = std::find_if(kKeys.begin(), kKeys.end(), [&](const std::string& key) {
    return mixtures.keys.contains(key) && outcomes.keys.contains(key);
  });
  if (common == kKeys.end())
    throw Error(ErrorKind::malformed, base::printable(metrics),
                fmt::format("shares no column run, index or name with {}", base::printable(ratios)),
                "name the runs in both files");
  const auto by_key = rows_by(outcomes, *common);
  rows_by(mixtures, *common);
  const Swarm all = swarm_of(mixtures);
  Swarm swarm{all.domains, bare(outcomes.columns), {}, {}, {}};
  if (swarm.metrics.empty())
    throw Error(ErrorKind::malformed, base::printable(metrics), "holds no metric", "give a column a metric");
  for (size_t row = 0; row < all.size(); ++row) {
    const auto found = by_key.find(mixtures.keys.at(*common)[row]);
    if (found == by_key.end()) continue;
    swarm.runs.push_back(all.runs[row]);
    swarm.ratios.push_back(all.ratios[row]);
    swarm.values.push_back(outcomes.rows[found->second]);
  }
  if (swarm.size() == 0)
    throw Error(ErrorKind::malformed, base::printable(metrics),
                fmt::format("has no run of {}", base::printable(ratios)), "give files of the same swarm");
  return swarm;
}

void write_ratios(const Swarm& swarm, const std::string& path, base::Replace replace) {
  write_table(swarm, swarm.domains, swarm.ratios, path, replace);
}

void write_metrics(const Swarm& swarm, const std::string& path, base::Replace replace) {
  write_table(swarm, swarm.metrics, swarm.values, path, replace);
}

void SamplingOptions::bind(config::Binder& binder) {
  binder.integer("runs", runs, "mixtures; 0 = 3 (domains + 1), at least 24", 0, 1 << 20);
  binder.number("exponent", exponent, "mixtures are drawn around prior^exponent", 0, 10);
  binder.number("least", least, "smallest strength of the Dirichlet distribution: how far mixtures go from the prior",
                1e-3, 1e6);
  binder.number("most", most, "its largest", 1e-3, 1e6);
  binder.number("floor", floor, "smaller weights become 0", 0, 0.5);
}

int64_t runs_of(const SamplingOptions& options, size_t domains) {
  return options.runs > 0 ? options.runs : std::max<int64_t>(24, 3 * (static_cast<int64_t>(domains) + 1));
}

std::vector<Weights> sample_mixtures(const Weights& prior, const SamplingOptions& options,
                                     const std::vector<double>& caps, uint64_t seed) {
  const auto wanted = static_cast<size_t>(runs_of(options, prior.size()));
  const Weights mean = temperature(prior, options.exponent);
  std::vector<Weights> mixtures;
  for (const Weights& first : {prior, uniform(prior.size())})
    if (mixtures.size() < wanted && fits(first, caps) &&
        std::find(mixtures.begin(), mixtures.end(), first) == mixtures.end())
      mixtures.push_back(first);
  constexpr size_t kMostTries = 1000;  // a mixture
  for (size_t drawn = 0; mixtures.size() < wanted; ++drawn) {
    if (drawn > kMostTries * wanted)
      throw Error(ErrorKind::config, "swarm", "hardly any mixture stays below the caps of all domains",
                  "raise --max-epochs or --least, or lower the budget of tokens");
    base::Rng rng(seed, kStream, static_cast<uint32_t>(drawn));
    Weights weights = draw(mean, options, rng);
    if (fits(weights, caps)) mixtures.push_back(std::move(weights));
  }
  return mixtures;
}

}  // namespace allot::mixcal
