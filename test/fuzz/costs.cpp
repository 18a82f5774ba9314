// SPDX-License-Identifier: Apache-2.0
// A costs file, applied to a chain of ops.
#include "fuzz/target.h"
#include "place/chain.h"

void allot::fuzz::parse(std::string_view bytes) {
  static const place::Problem problem = test::chain_problem(test::chain(8), test::two_devices());
  auto table = problem.costs();
  cost::apply_overrides(table, problem.graph(), problem.cluster(), MemoryFile(bytes).path());
  for (const int64_t time : table.time_ps) ALLOT_ASSERT(time >= 0);
}
