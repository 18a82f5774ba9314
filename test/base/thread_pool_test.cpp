// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace allot::base;

TEST_CASE("a pool runs every shard of every round once") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    std::vector<std::atomic<int>> runs(100);
    std::atomic<bool> strange = false;
    for (size_t round = 0; round < 500; ++round)
      pool.run(round % (runs.size() + 1), [&](size_t shard, unsigned thread) {
        ++runs[shard];
        if (thread >= threads) strange = true;
      });
    int expected = 0;
    for (size_t round = 0; round < 500; ++round) expected += round % (runs.size() + 1) > 42;
    CHECK(runs[42] == expected);
    CHECK_FALSE(strange);
  }
}

TEST_CASE("a pool goes on after an exception, which is that of the lowest failing shard") {
  ThreadPool pool(4);
  for (int round = 0; round < 50; ++round) {
    try {
      pool.run(40, [](size_t shard, unsigned) {
        if (shard % 30 == 7) throw std::runtime_error(std::to_string(shard));
      });
      FAIL("no error was thrown");
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "7");
    }
    std::atomic<int> runs = 0;
    pool.run(3, [&](size_t, unsigned) { ++runs; });
    CHECK(runs == 3);
  }
}
