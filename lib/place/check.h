// SPDX-License-Identifier: Apache-2.0
// The regression check: is a placement still as good as the stored one, and if not, what changed?
#pragma once

#include <string>
#include <vector>

#include "place/sidecar.h"

namespace allot::place {

struct Tolerances {
  double makespan = 0.02, peak_memory = 0.02, crossings = 0.0;   // relative
};

struct Regression {
  std::string metric, device;   // "makespan_us", "peak_bytes" of a device, "crossings"
  double before = 0, after = 0;
};

struct CheckReport {
  bool model_changed = false, costs_changed = false, cluster_changed = false, placement_changed = false;
  Metrics stored, rescored, fresh;      // as stored; the stored placement on today's model; today's best placement
  bool rescorable = true;               // false: the stored placement no longer covers the model
  std::vector<Regression> regressions;
  std::vector<std::string> moved;       // "name: gpu0 -> cpu0", at most 50 and then a count
  bool passed() const { return regressions.empty(); }
};

/// `fresh` is today's own placement of `problem`. The stored placement is re-scored on today's model and costs and
/// must not be worse than its stored metrics; nor may the fresh one.
CheckReport check(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& baseline,
                  const Sidecar& fresh, const Tolerances& tolerances);

std::string to_text(const CheckReport& report);
std::string to_json(const CheckReport& report);

/// Ops whose device differs between two placements, and the metrics side by side: `--diff a.json b.json`.
std::string diff_text(const Sidecar& a, const Sidecar& b);

}  // namespace allot::place
