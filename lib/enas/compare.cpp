// SPDX-License-Identifier: Apache-2.0
#include "enas/compare.h"

#include <ctime>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/version.h"
#include "enas/constraint.h"
#include "enas/derive.h"
#include "enas/space_file.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

namespace allot::enas {
namespace {

constexpr uint32_t kChildrenStream = 0x656e6368;
constexpr size_t kListed = 100;  // children in ranking.json

std::string number(double value, int decimals = 4) {
  return std::isnan(value) ? std::string("-") : fmt::format("{:.{}f}", value, decimals);
}

std::string ranking_json(const Outcome& outcome) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.nas-ranking/1").key("children").begin_array();
  for (size_t i = 0; i < std::min(kListed, outcome.ranking.size()); ++i) {
    const Judged& each = outcome.ranking[i];
    json.begin_object(true).field("arch", each.name).field("quality", each.quality).field("reward", each.reward);
    if (each.alone) json.field("alone", *each.alone);
    for (const auto& [name, cost] : each.costs) json.field(name, cost);
    json.end_object();
  }
  return json.end_array().end_object().str();
}

void write_best(const Search& search, const SearchOptions& options, const RunContext& context,
                const BesideOptions& beside, const Outcome& outcome, const train::RunFolder& folder) {
  const std::string path = folder.file("best/supergraph.onnx");
  ir::Model copy = ir::clone(search.shared().supergraph().model());
  write_space(copy, search.shared().supergraph().space(), Carrier::model);
  exec::write_back(search.shared().network().program(), copy);
  std::erase_if(copy.metadata, [](const ir::Entry& entry) { return entry.key == "allot.version"; });
  copy.metadata.push_back(
      {"allot.version", copy.intern(std::string(cli::version())), {}});  // a resumed run may replace it
  onnxio::copy_external_data(copy, path, context.replace);
  onnxio::write(copy, path, context.replace);
  base::write_file(folder.file("best/ranking.json"), ranking_json(outcome), context.replace);
  const Supergraph trained = open_supergraph(path);
  const Judged& best = outcome.ranking.front();
  write_child(trained, trained.child(best.assignment), &search.feed(), options, beside.recalibration,
              {{"allot.seed", std::to_string(context.seed)}, {"allot.reward", fmt::format("{}", best.reward)}},
              folder.file("best/child.onnx"), context.replace);
}

Contestant trained_alone(const char* method, const Judged& child, size_t looked_at, double cpu,
                         const ChildScores& scores) {
  return {method, child.name, child.quality, scores, cpu, static_cast<int64_t>(looked_at)};
}

void write(dist::WireWriter& out, const ChildScores& scores) {
  out.number(scores.validation);
  out.number(scores.test);
  out.number(scores.figure);
  out.text(scores.figure_name);
}

ChildScores read_scores(dist::WireReader& in) {
  ChildScores scores;
  scores.validation = in.number<double>();
  scores.test = in.number<double>();
  scores.figure = in.number<double>();
  scores.figure_name = in.text();
  return scores;
}

}  // namespace

double cpu_seconds(dist::Team* team) {
  const double own = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  if (!team) return own;
  dist::WireWriter mine;
  mine.number(own);
  double sum = 0;
  for (const std::string& bytes : team->gather(mine.take())) sum += dist::WireReader(bytes).number<double>();
  return sum;
}

bool goes_on(const RunContext& context) {
  return context.team ? context.team->goes_on(true) : !(context.stop && context.stop->load());
}

std::vector<ChildScores> train_each_alone(const Supergraph& supergraph, const Datasets& datasets,
                                          const SearchOptions& options, const RunContext& context, int64_t steps,
                                          const std::vector<Lesson>& lessons) {
  std::vector<ChildScores> scores(lessons.size());
  for (const size_t i : dist::dealt(context.team, lessons.size()))
    scores[i] = train_alone(supergraph, supergraph.child(lessons[i].assignment), datasets, options, steps,
                            lessons[i].seed, context.stop);
  dist::exchange(context.team, scores, write, read_scores);
  return scores;
}

Supergraph open_supergraph(const std::string& path, const std::string& space_path) {
  auto model = std::make_shared<const ir::Model>(onnxio::read(path));
  Space space = read_space(*model, space_path);
  return {std::move(model), std::move(space)};
}

