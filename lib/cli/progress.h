// SPDX-License-Identifier: Apache-2.0
// Progress of long work on standard error: one line that updates on a terminal, plain lines otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace allot::cli {

/// "anneal  45%  9,000/20,000  4.5 k/s  ETA 2.44 s  best 1.23 ms"; total 0 = unknown.
std::string progress_line(const std::string& what, uint64_t done, uint64_t total, double seconds,
                          const std::string& best);

/// update() may be called as often as one likes from one thread; it prints progress_line() 5 times a second on
/// a terminal and every 10 seconds elsewhere, where short work prints nothing.
class Progress {
 public:
  Progress(std::string what, uint64_t total);
  ~Progress();
  void update(uint64_t done, const std::string& best);
  /// What is known of it by now: of work that ends by the clock, an estimate.
  void set_total(uint64_t total) { total_ = total; }

 private:
  void print(uint64_t done, const std::string& best, bool last);
  std::string what_, best_;
  uint64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_, printed_;
  bool terminal_, any_ = false;
};

}  // namespace allot::cli
