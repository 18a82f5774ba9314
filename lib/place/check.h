// SPDX-License-Identifier: Apache-2.0
// The regression check: is a placement still as good as the stored one, and if not, what changed?
#pragma once

#include <string>
#include <vector>

#include "place/sidecar.h"

namespace allot::place {

struct Tolerances {
  double makespan = 0.02, peak_memory = 0.02, crossings = 0.0;  // relative
};

/// A figure that is worse than the stored one by more than its tolerance.
struct Regression {
  bool fresh = false;          // of today's own placement; otherwise of the stored one, re-scored
  std::string metric, device;  // "makespan_us", "crossings", "overflow_bytes"; "peak_bytes" of a device
  double before = 0, after = 0;
};

/// How two placements differ, op by op, as lines for people: at most 50 a list, then a count.
struct Changes {
  uint32_t compared = 0, moved_ops = 0;     // ops that both have, and those on another device
  std::vector<std::string> moved;           // "name: gpu0 -> cpu0"
  std::vector<std::string> added, removed;  // names
  std::vector<std::string> details;         // what else differs: "dimension batch: 1 -> 8"
};

struct CheckReport {
  bool model_changed = false, costs_changed = false, cluster_changed = false, placement_changed = false;
  bool file_changed = false;        // the model's bytes; without model_changed only names, weights or metadata
  Metrics stored, rescored, fresh;  // as stored; the stored placement on today's model; today's best placement
  bool rescorable = true;           // false: the stored placement no longer covers the model; `obstacle` says why
  std::string obstacle;
  Tolerances tolerances;
  std::vector<Regression> regressions;
  Changes changes;
  bool passed() const { return regressions.empty(); }
};

/// `fresh` is today's own placement of `problem`. The stored placement is re-scored on today's model and costs and
/// must not be worse than its stored metrics; nor may the fresh one. Costs of another model cannot be compared:
/// with model_changed, costs_changed tells of the cost model's version only.
CheckReport check(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& baseline,
                  const Sidecar& fresh, const Tolerances& tolerances);

/// The outcome for one model of a call that checks several.
struct ModelCheck {
  std::string model, baseline;  // paths
  CheckReport report;
  std::string error;  // why there is no report, or empty
  double seconds = 0;
  bool passed() const { return error.empty() && report.passed(); }
};

/// One line: "FAIL: makespan of the fresh placement went from 1.00 ms to 1.10 ms (+10.0 %)".
std::string verdict(const CheckReport& report);
/// For a person who sees nothing else: the verdict, then causes, figures and ops that moved.
std::string to_text(const CheckReport& report);
/// The same for each model that did not pass, one line for each that did, and their numbers where there are several.
std::string to_text(const std::vector<ModelCheck>& checks);
/// Schema `allot.check/1`.
std::string to_json(const std::vector<ModelCheck>& checks);
/// A JUnit report: one test case a model, a regression is a failure, a model that could not be placed an error.
std::string to_junit(const std::vector<ModelCheck>& checks);
/// GitHub workflow commands: one annotation a model, an error where it did not pass.
std::string to_github(const std::vector<ModelCheck>& checks);

/// What changed from one placement to another.
Changes compare_placements(const Sidecar& from, const Sidecar& to);

/// Ops whose device differs between two placements, and the metrics side by side: `--diff a.json b.json`.
std::string diff_text(const Sidecar& a, const Sidecar& b);

}  // namespace allot::place
