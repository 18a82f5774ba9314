// SPDX-License-Identifier: Apache-2.0
// Domains whose entropy is known, to see methods at work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace allot::mixcal {

/// One stream of symbols below 100.
struct SyntheticDomain {
  std::string name;
  std::vector<uint16_t> tokens = {};
  double entropy = 0;  // nats a symbol given all before: of its true kernel, over these tokens
};

/// `five`: noise (uniform over 32 symbols), easy (a cycle of 16, begun
/// anew at any place every 64), medium (a Markov chain: 32 states with 8 successors),
/// hard (20 symbols, 3 successors of every pair), overlap (segments of 256, medium or hard), each on symbols of its
/// own; shares .35 .25 .15 .10 .15 of `tokens`. `other`: the same kinds with other numbers and shares, on which nothing
/// was chosen. Source: specification of mixcal, 6.3. Errors: usage for another name.
std::vector<SyntheticDomain> synthetic_task(const std::string& name, int64_t tokens, uint64_t seed);

}  // namespace allot::mixcal
