// SPDX-License-Identifier: Apache-2.0
// A stored placement: written again it says the same, and it is checked against a chain of ops.
#include "fuzz/target.h"
#include "place/chain.h"
#include "place/check.h"

void allot::fuzz::parse(std::string_view bytes) {
  static const place::Problem problem = test::chain_problem(test::chain(8), test::two_devices());
  static const place::Sidecar today = test::stored(problem, place::UnitPlacement(8, 1));
  const auto sidecar = place::read_sidecar(MemoryFile(bytes).path());
  ALLOT_ASSERT(place::read_sidecar(MemoryFile(place::to_json(sidecar)).path()) == sidecar);
  place::ModelCheck check;
  check.report = place::check(problem, test::numbered(8), sidecar, today, {});
  place::to_text(check.report);
  place::to_junit({check});
  place::to_json({check});
}
