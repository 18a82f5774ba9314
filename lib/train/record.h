// SPDX-License-Identifier: Apache-2.0
// The lines of a training run's metrics.jsonl.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace allot::train {

/// Numbers by name: losses, rates, norms, counts.
using Metrics = std::map<std::string, double>;

struct Record {
  std::string phase;   // "train": means over the steps since the last such line; "evaluate"
  int64_t step = 0;    // how many were done
  double seconds = 0;  // spent on them, earlier parts of a resumed run included
  Metrics metrics;     // not named phase, step or seconds
};

/// One line without its end. What is not finite is null.
std::string to_json(const Record& record);
/// null is not a number. Errors: malformed naming file, line and key; input_missing.
std::vector<Record> read_records(const std::string& path);

/// Means of metrics over steps, each over those that have it.
class RunningMeans {
 public:
  void add(const Metrics& metrics);
  Metrics means() const;
  void clear() { sums_.clear(); }

  /// Sums and counts by name, for a checkpoint: metadata text and back. Errors: malformed naming `where`.
  std::string state() const;
  void restore(const std::string& state, const std::string& where);

 private:
  struct Sum {
    double sum = 0;
    int64_t count = 0;
  };
  std::map<std::string, Sum> sums_;
};

}  // namespace allot::train
