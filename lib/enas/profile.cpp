// SPDX-License-Identifier: Apache-2.0
#include "enas/profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "enas/constraint.h"
#include "enas/derive.h"
#include "exec/dtype.h"
#include "exec/program.h"

namespace allot::enas {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint32_t kStream = 0x656e7072;
constexpr size_t kInTurns = 64;  // children that are in memory at a time

double microseconds(Clock::duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Sums the times of each node's steps in one run.
class Stopwatch final : public exec::StepObserver {
 public:
  void before(const exec::Step&) override { started_ = Clock::now(); }
  void after(const exec::Step& step) override { times_[step.node] += microseconds(Clock::now() - started_); }
  std::unordered_map<uint32_t, double> take() { return std::exchange(times_, {}); }

 private:
  Clock::time_point started_;
  std::unordered_map<uint32_t, double> times_;
};

/// One item for each input.
std::vector<exec::Value> inputs_of(const exec::Program& program) {
  std::vector<exec::Value> inputs;
  for (const exec::ProgramInput& input : program.inputs()) {
    std::vector<int64_t> dims;
    for (const ir::Dim& dim : input.type.dims) dims.push_back(dim.value < 0 ? 1 : dim.value);
    inputs.emplace_back(at::ones(dims, exec::scalar_type(input.type.elem)));
  }
  return inputs;
}

exec::Program program_of(const ir::Model& model) {
  exec::CompileOptions options;
  options.fuse = false;
  return exec::Program(model, options);
}

void time_nodes(const ir::Model& model, size_t runs, LatencyTable& table) {
  std::unordered_map<std::string, std::string> key_of;
  for (const TimedNode& node : timed_nodes(model)) key_of.emplace(node.name, node.key);
  const exec::Program program = program_of(model);
  const std::vector<exec::Value> inputs = program.check_inputs(inputs_of(program));
  std::map<std::string, std::vector<double>> times;
  Stopwatch stopwatch;
  for (size_t run = 0; run < runs + runs / 6; ++run) {
    exec::Frame frame(program.plan(), {});
    for (size_t i = 0; i < inputs.size(); ++i) frame.slot(program.plan().blocks[0].inputs[i]) = inputs[i];
    frame.run(0, &stopwatch);
    for (const auto& [node, time] : stopwatch.take())
      if (const auto key = key_of.find(program.plan().nodes[node].name); run >= runs / 6 && key != key_of.end())
        times[key->second].push_back(time);
  }
  for (auto& [key, all] : times)
    if (!table.has(key)) table.add(key, median(std::move(all)));
}

/// The median time of each model's runs. They take turns: a machine's speed drifts by more than models differ.
std::vector<double> time_in_turns(const std::vector<ir::Model>& models, size_t runs) {
  std::vector<exec::Program> programs;
  for (const ir::Model& model : models) programs.push_back(program_of(model));
  std::vector<std::vector<double>> times(models.size());
  for (size_t run = 0; run < runs + runs / 6; ++run) {
    for (size_t i = 0; i < programs.size(); ++i) {
      const std::vector<exec::Value> inputs = inputs_of(programs[i]);
      programs[i].run(inputs);  // what the last model left in caches counts for none
      const Clock::time_point started = Clock::now();
      programs[i].run(inputs);
      if (run >= runs / 6) times[i].push_back(microseconds(Clock::now() - started));
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& all : times) medians.push_back(median(std::move(all)));
  return medians;
}

}  // namespace

Profile profile(const Supergraph& supergraph, size_t children, size_t runs, uint64_t seed) {
  const at::NoGradGuard no_gradients;
  Profile result;
  const auto child = [&](uint32_t step, uint32_t i) {
    return supergraph.child(random_allowed(supergraph, seed, kStream, step, i));
  };
  time_nodes(supergraph.model(), runs, result.table);  // every operator; children bring other numbers of inputs
  for (uint32_t i = 0; i < children; ++i) time_nodes(derive(supergraph, child(0, i)), runs, result.table);
  std::vector<ir::Model> others;
  for (uint32_t i = 0; i < children; ++i) {
    const Child other = child(1, i);
    result.predicted.push_back(costs_of(supergraph, other, &result.table).at("latency"));
    others.push_back(derive(supergraph, other));
    if (others.size() < kInTurns && i + 1 < children) continue;
    for (const double each : time_in_turns(others, runs)) result.measured.push_back(each);
    others.clear();
  }
  return result;
}

}  // namespace allot::enas
