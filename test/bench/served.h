// SPDX-License-Identifier: Apache-2.0
// Programs that a script times in turn with another one: both are started once, and told how many steps to run.
#pragma once

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>

#include <ATen/ops/ones.h>

#include "base/error.h"
#include "exec/allocator.h"

namespace allot::bench {

/// Of this process alone: getrusage() starts with what its parent held.
inline long most_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (long kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  return 0;
}

/// Seconds that `steps` calls of `step` took.
double seconds_of(int steps, const auto& step) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs `body`, which is given the bytes that libraries alone hold, as the program `name`. Returns its exit code.
int run_as(const char* name, const auto& body) {
  try {
    exec::keep_freed_memory();
    at::ones({1});  // torch's tables of operators are no part of the network
    body(most_bytes());
    return 0;
  } catch (const base::Error& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return base::exit_code(error.kind());
  }
}

/// Answers each number on standard input with the seconds that so many steps of what `make` returns took, and the most
/// bytes held so far beyond those of the libraries.
int serve_steps(const char* name, const auto& make) {
  return run_as(name, [&](long before) {
    auto training = make();
    for (int steps; std::cin >> steps;) {
      const double seconds = seconds_of(steps, [&] { training.step(); });
      std::cout << seconds << ' ' << (most_bytes() - before) << std::endl;
    }
  });
}

}  // namespace allot::bench
