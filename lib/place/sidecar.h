// SPDX-License-Identifier: Apache-2.0
// The stored form of a placement, `allot.placement/1`: sidecar of a placed model and baseline of a check.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "place/placer.h"

namespace allot::place {

struct PlacedOp {
  std::string scope, name, op, device, fingerprint;  // scope "" = main graph
  uint32_t index = 0;                                // node index in its scope
  std::vector<std::string> outputs;
  std::string group = {};  // of a hierarchical policy (groups.h); "" = none
  friend bool operator==(const PlacedOp&, const PlacedOp&) = default;
};

struct Metrics {
  double makespan_us = 0;
  std::map<std::string, int64_t> peak_bytes, param_bytes;  // by device name
  std::map<std::string, double> busy_us;
  uint32_t crossings = 0;
  int64_t bytes_moved = 0, overflow_bytes = 0;  // overflow 0: everything fits in memory
  double critical_path_us = 0, work_bound_us = 0, parallelism = 0;
  friend bool operator==(const Metrics&, const Metrics&) = default;
};

struct Baseline {
  std::string method;
  double makespan_us = 0;
  bool fits = true;
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

/// What the model was placed for: plan's --workload, --frozen and --checkpoint-every.
struct StoredWorkload {
  std::string kind = "inference";
  std::vector<std::string> frozen;
  int64_t checkpoint_every = 0;
  friend bool operator==(const StoredWorkload&, const StoredWorkload&) = default;
};

/// Of place::Robustness; draws 0: not measured.
struct StoredRobustness {
  std::string runner_up;
  uint32_t draws = 0, better = 0;
  friend bool operator==(const StoredRobustness&, const StoredRobustness&) = default;
};

struct Sidecar {
  std::string model_path, model_hash, graph_hash, costs_hash, cluster_hash, cluster_text;
  int cost_model_version = 0;
  std::map<std::string, int64_t> dims;  // bound dimensions (>= 0), so that a check binds the same
  std::string objective = "latency";
  std::string target = "any";          // plan's --target
  std::vector<std::string> scenarios;  // as given, so that a check plans for the same input shapes
  StoredWorkload workload;
  std::vector<PlacedOp> placement;
  Metrics metrics;
  StoredRobustness robustness;
  std::vector<Baseline> baselines;
  std::string method, version;
  uint64_t seed = 0, evaluations = 0;
  friend bool operator==(const Sidecar&, const Sidecar&) = default;
};

/// One op a line, the same bytes for the same placement. Of `model_path` only the file name is kept.
std::string to_json(const Sidecar& sidecar);
/// The value of key "metrics".
void write_metrics(base::JsonWriter& json, const Metrics& metrics);
void write_sidecar(const Sidecar& sidecar, const std::string& path, base::Replace replace);
/// Errors: malformed naming file, line and key: not JSON, another schema, unknown or missing keys, wrong types.
Sidecar read_sidecar(const std::string& path);

Metrics metrics_of(const Problem& problem, const sim::Outcome& outcome);

/// Puts a stored placement on today's graph: ops are found as in match.h. A unit goes where the first of its ops with
/// a usable stored device was, of the graph's shape_ops only where no other op tells; units whose ops are unknown or
/// whose device is gone or not allowed get kNone.
struct Restored {
  UnitPlacement placement;
  std::vector<std::string> groups;    // by today's op: that of its stored counterpart
  std::vector<OpId> unmatched;        // today's ops without a stored device
  std::vector<std::string> vanished;  // stored ops that are gone
};
Restored restore(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& sidecar);

}  // namespace allot::place
