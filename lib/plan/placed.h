// SPDX-License-Identifier: Apache-2.0
// A problem solved: every method's result, the chosen placement, and its stored form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/binder.h"
#include "place/groups.h"
#include "place/placer.h"
#include "place/robustness.h"
#include "place/sidecar.h"
#include "plan/input.h"

namespace allot::plan {

struct SearchOptions {
  std::string method = "auto";
  int64_t evaluations = 0;
  double seconds = -1;

  void bind(config::Binder& binder);
  place::Budget budget(uint64_t seed, unsigned threads) const;
};

struct Placed {
  place::Comparison comparison;
  std::optional<place::Robustness> robustness;  // not measured where no time is to be spent
  std::vector<cluster::DeviceId> placement;     // by op
  sim::Outcome outcome;                         // with timeline and critical chain
  bool timed = false;                           // the search was limited by time
  std::optional<int64_t> ort_makespan_ps;       // where the placement was found under other rules than ONNX Runtime's
  place::Sidecar sidecar;
};

/// Places anew. Progress is shown when the search takes long. Errors: out_of_memory when no method found a placement
/// that fits, naming the device and by how much.
Placed place_model(const Input& input, const SearchOptions& search, const place::Budget& budget);

/// All that is told of a comparison's chosen placement, for methods that were compared elsewhere. Errors: as
/// place_model.
Placed describe(const Input& input, place::Comparison comparison, const place::Budget& budget);

/// Tells the sidecar in which groups a hierarchical policy placed the ops.
void note_groups(const Input& input, const place::GroupOfUnit& groups, Placed& placed);

/// Takes a stored placement as it is, with its groups, scored on today's model and costs beside the constructive
/// methods. Errors: malformed naming the first ops that it does not cover or may not place so.
Placed use_placement(const Input& input, const place::Sidecar& stored, const std::string& path);

}  // namespace allot::plan
