// SPDX-License-Identifier: Apache-2.0
// Annealing that learns which moves to try, against the same with moves drawn uniformly, and against annealing as it
// is: a row a graph, then a JSON object.
//   move_policy_bench [--evaluations N | --seconds S] [--seeds N] [--json FILE] [GRAPH...]
// GRAPH: a folder of published cost graphs (scripts/convert_*.py), or a model, whose training is placed on two and on
// eight GPUs of configs/clusters. Without any, generated graphs. All begin with the best constructive placement.
// Columns: mean makespan of plain annealing, then geometric means over the seeds of the other's makespan in multiples
// of it, with half of the 95 % interval: uniform; untrained, which learns in that one run; trained on generated graphs
// of four families.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <fmt/core.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "bench/quality_graphs.h"
#include "place/move_policy.h"
#include "place/placer.h"
#include "plan/input.h"

namespace {

using namespace allot;

struct Options {
  uint64_t evaluations = 0, seeds = 5;
  double seconds = -1;
  std::string json;
  std::vector<std::string> graphs;
};

struct Ratio {
  double mean = 1, half = 0;  // of the 95 % interval of the mean
  bool better() const { return mean + half < 1; }
};

constexpr std::array kArms = {"uniform", "untrained", "trained"};

struct Row {
  std::string name;
  uint32_t units = 0, devices = 0;
  double bound_us = 0, plain_us = 0;
  std::array<Ratio, kArms.size()> ratios;
};

/// Student's t for 95 %, by degrees of freedom.
double student(size_t freedom) {
  constexpr std::array kTable = {12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26};
  return freedom == 0 ? INFINITY : kTable[std::min(freedom, kTable.size()) - 1];
}

Ratio ratio_of(const std::vector<double>& logs) {
  const auto n = static_cast<double>(logs.size());
  double mean = 0, square = 0;
  for (const double log : logs) mean += log / n;
  for (const double log : logs) square += (log - mean) * (log - mean);
  const double error = logs.size() > 1 ? std::sqrt(square / (n - 1) / n) : 0;
  return {std::exp(mean), std::exp(mean) * student(logs.size() - 1) * error};
}

/// Nothing is learned, and all moves are as likely.
place::MoveWeights uniform() {
  place::MoveWeights weights;
  weights.learns = false;
  return weights;
}

class Measuring {
 public:
  Measuring(const Options& options, place::MoveWeights trained) : options_(options), trained_(trained) {}

  Row row(const bench::QualityCase& test) const {
    const place::Problem& problem = *test.problem;
    Row row{.name = test.name, .units = problem.graph().num_units(), .devices = problem.devices(), .ratios = {}};
    row.bound_us = static_cast<double>(problem.bounds().best()) * 1e-6;
    const auto constructive = place::compare(problem, "auto", {.seconds = 0, .threads = 1});
    const place::UnitPlacement start = constructive.methods[constructive.best].placement;
    std::array<std::vector<double>, kArms.size()> logs;
    for (uint64_t seed = 0; seed < options_.seeds; ++seed) {
      const double plain = annealed(problem, start, seed, nullptr);
      row.plain_us += plain * 1e-6 / static_cast<double>(options_.seeds);
      std::array<place::MoveWeights, kArms.size()> weights = {uniform(), {}, trained_};
      for (size_t arm = 0; arm < kArms.size(); ++arm)
        logs[arm].push_back(std::log(annealed(problem, start, seed, &weights[arm]) / plain));
    }
    for (size_t arm = 0; arm < kArms.size(); ++arm) row.ratios[arm] = ratio_of(logs[arm]);
    return row;
  }

 private:
  double annealed(const place::Problem& problem, const place::UnitPlacement& start, uint64_t seed,
                  place::MoveWeights* moves) const {
    place::Budget budget{.evaluations = options_.evaluations, .seconds = options_.seconds, .seed = seed, .threads = 1};
    budget.start = &start;
    budget.moves = moves;
    const auto placement = place::find_placer("anneal").place(problem, budget);
    return static_cast<double>(place::Evaluator(problem).score(placement).makespan_ps);
  }

