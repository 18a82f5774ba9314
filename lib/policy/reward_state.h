// SPDX-License-Identifier: Apache-2.0
// What rewards know, as plain numbers for checkpoints.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "place/problem.h"
#include "policy/canonical.h"

namespace allot::policy {

struct KnownScore {
  PlacementKey key;
  place::Score score;
};

/// Appends their number and then the scores, in order of keys.
void append_scores(std::vector<int64_t>& state, std::vector<KnownScore> scores);

/// Reads a state from its beginning. `where` names the file in errors. Errors: malformed where the state is too short,
/// or holds what it cannot.
inline int64_t as_number(double value) { return std::bit_cast<int64_t>(value); }

class StateReader {
 public:
  StateReader(std::span<const int64_t> state, const std::string& where) : rest_(state), where_(where) {}
  int64_t number();
  double real();
  std::vector<KnownScore> scores();
  /// Errors: also malformed for devices that `problem` does not allow.
  place::UnitPlacement placement(const place::Problem& problem);
  /// Errors: malformed if there is more.
  void end() const;
  [[noreturn]] void wrong() const;

 private:
  std::span<const int64_t> numbers(size_t count);

  std::span<const int64_t> rest_;
  const std::string& where_;
};

}  // namespace allot::policy
