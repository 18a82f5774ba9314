// SPDX-License-Identifier: Apache-2.0
// Quality of `auto` against plain simulated annealing at equal evaluations, a row a graph, then a JSON object a graph.
//   quality_bench [--evaluations N] [--seeds N] [--filter TEXT] [--seconds S] [--json FILE] [FOLDER...]
// Folders hold published cost graphs as scripts/convert_*.py write them. With --seconds only auto runs, for so long.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <fmt/core.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "bench/plain_annealing.h"
#include "bench/quality_graphs.h"
#include "place/placer.h"

namespace {

using namespace allot;

struct Options {
  uint64_t evaluations = 100'000, seeds = 5;
  double seconds = -1;
  std::string filter, json;
  std::vector<std::string> folders;
};

/// Sums over the seeds, in microseconds and seconds.
struct Row {
  std::string name;
  uint32_t units = 0, devices = 0;
  double parallelism = 0, bound = 0, heuristic = 0, plain = 0, plain_s = 0, ours = 0, ours_s = 0;
  uint64_t most_evaluations = 0;
  double ratio() const { return plain > 0 ? ours / plain : ours / heuristic; }
};

double seconds_of(const auto& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Row measure(const bench::QualityCase& test, const Options& options) {
  const place::Problem& problem = *test.problem;
  Row row{.name = test.name, .units = problem.graph().num_units(), .devices = problem.devices()};
  row.parallelism = problem.bounds().parallelism;
  for (uint64_t seed = 0; seed < options.seeds; ++seed) {
    row.bound += static_cast<double>(problem.bounds().best()) * 1e-6;
    if (options.seconds < 0)
      row.plain_s += seconds_of([&] {
        row.plain += static_cast<double>(bench::plain_annealing(problem, options.evaluations, seed).makespan_ps) * 1e-6;
      });
    place::Budget budget{.evaluations = options.evaluations, .seed = seed, .threads = 1};
    if (options.seconds >= 0) budget = {.seconds = options.seconds, .seed = seed};
    row.ours_s += seconds_of([&] {
      const auto all = place::compare(problem, "auto", budget);
      uint64_t evaluations = 0;
      for (const auto& method : all.methods) evaluations += method.evaluations;
      row.most_evaluations = std::max(row.most_evaluations, evaluations);
      row.heuristic += static_cast<double>(all.curve.front().best.makespan_ps) * 1e-6;
      row.ours += static_cast<double>(all.methods[all.best].score.makespan_ps) * 1e-6;
    });
  }
  return row;
}

std::string to_json(const std::vector<Row>& rows, const Options& options) {
  const auto seeds = static_cast<double>(options.seeds);
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.bench/1").field("evaluations", options.evaluations);
  json.field("seeds", options.seeds).key("graphs").begin_array();
  for (const Row& row : rows) {
    json.begin_object(true).field("name", row.name).field("units", row.units).field("devices", row.devices);
    json.field("parallelism", row.parallelism).field("bound_us", row.bound / seeds);
    json.field("best_heuristic_us", row.heuristic / seeds).field("plain_us", row.plain / seeds);
    json.field("auto_us", row.ours / seeds).field("most_evaluations", row.most_evaluations);
    json.field("plain_seconds", row.plain_s / seeds).field("auto_seconds", row.ours_s / seeds).end_object();
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
    else if (flag == "--filter")
      options.filter = value();
    else if (flag == "--json")
      options.json = value();
    else
      options.folders.push_back(flag);
  }
  return options;
}

int run(const Options& options) {
  auto cases = bench::generated_cases();
  for (const auto& folder : options.folders)
    for (auto& test : bench::published_cases(folder)) cases.push_back(std::move(test));
  fmt::print("{:48} {:>5} {:>5} {:>7} {:>12} {:>12} {:>12} {:>12} {:>7} {:>8}\n", "graph", "units", "gpus", "par.",
             "bound us", "heuristic", "plain", "auto", "ratio", "s plain, auto");
  std::vector<Row> rows;
  double logs = 0, worst = 0;
  for (const auto& test : cases) {
    if (test.name.find(options.filter) == std::string::npos) continue;
    const Row& row = rows.emplace_back(measure(test, options));
    const auto seeds = static_cast<double>(options.seeds);
    fmt::print("{:48} {:5} {:5} {:7.2f} {:12.2f} {:12.2f} {:12.2f} {:12.2f} {:7.4f} {:6.2f} {:6.2f}\n", row.name,
               row.units, row.devices, row.parallelism, row.bound / seeds, row.heuristic / seeds, row.plain / seeds,
               row.ours / seeds, row.ratio(), row.plain_s / seeds, row.ours_s / seeds);
    std::fflush(stdout);
    logs += std::log(row.ratio());
    worst = std::max(worst, row.ratio());
  }
  if (rows.empty()) return std::fprintf(stderr, "quality_bench: no graph of that name\n"), 64;
  fmt::print("{} graphs: geometric mean {:.4f}, worst {:.4f}\n", rows.size(),
             std::exp(logs / static_cast<double>(rows.size())), worst);
  if (!options.json.empty()) base::write_file(options.json, to_json(rows, options), base::Replace::any);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quality_bench: %s\n", error.what());
    return 1;
  }
}