  const Options& options_;
  const place::MoveWeights trained_;
};

bench::QualityCase training(const std::string& model, const char* cluster) {
  plan::InputOptions options;
  options.cluster = fmt::format("configs/clusters/{}.yaml", cluster);
  options.workload.workload = "training";
  const std::shared_ptr<plan::Input> input = plan::load(model, options);
  return {fmt::format("{} {}", model.substr(model.rfind('/') + 1), cluster), {input, input->problem.get()}};
}

std::vector<bench::QualityCase> cases_of(const std::vector<std::string>& graphs) {
  if (graphs.empty()) return bench::generated_cases();
  std::vector<bench::QualityCase> cases;
  for (const std::string& graph : graphs) {
    if (graph.ends_with(".onnx")) {
      for (const char* cluster : {"two-gpu", "eight-gpu"}) cases.push_back(training(graph, cluster));
    } else {
      for (auto& published : bench::published_cases(graph)) cases.push_back(std::move(published));
    }
  }
  return cases;
}

/// What annealing of one graph after another learns.
place::MoveWeights trained_on(const std::vector<bench::QualityCase>& cases) {
  constexpr uint64_t kEvaluations = 5000;
  place::MoveWeights weights;
  for (const auto& test : cases) {
    place::Budget budget{.evaluations = kEvaluations, .threads = 1};
    budget.moves = &weights;
    place::find_placer("anneal").place(*test.problem, budget);
  }
  return weights;
}

std::string to_json(const std::vector<Row>& rows, const Options& options) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.bench/1").field("evaluations", options.evaluations);
  json.field("seconds", options.seconds).field("seeds", options.seeds).key("graphs").begin_array();
  for (const Row& row : rows) {
    json.begin_object(true).field("name", row.name).field("units", row.units).field("devices", row.devices);
    json.field("bound_us", row.bound_us).field("plain_us", row.plain_us);
    for (size_t arm = 0; arm < kArms.size(); ++arm)
      json.key(kArms[arm]).begin_array(true).value(row.ratios[arm].mean).value(row.ratios[arm].half).end_array();
    json.end_object();
  }
  return json.end_array().end_object().str();
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] {
      return i + 1 < argc ? std::string(argv[++i]) : throw std::runtime_error(flag + " needs a value");
    };
    if (flag == "--evaluations")
      options.evaluations = std::stoull(value());
    else if (flag == "--seeds")
      options.seeds = std::stoull(value());
    else if (flag == "--seconds")
      options.seconds = std::stod(value());
    else if (flag == "--json")
      options.json = value();
    else
      options.graphs.push_back(flag);
  }
  return options;
}

int run(const Options& options) {
  const Measuring measuring(options, trained_on(bench::training_cases()));
  fmt::print("{:48} {:>5} {:>7} {:>12} {:>12}", "graph", "units", "devices", "bound us", "plain us");
  for (const char* arm : kArms) fmt::print(" {:>16}", arm);
  fmt::print("\n");
  std::vector<Row> rows;
  std::array<double, kArms.size()> logs{};
  std::array<size_t, kArms.size()> better{};
  for (const auto& test : cases_of(options.graphs)) {
    const Row& row = rows.emplace_back(measuring.row(test));
    fmt::print("{:48} {:5} {:7} {:12.2f} {:12.2f}", row.name, row.units, row.devices, row.bound_us, row.plain_us);
    for (size_t arm = 0; arm < kArms.size(); ++arm) {
      fmt::print("  {:.4f} ± {:.4f}", row.ratios[arm].mean, row.ratios[arm].half);
      logs[arm] += std::log(row.ratios[arm].mean);
      better[arm] += row.ratios[arm].better();
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
  for (size_t arm = 0; arm < kArms.size(); ++arm)
    fmt::print("{}: geometric mean {:.4f}, better on {} of {}\n", kArms[arm],
               std::exp(logs[arm] / static_cast<double>(rows.size())), better[arm], rows.size());
  if (!options.json.empty()) base::write_file(options.json, to_json(rows, options), base::Replace::any);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  base::configure_log({.program = "move_policy_bench", .level = base::LogLevel::quiet, .file = ""});
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "move_policy_bench: %s\n", error.what());
    return 1;
  }
}
