// SPDX-License-Identifier: Apache-2.0
#include "policy/metrics.h"

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/json_object.h"

namespace allot::policy {
namespace {

/// Calls visit(key, field) for every number, in the order of the line.
template <typename M, typename Visit>
void visit_numbers(M& metric, const Visit& visit) {
  visit("update", metric.update);
  visit("evaluations", metric.evaluations);
  visit("model_seconds", metric.model_seconds);
  visit("seconds", metric.seconds);
  visit("best_value", metric.best.value);
  visit("best_makespan_ps", metric.best.makespan_ps);
  visit("best_overflow_bytes", metric.best.overflow_bytes);
  visit("samples", metric.samples);
  visit("executed", metric.executed);
  visit("mean_cost", metric.mean_cost);
  visit("best_cost", metric.best_cost);
  visit("entropy", metric.entropy);
  visit("gradient_norm", metric.gradient_norm);
  visit("learning_rate", metric.learning_rate);
  visit("rank", metric.rank);
  visit("staleness", metric.staleness);
  visit("of_quick", metric.of_quick);
}

Metric parse(std::string_view line, const std::string& path, size_t number) {
  const base::JsonSource source{fmt::format("{}, line {}", path, number), std::string(line), "begin the run anew"};
  const auto document = base::parse_json(source.text, source.path);
  const base::JsonObject object(
      source, document, "",
      {"phase", "model", "update", "evaluations", "model_seconds", "seconds", "best_value", "best_makespan_ps",
       "best_overflow_bytes", "samples", "executed", "mean_cost", "best_cost", "entropy", "gradient_norm",
       "learning_rate", "rank", "staleness", "of_quick"});
  Metric metric;
  metric.phase = object.text("phase");
  metric.model = object.text("model");
  visit_numbers(metric, [&]<typename T>(const char* key, T& field) {
    if constexpr (std::is_floating_point_v<T>)
      field = object.number(key);
    else
      field = static_cast<T>(object.integer(key));
  });
  return metric;
}

}  // namespace

std::string to_json(const Metric& metric) {
  base::JsonWriter json(0);
  json.begin_object().field("phase", metric.phase).field("model", metric.model);
  visit_numbers(metric, [&](const char* key, const auto& field) { json.field(key, field); });
  std::string line = json.end_object().str();
  line.pop_back();
  return line;
}

std::vector<Metric> read_metrics(const std::string& path) {
  const auto file = base::Bytes::open(path);
  std::string_view rest = file->view();
  std::vector<Metric> metrics;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    metrics.push_back(parse(rest.substr(0, end), path, metrics.size() + 1));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return metrics;
}

}  // namespace allot::policy