void BesideOptions::bind(config::Binder& binder) {
  binder.list("beside", beside,
              "what a search is held against: random (with the same sharing), children (trained alone); none");
  binder.integer("retrain_steps", retrain_steps, "of children trained alone; 0 = as many as the search has", 0,
                 int64_t{1} << 40);
  binder.integer("recalibration", recalibration, "batches for the statistics of a child with shared weights", 0,
                 1 << 20);
  binder.integer("finalists", finalists,
                 "first children of a ranking that a short training alone puts in order; of random search, too", 0,
                 1 << 16);
  binder.integer("finalist_steps", finalist_steps, "of that training", 1, int64_t{1} << 40);
}

void write_child(const Supergraph& supergraph, const Child& child, const Feed* feed, const SearchOptions& options,
                 int64_t recalibration, const std::map<std::string, std::string>& provenance, const std::string& path,
                 base::Replace replace) {
  std::map<std::string, std::string> metadata = provenance;
  metadata["allot.arch"] = child.name;
  metadata["allot.tool"] = "enas-search";
  if (supergraph.model().file) metadata["allot.derived_from"] = base::sha256(supergraph.model().file->view());
  auto model = std::make_shared<const ir::Model>(derive(supergraph, child, metadata));
  if (!feed) {
    onnxio::copy_external_data(*model, path, replace);
    onnxio::write(*model, path, replace);
    return;
  }
  const train::Network network(model);
  recalibrate(network, *feed, options, recalibration);
  network.write(path, replace);
}

void rank_finalists(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                    const RunContext& context, const BesideOptions& beside, std::vector<Judged>& ranking) {
  const auto count = std::min(static_cast<std::ptrdiff_t>(ranking.size()), beside.finalists);
  if (count == 0) return;
  std::vector<Judged> finalists(ranking.begin(), ranking.begin() + count);
  std::vector<Lesson> lessons;
  for (const Judged& each : finalists) lessons.push_back({each.assignment, context.seed});
  const auto scores = train_each_alone(supergraph, datasets, options, context, beside.finalist_steps, lessons);
  if (!goes_on(context)) return;
  for (size_t i = 0; i < finalists.size(); ++i) finalists[i].alone = scores[i].validation;
  const auto reward = [&](const Judged& each) {
    const double cost = options.reward.cost == "none" ? 0 : each.costs.at(options.reward.cost);
    return reward_of(*each.alone, cost, options.reward);
  };
  std::stable_sort(finalists.begin(), finalists.end(),
                   [&](const Judged& a, const Judged& b) { return reward(a) > reward(b); });
  std::copy(finalists.begin(), finalists.end(), ranking.begin());
}

Outcome run_search(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                   const RunContext& context, const BesideOptions& beside, train::RunFolder* folder) {
  const double began = cpu_seconds(context.team);
  std::unique_ptr<train::MetricsFile> archive;
  if (folder) archive = std::make_unique<train::MetricsFile>(folder->file("archs.jsonl"));
  if (archive && !folder->resumed()) archive->cut(0);
  Search search(supergraph, datasets, options, context.seed, context.threads, archive.get(), context.team);
  train::Loop loop(search, folder, options.loop,
                   {.schema = kSearchSchema,
                    .fingerprint = search.fingerprint(),
                    .steps_per_epoch = search.steps_per_epoch(),
                    .stop = context.stop,
                    .team = context.team,
                    .shown = context.shown});
  Outcome outcome;
  outcome.ended = loop.run();
  outcome.steps = loop.step();
  outcome.seconds = loop.seconds();
  outcome.judged_items = search.judged_items();
  outcome.validation_items = static_cast<int64_t>(search.feed().validation_items());
  if (outcome.ended == train::Ended::stopped) return outcome;
  outcome.ranking = search.choose(static_cast<size_t>(options.samples), context.stop);
  if (!goes_on(context)) {
    outcome.ended = train::Ended::stopped;
    return outcome;
  }
  outcome.judged_items += static_cast<int64_t>(outcome.ranking.size() * search.feed().validation_items());
  rank_finalists(supergraph, datasets, options, context, beside, outcome.ranking);
  outcome.cpu_seconds = cpu_seconds(context.team) - began;
  if (folder) write_best(search, options, context, beside, outcome, *folder);
  return outcome;
}

SearchOptions random_search(const SearchOptions& options, const Outcome& of) {
  SearchOptions random = options;
  random.policy.kind = "uniform";
  random.theta_steps = 0;
  random.samples = std::max<int64_t>(1, of.judged_items / std::max<int64_t>(1, of.validation_items));
  return random;
}

