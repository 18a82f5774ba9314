// SPDX-License-Identifier: Apache-2.0
// The folder that a training run leaves behind.
#pragma once

#include <cstdint>
#include <string>

#include "base/file.h"
#include "train/checkpoint.h"

namespace allot::train {

/// config.yaml, metrics.jsonl, checkpoint/state.safetensors, best/, report.html.
class RunFolder {
 public:
  /// Makes the folder and its subfolders, or opens an earlier run's. A folder that holds something else is refused
  /// without Replace::any; one that holds a run is refused unless `resume`, or Replace::any, which begins anew there.
  /// Errors: cannot_create with the remedy (--resume, --force); input_missing when there is nothing to resume; config
  /// when the stored configuration differs from `config` (YAML text) in a line that resuming cannot change, naming it:
  /// all but budgets ("seconds", "evaluations", "updates", "threads" and what else `may_differ` lists).
  RunFolder(std::string path, const std::string& config, bool resume, base::Replace replace,
            const std::vector<std::string>& may_differ = {});

  const std::string& path() const { return path_; }
  /// "<path>/<name>".
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  bool resumed() const { return resumed_; }

  /// Appends one line (a JSON object without line break) to metrics.jsonl. Errors: io, e.g. a full disk.
  void metric(const std::string& json_line);

  /// Makes `checkpoint` the run's state; metadata gets "metrics_bytes", so that resuming cuts off later lines.
  void save(Checkpoint checkpoint);
  /// The state to go on from. Errors: those of read_checkpoint.
  Checkpoint restore(const std::string& schema);

 private:
  void write_metrics_whole() const;
  std::string path_;
  bool resumed_ = false;
  int metrics_ = -1;  // descriptor
  uint64_t metrics_bytes_ = 0;
};

}  // namespace allot::train
