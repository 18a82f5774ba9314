// SPDX-License-Identifier: Apache-2.0
// Whether the items of a batch go through a network without knowing of each other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::contrast {

struct IndependenceOptions {
  std::string output;       // value of the main graph that is asked for
  bool batch_norm = false;  // BatchNormalization is taken as it is: its statistics are decided upon
  bool dropout = true;      // Dropout draws
  /// Dimensions of one item by input, where the file leaves them open; those that neither tells are taken as 32.
  std::map<std::string, std::vector<int64_t>> items = {};
};

struct Independence {
  std::vector<int64_t> item;           // dimensions of the output without the batch
  std::vector<std::string> undecided;  // nodes that no rule covers: "node 'x' (Einsum)"
};

/// Follows the batch axis through the graph: shapes for two batch sizes tell where it is in each value, and a rule by
/// operator whether it is reduced, normalised over, sliced, reordered or merged so that items would mix. Splitting a
/// batch then changes nothing but rounding. Source: specification of contrast-train, 5.1.
/// Errors: check_failed naming the first node that mixes items, or that draws random numbers where they cannot be
/// told by item, with the remedy; those of shape::infer and exec::lower.
Independence check_independence(const ir::Model& model, const IndependenceOptions& options);

}  // namespace allot::contrast