std::vector<Contestant> compare(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                                const RunContext& context, const BesideOptions& beside, const Outcome& outcome) {
  const auto wanted = [&](const char* what) {
    return std::find(beside.beside.begin(), beside.beside.end(), what) != beside.beside.end();
  };
  const int64_t steps = beside.retrain_steps > 0 ? beside.retrain_steps : outcome.steps;
  const auto alone = [&](const std::vector<Lesson>& lessons) {
    return train_each_alone(supergraph, datasets, options, context, steps, lessons);
  };
  std::vector<Contestant> contestants;
  const Judged& chosen = outcome.ranking.front();
  contestants.push_back(trained_alone("search", chosen, outcome.ranking.size(), outcome.cpu_seconds,
                                      alone({{chosen.assignment, context.seed}})[0]));
  if (wanted("random") && goes_on(context)) {
    const Outcome random = run_search(supergraph, datasets, random_search(options, outcome), context, beside, nullptr);
    if (!random.ranking.empty()) {
      const Judged& best = random.ranking.front();
      contestants.push_back(trained_alone("random, shared weights", best, random.ranking.size(), random.cpu_seconds,
                                          alone({{best.assignment, context.seed}})[0]));
    }
  }
  if (!wanted("children")) return contestants;
  const double began = cpu_seconds(context.team);
  const uint32_t at_once = context.team ? context.team->size() : 1;
  std::vector<Contestant> children;
  while (children.empty() || cpu_seconds(context.team) - began < outcome.cpu_seconds) {
    if (!goes_on(context)) break;
    std::vector<Lesson> lessons;
    for (uint32_t i = 0; i < at_once; ++i) {
      const auto n = static_cast<uint32_t>(children.size()) + i;
      lessons.push_back({random_allowed(supergraph, context.seed, kChildrenStream, 0, n), context.seed});
    }
    const std::vector<ChildScores> scores = alone(lessons);
    for (size_t i = 0; i < lessons.size(); ++i)
      children.push_back({"", supergraph.child(lessons[i].assignment).name, std::nan(""), scores[i], 0, 1});
  }
  if (children.empty()) return contestants;
  Contestant best = *std::max_element(children.begin(), children.end(), [](const Contestant& a, const Contestant& b) {
    return a.scores.validation < b.scores.validation;
  });
  best.method = fmt::format("best of {} random children", children.size());
  best.looked_at = static_cast<int64_t>(children.size());
  best.cpu_seconds = cpu_seconds(context.team) - began;
  Contestant mean{"their mean", "", std::nan(""), {0, 0, 0, best.scores.figure_name}, best.cpu_seconds, best.looked_at};
  for (const Contestant& child : children) {
    const double share = 1 / static_cast<double>(children.size());
    mean.scores.validation += share * child.scores.validation;
    mean.scores.test += share * child.scores.test;
    mean.scores.figure += share * child.scores.figure;
  }
  contestants.push_back(std::move(best));
  contestants.push_back(std::move(mean));
  return contestants;
}

train::TextTable contestant_table(const std::vector<Contestant>& contestants) {
  train::TextTable table{
      {"method", "children", "CPU s", "score by shared weights", "validation, trained alone", "test", ""}, {}};
  for (const Contestant& each : contestants) {
    table.header.back() = each.scores.figure_name;
    table.rows.push_back({each.method, std::to_string(each.looked_at), number(each.cpu_seconds, 1),
                          number(each.shared_score), number(each.scores.validation), number(each.scores.test),
                          number(each.scores.figure)});
  }
  return table;
}

std::string to_json(const Outcome& outcome, const std::vector<Contestant>& contestants) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.nas-search/1").field("steps", outcome.steps);
  json.field("judged_items", outcome.judged_items)
      .field("validation_items", outcome.validation_items)
      .field("cpu_seconds", outcome.cpu_seconds);
  json.key("ranking").begin_array();
  for (size_t i = 0; i < std::min<size_t>(10, outcome.ranking.size()); ++i) {
    const Judged& each = outcome.ranking[i];
    json.begin_object(true).field("arch", each.name).field("quality", each.quality).field("reward", each.reward);
    if (each.alone) json.field("alone", *each.alone);
    json.end_object();
  }
  json.end_array().key("methods").begin_array();
  for (const Contestant& each : contestants)
    json.begin_object()
        .field("method", each.method)
        .field("arch", each.child)
        .field("children", each.looked_at)
        .field("cpu_seconds", each.cpu_seconds)
        .field("shared_score", each.shared_score)
        .field("validation", each.scores.validation)
        .field("test", each.scores.test)
        .field(each.scores.figure_name, each.scores.figure)
        .end_object();
  return json.end_array().end_object().str();
}

}  // namespace allot::enas
