// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <catch2/catch.hpp>

#include "base/csr.h"

using namespace allot::base;

TEST_CASE("every shard runs once at any number of threads") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    std::vector<std::atomic<int>> runs(1000);
    parallel_for(runs.size(), threads, [&](size_t shard) { ++runs[shard]; });
    for (const auto& count : runs) REQUIRE(count == 1);
  }
  parallel_for(0, 4, [](size_t) { FAIL("no shard, no call"); });
}

TEST_CASE("the exception of the lowest failing shard is the one that is seen") {
  for (const unsigned threads : {1u, 4u}) {
    try {
      parallel_for(100, threads, [](size_t shard) {
        if (shard % 30 == 7) throw std::runtime_error(std::to_string(shard));
      });
      FAIL("no error was thrown");
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "7");
    }
  }
}

TEST_CASE("transposing rows twice sorts them") {
  Csr<uint32_t> rows;
  rows.add_row(std::vector<uint32_t>{2, 0});
  rows.add_row(std::vector<uint32_t>{});
  rows.add_row(std::vector<uint32_t>{2});
  const auto columns = transpose(rows, 3);
  CHECK(std::vector<uint32_t>(columns[0].begin(), columns[0].end()) == std::vector<uint32_t>{0});
  CHECK(columns[1].empty());
  CHECK(std::vector<uint32_t>(columns[2].begin(), columns[2].end()) == std::vector<uint32_t>{0, 2});
  CHECK(transpose(columns, 3).items == std::vector<uint32_t>{0, 2, 2});
}
