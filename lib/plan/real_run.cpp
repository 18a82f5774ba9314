// SPDX-License-Identifier: Apache-2.0
#include "plan/real_run.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "emit/annotate.h"
#include "measure/command_runner.h"
#include "measure/ort_runner.h"
#include "measure/torch_runner.h"
#include "onnxio/reader.h"
#include "sim/simulator.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;
using cluster::DeviceId;

/// Its number among the processes that mpirun (of Open MPI, or of MPICH and its kin) started; nothing without mpirun.
std::optional<int> mpi_rank() {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"})
    if (const char* rank = std::getenv(variable)) return std::atoi(rank);
  return std::nullopt;
}

bool is_annotated(const std::string& path) {
  const auto devices = emit::annotated_devices(onnxio::read(path, {.external_data = false}));
  return std::any_of(devices.begin(), devices.end(), [](const auto& device) { return !device.empty(); });
}

/// A file that placer-apply wrote has a sidecar, which knows the cluster and the sizes that it was placed for.
void adopt_sidecar(const std::string& model, InputOptions& options) {
  const std::string path = std::filesystem::path(model).replace_extension(".placement.json").string();
  if (options.cluster.empty() && std::filesystem::exists(path)) options.adopt(place::read_sidecar(path));
}

/// By node, from the names in its annotations.
std::vector<DeviceId> annotated(const Input& input) {
  const auto names = emit::annotated_devices(input.model);
  std::vector<DeviceId> devices;
  for (uint32_t node = 0; node < names.size(); ++node) {
    const auto where = [&] {
      return fmt::format("{}: {}", base::printable(input.path), ir::describe(input.model.graph.nodes[node], node));
    };
    if (names[node].empty())
      throw Error(ErrorKind::config, where(), "has no device, and others have one",
                  "place the model anew: placer-apply --strip, then placer-apply -o");
    const auto device = input.problem->cluster().find(names[node]);
    if (!device)
      throw Error(ErrorKind::config, where(),
                  fmt::format("is placed on '{}', which the cluster lacks", base::printable(names[node])),
                  "name the cluster that it was placed for with --cluster");
    devices.push_back(*device);
  }
  return devices;
}

/// An op of training, too, has the node of the op that it belongs to.
std::vector<DeviceId> by_op(const Input& input, const std::vector<DeviceId>& device_of_node) {
  const auto& graph = input.graph();
  std::vector<DeviceId> placement;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = device_of_node[input.planning.original_node(graph.node[op])];
    if (input.problem->costs().time(op, device) == cost::kCannotRun)
      throw Error(ErrorKind::config, base::printable(graph.op_names[op]),
                  fmt::format("is placed on {}, which cannot run it", input.problem->cluster().devices[device].name),
                  "name the cluster that it was placed for with --cluster");
    placement.push_back(device);
  }
  return placement;
}

Chosen choose(const Input& input, bool has_annotations, const place::Sidecar& stored, const RunContext& context) {
  Chosen chosen;
  if (has_annotations) {
    chosen.origin = "annotated";
    chosen.device_of_node = annotated(input);
    chosen.placement = by_op(input, chosen.device_of_node);
    sim::Simulator simulator(input.graph(), input.problem->costs(), input.problem->cluster());
    chosen.outcome = simulator.run(chosen.placement);
    return chosen;
  }
  Placed placed = context.placement.empty() ? place_model(input, context.search, context.budget)
                                            : use_placement(input, stored, context.placement);
  chosen.origin = context.placement.empty() ? placed.sidecar.method : "stored";
  chosen.device_of_node = input.device_of_node(placed.placement);
  chosen.placement = std::move(placed.placement);
  chosen.outcome = std::move(placed.outcome);
  return chosen;
}

measure::RunSettings settings(const Input& input, const RunOptions& options, const RunContext& context, bool leads) {
  measure::RunSettings settings = run_settings(input, options, context.budget.seed, context.threads);
  settings.inputs = options.inputs;
  if (leads && !context.dry_run) settings.outputs = options.outputs;
  settings.replace = context.replace == base::Replace::any;
  return settings;
}

