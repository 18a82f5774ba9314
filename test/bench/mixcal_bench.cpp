// SPDX-License-Identifier: Apache-2.0
// Times whole steps of a proxy that is trained beside its reference model, for test/bench/mixcal_steps.py, which times
// PyTorch in turn with it.
//
//   mixcal_bench TOKENS MODEL BATCH     then, a number N a line on standard input: answers with the seconds that N
//   steps
//                                       took, and the most bytes of memory held so far beyond those of the libraries
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <ATen/ops/ones.h>

#include "base/error.h"
#include "exec/allocator.h"
#include "mixcal/training.h"

using namespace allot;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int64_t kSteps = 1 << 20;  // of the run whose first steps are timed

mixcal::TrainSettings settings_of(const std::string& model, int64_t batch) {
  mixcal::TrainSettings settings;
  settings.model.model = model;
  settings.batch = batch;
  return settings;
}

class Training {
 public:
  Training(const std::string& tokens, const std::string& model, int64_t batch)
      : store_(tokens),
        settings_(settings_of(model, batch)),
        lesson_{store_, {data::Part::proxy}, 1, 1},
        reference_(settings_.model, store_.tokenizer().vocabulary, 1),
        proxy_(settings_.model, store_.tokenizer().vocabulary, 2),
        job_(proxy_, reference_, settings_, lesson_, {}, kSteps) {}

  double run(int steps) {
    const auto start = Clock::now();
    for (int i = 0; i < steps; ++i) job_.step(next_++, kSteps);
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  const data::TokenStore store_;
  const mixcal::TrainSettings settings_;
  const mixcal::Lesson lesson_;
  const mixcal::LanguageModel reference_;
  mixcal::LanguageModel proxy_;
  mixcal::ProxyJob job_;
  int64_t next_ = 0;
};

/// Of this process alone: getrusage() starts with what its parent held.
long most_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (long kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) return std::cerr << "usage: mixcal_bench TOKENS MODEL BATCH\n", 64;
    exec::keep_freed_memory();
    at::ones({1});  // torch's tables of operators are no part of the network
    const long before = most_bytes();
    Training training(argv[1], argv[2], std::atol(argv[3]));
    for (int steps; std::cin >> steps;) {
      const double seconds = training.run(steps);
      std::cout << seconds << ' ' << (most_bytes() - before) << std::endl;
    }
    return 0;
  } catch (const base::Error& error) {
    std::cerr << "mixcal_bench: " << error.what() << '\n';
    return base::exit_code(error.kind());
  }
}
