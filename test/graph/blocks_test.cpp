// SPDX-License-Identifier: Apache-2.0
#include "graph/blocks.h"

#include <catch2/catch.hpp>
#include <string>

#include "graph/build.h"
#include "graph/generate_model.h"

using namespace allot;
using namespace allot::graph;

namespace {

/// Blocks of the letters of a word: "0011" for "abab"; '-' outside of any.
std::string blocks_of(const std::string& word) {
  std::string result;
  for (const uint32_t block : repeated_blocks(std::vector<uint64_t>(word.begin(), word.end())))
    result += block == ~uint32_t{0} ? '-' : static_cast<char>('0' + block);
  return result;
}

uint32_t units_of(const std::string& recipe) {
  const ir::Model model = generate(parse_recipe(recipe));
  const PlanningModel planning = prepare(model, {});
  return build(planning, {.colocation = BuildOptions::Colocation::blocks}).graph.num_units();
}

}  // namespace

TEST_CASE("equal stretches in a row are blocks") {
  CHECK(blocks_of("abcabcabc") == "000111222");
  CHECK(blocks_of("xabcabcy") == "-000111-");
  CHECK(blocks_of("ababa") == "0011-");
  CHECK(blocks_of("abcab") == "-----");  // not even twice
  CHECK(blocks_of("aaaa") == "----");    // ops alone
  CHECK(blocks_of("abababcdcdcd") == "001122334455");
  CHECK(blocks_of("").empty());
}

TEST_CASE("an LSTM cell, a layer and a shard are blocks") {
  // 40 cells of 12 ops each after the first step's, whose state comes from parameters.
  const uint32_t cells = units_of("rnn:ops=672,width=4,size=16");
  CHECK(cells >= 40);
  CHECK(cells <= 80);
  CHECK(units_of("transformer:ops=440,width=1,size=64") <= 40);  // 20 layers
}