RealRun measure_it(Input& input, Chosen chosen, const RunOptions& options, const measure::RunSettings& settings) {
  RealRun run;
  run.chosen = std::move(chosen);
  const auto& devices = run.chosen.device_of_node;
  run.used = devices;
  std::sort(run.used.begin(), run.used.end());
  run.used.erase(std::unique(run.used.begin(), run.used.end()), run.used.end());
  const cluster::Cluster& cluster = input.problem->cluster();
  if (options.runner == "torch") {
    measure::TorchRunner runner(input.path, cluster, settings);
    run.measurement = runner.measure(devices);
    if (run.measurement.failed()) return run;
    run.reply = runner.reply();
    run.single = run.reply->single;
    run.check = run.reply->check;
  } else if (options.runner == "ort") {
    measure::OrtRunner runner(options.python, input.model, cluster, settings);
    run.measurement = runner.measure(devices);
    run.single = runner.single();
    run.check = runner.check();
  } else {
    run.measurement =
        measure::CommandRunner(options.reward_command, input.model, cluster, options.timeout).measure(devices);
  }
  return run;
}

/// What simulates the run as it will be: LibTorch's is dataflow, ONNX Runtime's is not.
void choose_target(const RunOptions& options, InputOptions& input) {
  if (input.target_given || options.runner == "command") return;
  input.target = options.runner == "ort" ? "ort" : "any";
}

}  // namespace

void RunOptions::bind(config::Binder& binder) {
  binder.flag("run", run, "run MODEL as it is placed, and compare with the simulation and with one device").cli_only =
      true;
  binder.choice("runner", runner, "who runs it: LibTorch, ONNX Runtime in --python, or --reward-command",
                {"torch", "ort", "command"});
  RunnerOptions::bind(binder);
  binder
      .text("inputs", inputs, "run on these: .safetensors, .npy, .pb, or a folder of .npy or .pb; else on made-up ones")
      .cli_only = true;
  binder.text("outputs", outputs, "write the outputs of the run here (.safetensors)").cli_only = true;
  binder.text("run_trace", run_trace, "write the run as a Perfetto trace (JSON)").cli_only = true;
}

void RunOptions::check(base::Replace replace, const std::vector<std::string>& inputs_of_command) const {
  const auto wrong = [](const char* flag, const char* what, const char* fix) {
    throw Error(ErrorKind::usage, flag, what, fix);
  };
  if (runner == "command" && reward_command.empty())
    wrong("--runner command", "needs a command", "add --reward-command 'bench.sh {model}'");
  if (runner != "command" && !reward_command.empty())
    wrong("--reward-command", "is not what --runner names", "add --runner command");
  if (runner == "command" && !(inputs + outputs).empty())
    wrong("--runner command", "takes no --inputs and gives no --outputs", "let the command read and write them");
  if (runner != "torch" && emulate) wrong("--emulate", "is for --runner torch", "leave it out");
  if (runner != "torch" && !run_trace.empty())
    wrong("--run-trace", "is for --runner torch, which tells when each op ran", "leave it out");
  for (const auto& path : {outputs, run_trace})
    if (!path.empty()) base::check_output(path, replace, inputs_of_command);
}

int run_model(const std::string& model, const RunOptions& options, RunContext context) {
  const auto rank = mpi_rank();
  const bool leads = rank.value_or(0) == 0;
  if (model == "-") throw Error(ErrorKind::usage, "--run", "needs a file that others can read", "name MODEL");
  if (context.input.inline_functions)
    throw Error(ErrorKind::usage, "--inline-functions", "would run another model than the file holds",
                "write that with -o first, then run it");
  if (rank && context.search.seconds > 0)
    throw Error(ErrorKind::usage, "--seconds", "would give every process of mpirun a placement of its own",
                "limit the search with --evaluations");
  if (!leads) base::configure_log({"placer-apply", base::LogLevel::quiet, false, ""});
  place::Sidecar stored;
  const bool has_annotations = context.placement.empty() && is_annotated(model);
  if (!context.placement.empty()) context.input.adopt(stored = place::read_sidecar(context.placement));
  if (has_annotations) adopt_sidecar(model, context.input);
  choose_target(options, context.input);
  const auto input = load(model, context.input);
  RealRun run = measure_it(*input, choose(*input, has_annotations, stored, context), options,
                           settings(*input, options, context, leads));
  if (run.measurement.failed())
    throw Error(run.measurement.failure_kind, base::printable(model),
                "the placement failed: " + run.measurement.failure);
  if (leads) {
    fmt::print("{}", context.json ? real_run_json(*input, run) : real_run_text(*input, run));
    if (!options.run_trace.empty() && !context.dry_run)
      base::write_file(options.run_trace, real_run_trace(*input, run), context.replace);
  }
  return run.check && !run.check->ok ? base::exit_code(ErrorKind::check_failed) : 0;
}

}  // namespace allot::plan
