// SPDX-License-Identifier: Apache-2.0
// The best placements found so far: what policies imitate, and the answer in the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "place/problem.h"
#include "policy/canonical.h"

namespace allot::policy {

struct Elite {
  place::UnitPlacement placement;  // in canonical form, by unit id
  place::Score score;
  PlacementKey key = {};
};

/// Elites as plain numbers, for checkpoints.
struct ElitesState {
  std::vector<int32_t> placements;  // [elites, units]
  std::vector<int64_t> scores;      // [elites, 3]: overflow_bytes, value, makespan_ps
};

/// The distinct placements of the best scores among all that were ever added; of equal scores the earlier goes first.
/// The best of them is never lost, so that who adds all that is evaluated never answers with less than the best of it.
class Elites {
 public:
  /// The problem must outlive it. most: at least 1.
  explicit Elites(const place::Problem& problem, size_t most = 128);

  /// Whether it is better than all before. A placement that is there already keeps its score. O(units) where it is good
  /// enough to be kept, else O(1).
  bool add(const place::UnitPlacement& placement, const place::Score& score);

  /// Best first.
  size_t size() const { return elites_.size(); }
  bool empty() const { return elites_.empty(); }
  const Elite& operator[](size_t i) const { return elites_[i]; }
  /// Of all that were ever added; there is one.
  const Elite& best() const { return elites_.front(); }

  ElitesState state() const;
  /// Replaces all. `where` names the file in errors. Errors: malformed when the state is not that of elites of such a
  /// problem; nothing is changed then.
  void restore(const ElitesState& state, const std::string& where);

 private:
  const place::Problem& problem_;
  const size_t most_;
  const CanonicalForm canonical_;
  std::vector<Elite> elites_;
};

}  // namespace allot::policy
