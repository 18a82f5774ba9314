// SPDX-License-Identifier: Apache-2.0
#include "run_files.h"

#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"

namespace allot {
namespace {

constexpr const char* kRemedy = "search anew";
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// A file of a run, whose schema is as it should be.
struct RunFile {
  RunFile(const std::string& path, const char* schema, base::JsonObject::Keys keys)
      : source{path, base::read_text(path), kRemedy},
        document(base::parse_json(source.text, path)),
        top(source, document, "", keys) {
    if (top.text("schema") != schema) top.fail("schema", fmt::format("is not '{}'", schema), kRemedy);
  }
  base::JsonSource source;
  nlohmann::json document;
  base::JsonObject top;
};

RunFile outcome_file(const std::string& folder) {
  return {folder + "/outcome.json",
          "allot.nas-search/1",
          {"schema", "steps", "judged_items", "validation_items", "cpu_seconds", "ranking", "methods"}};
}

double number_or_none(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : kNone;
}

}  // namespace

StoredRun::StoredRun(const std::string& folder) {
  config::Binder binder;
  options.bind(binder);
  common.bind(binder);
  config::apply_yaml(binder, config::load_yaml(folder + "/config.yaml"));
}

enas::Outcome read_outcome(const std::string& folder) {
  const RunFile file = outcome_file(folder);
  enas::Outcome outcome;
  outcome.steps = file.top.integer("steps");
  outcome.judged_items = file.top.integer("judged_items");
  outcome.validation_items = file.top.integer("validation_items", 1);
  outcome.cpu_seconds = file.top.number("cpu_seconds");
  return outcome;
}

std::vector<enas::Contestant> read_contestants(const std::string& folder) {
  const RunFile file = outcome_file(folder);
  std::vector<enas::Contestant> contestants;
  for (const nlohmann::json& each : file.document.at("methods")) {
    if (!each.is_object() || !each.contains("method") || !each.at("method").is_string())
      file.top.fail("methods", "holds something else than methods", kRemedy);
    enas::Contestant contestant;
    contestant.method = each.at("method").get<std::string>();
    contestant.child = each.value("arch", "");
    contestant.looked_at = each.value("children", int64_t{0});
    contestant.cpu_seconds = number_or_none(each, "cpu_seconds");
    contestant.shared_score = number_or_none(each, "shared_score");
    contestant.scores.validation = number_or_none(each, "validation");
    contestant.scores.test = number_or_none(each, "test");
    for (const char* name : {"accuracy", "perplexity", "R2"})
      if (each.contains(name))
        contestant.scores.figure_name = name, contestant.scores.figure = number_or_none(each, name);
    contestants.push_back(std::move(contestant));
  }
  return contestants;
}

std::vector<enas::Judged> read_ranking(const std::string& folder, const enas::Supergraph& supergraph) {
  const RunFile file(folder + "/best/ranking.json", "allot.nas-ranking/1", {"schema", "children"});
  std::vector<enas::Judged> ranking;
  file.top.for_each("children", {"arch", "quality", "reward"}, {"alone", "macs", "params", "peak-memory", "latency"},
                    [&](const base::JsonObject& row) {
                      enas::Judged judged;
                      judged.name = row.text("arch");
                      judged.assignment = enas::parse_assignment(supergraph.space(), judged.name);
                      judged.quality = row.number("quality");
                      if (row.has("alone")) judged.alone = row.number("alone");
                      judged.reward = file.document.at("children").at(ranking.size()).at("reward").get<double>();
                      for (const char* cost : {"macs", "params", "peak-memory", "latency"})
                        if (row.has(cost)) judged.costs[cost] = row.number(cost);
                      ranking.push_back(std::move(judged));
                    });
  return ranking;
}

std::string ranked_architecture(const std::string& folder, int64_t place) {
  const RunFile file(folder + "/best/ranking.json", "allot.nas-ranking/1", {"schema", "children"});
  const nlohmann::json& children = file.document.at("children");
  if (!children.is_array() || static_cast<int64_t>(children.size()) < place)
    throw base::Error(base::ErrorKind::usage, "--top", fmt::format("the run ranked {} children", children.size()),
                      "lower it");
  return children.at(static_cast<size_t>(place - 1)).at("arch").get<std::string>();
}

enas::TableVerdict judge_run(const StoredRun& run, const enas::Supergraph& supergraph, const enas::ScoreTable& table,
                             const std::vector<enas::Contestant>& contestants) {
  const enas::SearchOptions& settings = run.options.search;
  const auto datasets = enas::read_datasets(settings.data, enas::task_of(settings.task));
  enas::Search search(supergraph, *datasets, settings, static_cast<uint64_t>(run.common.seed),
                      static_cast<unsigned>(run.common.threads), nullptr);
  std::vector<enas::Assignment> assignments;
  for (const enas::TableRow& row : table.rows)
    assignments.push_back(enas::parse_assignment(supergraph.space(), row.arch));
  std::map<std::string, double> shared;
  for (const enas::Judged& judged : search.rank(assignments)) shared[judged.name] = judged.quality;
  std::vector<double> scores;
  for (const enas::Assignment& assignment : assignments) {
    const auto found = shared.find(supergraph.child(assignment).name);
    scores.push_back(found == shared.end() ? 0 : found->second);
  }
  if (contestants.empty())
    throw base::Error(base::ErrorKind::malformed, "outcome.json", "has no child that was trained alone", kRemedy);
  const enas::ChildScores& own = contestants.front().scores;
  return enas::judge_by(table, scores, std::isfinite(own.test) ? own.test : own.validation);
}

std::string verdict_text(const enas::TableVerdict& verdict, const enas::ScoreTable& table) {
  return fmt::format(
      "Of the table's {} children {:.1f} % are better than the chosen one; regret {:.4f}; Kendall's tau {:.2f}, "
      "of the best fifth {:.2f}; the table's own agreement {:.2f}\n",
      table.rows.size(), 100 * verdict.rank, verdict.regret, verdict.tau, verdict.tau_of_best, table.agreement());
}

std::string verdict_json(const enas::TableVerdict& verdict) {
  base::JsonWriter json;
  return json.begin_object()
      .field("rank", verdict.rank)
      .field("regret", verdict.regret)
      .field("tau", verdict.tau)
      .field("tau_of_best", verdict.tau_of_best)
      .end_object()
      .str();
}

}  // namespace allot
