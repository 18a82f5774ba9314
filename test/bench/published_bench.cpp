// SPDX-License-Identifier: Apache-2.0
// The published effect, in simulation: what the flat and the hierarchical policy make of training steps like those of
// the papers, on K80s of 12 GB, beside the methods that they were compared with and stronger ones. JSON on stdout.
//   published_bench [--samples N] [--hidden N] [--filter TEXT] [RESNET.onnx]
// Samples are what each policy may draw, and what annealing may evaluate; no local search helps the policies. Without a
// file of ResNet that row is left out.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "graph/generate_model.h"
#include "onnxio/writer.h"
#include "place/placer.h"
#include "plan/input.h"
#include "policy/policy.h"
#include "policy/simulated_reward.h"
#include "policy/trainer.h"

namespace {

using namespace allot;

struct Row {
  const char *name, *recipe;  // an empty recipe: the file that is named
  int gpus;
};

// The layers and devices of placement 5.1 and 5.2.
constexpr Row kRows[] = {{"RNNLM", "rnn:ops=1200,width=2,size=2048", 2},
                         {"NMT 2 layers", "nmt:ops=2400,width=2,size=2048", 2},
                         {"NMT 4 layers", "nmt:ops=2400,width=4,size=2048", 4},
                         {"NMT 8 layers", "nmt:ops=2400,width=8,size=2048", 8},
                         {"Inception", "inception:ops=700,width=4,size=512", 2},
                         {"Inception", "inception:ops=700,width=4,size=512", 4},
                         {"ResNet-50", "", 2}};
constexpr const char* kPolicies[] = {"icml2017", "iclr2018", "flat", "hierarchical"};
constexpr const char* kMethods[] = {"round-robin", "metis", "m-topo", "m-etf", "heft", "expert"};

struct Options {
  int64_t samples = 2048, hidden = 128;
  std::string filter, resnet;
};

/// Files of one run, gone with it.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("published_bench.{}", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string cluster_text(int gpus) {
  std::string text = "schema: allot.cluster/1\ndevices:\n  - {name: cpu0, preset: xeon-e5-2686v4, memory: 256GiB}\n";
  for (int i = 0; i < gpus; ++i) text += fmt::format("  - {{name: gpu{}, preset: k80, memory: 12GB}}\n", i);
  return text + "links: {default: {bandwidth: 10GB/s, latency: 15us}}\nio_device: cpu0\n";
}

std::unique_ptr<plan::Input> load(const Row& row, const Options& options, const Folder& folder) {
  std::string model = options.resnet;
  if (*row.recipe) {
    model = folder.file("model.onnx");
    onnxio::write(graph::generate(graph::parse_recipe(row.recipe)), model, base::Replace::any);
  }
  plan::InputOptions input;
  input.cluster = folder.file("cluster.yaml");
  base::write_file(input.cluster, cluster_text(row.gpus), base::Replace::any);
  input.workload.workload = "training:momentum";
  if (!*row.recipe) input.default_dim = 64;
  return plan::load(model, input);
}

double ms(double picoseconds) { return picoseconds / 1e9; }

/// The quickest of the placements that a policy drew while it learned: milliseconds.
double learned(const place::Problem& problem, const char* name, const Options& options) {
  policy::Settings settings = policy::preset(name);
  settings.network.hidden = options.hidden;
  settings.learning.imitation = settings.learning.polished = 0;
  settings.learning.elite_weight = 0;
  const auto vocabulary = policy::Vocabulary::of({&problem.graph()});
  const policy::Instance instance(problem, settings.network, vocabulary);
  policy::Policy policy(settings.network, vocabulary, {0, instance.devices(), instance.elements()}, 1);
  std::vector<std::unique_ptr<policy::Task>> tasks;
  tasks.push_back(std::make_unique<policy::Task>(name, problem, std::vector<std::vector<int64_t>>{}, settings.network,
                                                 vocabulary, std::make_unique<policy::SimulatedReward>(problem)));
  policy::Trainer trainer(policy, settings.learning, std::move(tasks), {.seed = 1});
  trainer.seed();
  const policy::Task& task = *trainer.tasks()[0];
  double least = INFINITY;
  for (int64_t drawn = 0; drawn < options.samples;) {
    policy::UpdateReport report;
    try {
      report = trainer.update();
    } catch (const base::Error& error) {  // diverged: as good as it got
      std::fprintf(stderr, "%s\n", error.what());
      break;
    }
    drawn += report.samples;
    if (report.executed == 0) continue;
    const double time = report.best_cost * report.best_cost;  // costs are roots
    least = std::min(least, ms(settings.learning.relative ? time * policy::reference_value(task) : time * 1e12));
  }
  return least;
}

/// Milliseconds; infinite where memory does not suffice.
double value(const place::Score& score) {
  return score.overflow_bytes > 0 ? INFINITY : ms(static_cast<double>(score.makespan_ps));
}

void field(base::JsonWriter& json, const char* name, double value) {
  json.key(name);
  std::isfinite(value) ? json.value(value) : json.null();
}

void measure(const Row& row, const Options& options, const Folder& folder, base::JsonWriter& json) {
  const auto input = load(row, options, folder);
  const place::Problem& problem = *input->problem;
  json.begin_object()
      .field("graph", row.name)
      .field("gpus", row.gpus)
      .field("ops", problem.graph().num_ops())
      .field("units", problem.graph().num_units());
  place::Evaluator evaluator(problem);
  double single = INFINITY;
  for (place::DeviceId device = 1; device < problem.devices(); ++device) {
    place::UnitPlacement alone(problem.graph().num_units(), device);
    for (graph::UnitId unit = 0; unit < alone.size(); ++unit)
      if (!problem.allowed(unit, device)) alone[unit] = problem.choices(unit).front();
    single = std::min(single, value(evaluator.score(alone)));
  }
  field(json, "one GPU", single);
  for (const char* method : kMethods)
    field(json, method, value(evaluator.score(place::find_placer(method).place(problem, {.seconds = 0}))));
  const place::Budget budget{.evaluations = static_cast<uint64_t>(options.samples), .seed = 1};
  field(json, "anneal", value(evaluator.score(place::find_placer("anneal").place(problem, budget))));
  for (const char* name : kPolicies) {
    std::fprintf(stderr, "%s on %d GPUs: %s\n", row.name, row.gpus, name);
    field(json, name, learned(problem, name, options));
  }
  json.end_object();
}

int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--samples" && i + 1 < argc)
      options.samples = std::max(1LL, std::atoll(argv[++i]));
    else if (argument == "--hidden" && i + 1 < argc)
      options.hidden = std::max(2LL, std::atoll(argv[++i]));
    else if (argument == "--filter" && i + 1 < argc)
      options.filter = argv[++i];
    else
      options.resnet = argument;
  }
  const Folder folder;
  base::JsonWriter json;
  json.begin_object().field("samples", options.samples).field("hidden", options.hidden).key("rows").begin_array();
  for (const Row& row : kRows) {
    if (!*row.recipe && options.resnet.empty()) continue;
    if (std::string(row.name).find(options.filter) == std::string::npos) continue;
    measure(row, options, folder, json);
  }
  json.end_array().end_object();
  fmt::print("{}", json.str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  base::configure_log({.program = "published_bench", .level = base::LogLevel::quiet, .file = ""});
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "published_bench: %s\n", error.what()), 1;
  }
}
