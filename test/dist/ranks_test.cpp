// SPDX-License-Identifier: Apache-2.0
// Several ranks are tested by test/programs/real_run.py, under mpirun.
#include "dist/ranks.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace allot;

TEST_CASE("ranks: a process that nobody started beside others is alone") {
  REQUIRE_FALSE(dist::is_one_of_several());
  dist::Ranks& all = dist::ranks();
  CHECK(all.rank() == 0);
  CHECK(all.size() == 1);
  CHECK_FALSE(all.receive());
  CHECK(all.barrier([] { return true; }));
  CHECK(&all == &dist::ranks());
}

TEST_CASE("ranks: who started a process beside others shows in its environment") {
  const auto told_by = [](const std::vector<std::pair<const char*, const char*>>& variables) {
    for (const auto& [name, value] : variables) setenv(name, value, 1);
    const bool told = dist::is_one_of_several();
    for (const auto& [name, value] : variables) unsetenv(name);
    return told;
  };
  CHECK(told_by({{"OMPI_COMM_WORLD_SIZE", "2"}}));
  CHECK_FALSE(told_by({{"OMPI_COMM_WORLD_SIZE", "1"}}));
  CHECK(told_by({{"PMI_SIZE", "4"}}));
  CHECK(told_by({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}}));
  CHECK_FALSE(told_by({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
  CHECK_FALSE(told_by({{"SLURM_STEP_NUM_TASKS", "2"}}));
}
