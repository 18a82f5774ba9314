// SPDX-License-Identifier: Apache-2.0
// The folder that a training run leaves behind.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "train/checkpoint.h"
#include "train/metrics_file.h"

namespace allot::train {

/// config.yaml, metrics.jsonl, checkpoint/state.safetensors, best/, report.html. One process at a time writes there.
class RunFolder {
 public:
  /// Makes the folder and its subfolders, or opens an earlier run's. A folder that holds something else is refused
  /// without Replace::any; one that holds a run is refused unless `resume`, or Replace::any, which begins anew there:
  /// what Allot wrote into it is removed. So does a run that ended before it was first saved.
  /// Errors: cannot_create with the remedy (--resume, --force); input_missing when there is nothing to resume;
  /// try_again while another process has the run; config when the stored configuration differs from `config` (YAML
  /// text) in a line that resuming cannot change, naming it. Budgets may differ: keys whose last part is "seconds",
  /// "evaluations", "updates", "threads" or in `may_differ`.
  RunFolder(std::string path, const std::string& config, bool resume, base::Replace replace,
            std::vector<std::string> may_differ = {});

  const std::string& path() const { return path_; }
  /// "<path>/<name>".
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  bool resumed() const { return resumed_; }

  /// Appends a JSON object on one line, with or without its line break, to metrics.jsonl.
  /// Errors: io, e.g. a full disk; no part of the line stays then.
  void metric(std::string json_line) { metrics_->append(std::move(json_line)); }

  /// Makes `checkpoint` the run's state; metadata gets "metrics_bytes", so that resuming cuts off later lines.
  void save(Checkpoint checkpoint);
  /// The state to go on from. Errors: those of read_checkpoint.
  Checkpoint restore(const std::string& schema);

 private:
  void check_what_is_there() const;
  void begin_anew();

  std::string path_;
  bool resumed_;
  base::Replace replace_;
  std::unique_ptr<MetricsFile> metrics_;
};

}  // namespace allot::train
