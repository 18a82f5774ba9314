// SPDX-License-Identifier: Apache-2.0
// Times runs of a model, for scripts/compare_torch.py, which times PyTorch in turn with it.
//
//   exec_bench MODEL.onnx THREADS [trained]     then, a line each on standard input: "forward N" or "train N";
//                                               answers with the seconds of N runs, and the most bytes of memory held
//                                               so far beyond those of the libraries
//   exec_bench overhead                         nanoseconds an op of 10,000 tiny ones beyond those of torch's call
#include <chrono>
#include <cstring>
#include <iostream>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include "exec/dtype.h"
#include "exec/program.h"
#include "exec/trainable.h"
#include "ir/builder.h"
#include "onnxio/reader.h"
#include "served.h"

using namespace allot;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Words below 1,000, everything else from a normal distribution; open dimensions are 1.
exec::Value random_input(const exec::ProgramInput& input) {
  std::vector<int64_t> dims;
  for (const auto& dim : input.type.dims) dims.push_back(std::max<int64_t>(dim.value, 1));
  const auto type = exec::scalar_type(input.type.elem);
  return at::isFloatingType(type) ? at::randn(dims, type) : at::randint(0, 1000, dims, type);
}

class Runs {
 public:
  Runs(const std::string& path, bool trained) {
    const ir::Model model = onnxio::read(path);
    exec::CompileOptions options;
    if (trained) {
      options.kernels.batch_norm = exec::BatchNorm::train;
      for (const auto& weight : exec::find_weights(model, {}))
        if (weight.trained) options.trained.push_back({weight.name, {}});
    }
    program_ = std::make_unique<exec::Program>(model, options);
    for (const auto& input : program_->inputs()) inputs_.push_back(random_input(input));
  }

  double forward(int count) {
    const at::NoGradGuard guard;
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) program_->run(inputs_);
    return seconds_since(start);
  }

  double train(int count) {
    exec::RunMode mode;
    mode.training = true;
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) {
      program_->run(inputs_, mode).at(0).tensor().sum().backward();
      for (auto& parameter : program_->parameters()) parameter.tensor.mutable_grad() = at::Tensor();
    }
    return seconds_since(start);
  }

 private:
  std::unique_ptr<exec::Program> program_;
  std::vector<exec::Value> inputs_;
};

// A chain of additions of two numbers, by the program and by hand.
void print_overhead() {
  constexpr int kOps = 10'000, kRounds = 30;
  ir::Builder builder("chain");
  ir::Str value = builder.input("x", ir::DataType::float32, {2});
  const ir::Str other = builder.input("y", ir::DataType::float32, {2});
  for (int i = 0; i < kOps; ++i) value = builder.add("Add", {value, other});
  builder.output(value, ir::DataType::float32, {2});
  const exec::Program program(builder.finish());
  const at::NoGradGuard guard;
  const at::Tensor x = at::ones({2}), y = at::ones({2});
  double ours = 1e9, torchs = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    auto start = Clock::now();
    program.run({x, y});
    ours = std::min(ours, seconds_since(start));
    start = Clock::now();
    at::Tensor sum = x;
    for (int i = 0; i < kOps; ++i) sum = at::add(sum, y);
    torchs = std::min(torchs, seconds_since(start));
  }
  std::cout << fmt::format("{:.0f} ns an op, torch's call {:.0f} ns\n", 1e9 * (ours - torchs) / kOps,
                           1e9 * torchs / kOps);
}

void serve(Runs& runs, long before) {
  std::string what;
  for (int count; std::cin >> what >> count;)
    std::cout << (what == "train" ? runs.train(count) : runs.forward(count)) << ' ' << (bench::most_bytes() - before)
              << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && !std::strcmp(argv[1], "overhead")) return print_overhead(), 0;
  if (argc < 3) return std::cerr << "usage: exec_bench MODEL.onnx THREADS [trained] | exec_bench overhead\n", 64;
  at::set_num_threads(std::atoi(argv[2]));
  return bench::run_as("exec_bench", [&](long before) {
    Runs runs(argv[1], argc > 3);
    serve(runs, before);
  });
}
