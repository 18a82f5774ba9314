// SPDX-License-Identifier: Apache-2.0
// The sequence of operation embeddings that placement policies read (placement 1.2).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "place/problem.h"

namespace allot::place {

constexpr int kTypeWidth = 20;  // size of a type embedding (ICLR 2018)
constexpr int kMaxOutputs = 6;  // output tensors described, and neighbours named, of a unit
constexpr int kMaxDims = 4;     // dimensions described of an output

/// One row a unit, in topological order of first ops. Columns, in this order:
///   type       [20]    sum over the unit's ops of a fixed random unit-variance vector a type, keyed by its name
///   shape      [6 * 4] dims of tensors that leave the unit, sign(x) log2(1 + |x|); -1 where there is none
///   neighbours [12]    rows of up to 6 predecessors and 6 successors, -1 where there is none
///   cost       [...]   log1p of: time_us on each device, mac GFLOP, output, parameter and workspace bytes, bottom
///                      level and top level in us, fan-in, fan-out, members
struct Embeddings {
  uint32_t rows = 0, width = 0;
  std::vector<float> values;                              // [rows, width]
  std::vector<std::pair<std::string, uint32_t>> columns;  // name of a group of columns, its width
  std::vector<std::string> cost_columns;                  // name of each cost column
  std::vector<std::string> vocabulary;                    // op types that occur, sorted
  std::vector<int32_t> type_of_op, unit_of_op;            // [ops]; index into vocabulary; row
  std::vector<int32_t> edges;                             // [edges, 2] rows, producer first
  // -- of what a policy has learnt (policy/embeddings.h); else empty
  std::vector<float> points;                           // [rows, 2]: projected onto the plane
  std::vector<int32_t> device_of_unit, group_of_unit;  // [rows]: likeliest; group empty where it has no groups
  std::string policy_hash;                             // SHA-256 of the policy's file
};

/// All but columns and values: a row a unit, types, edges.
Embeddings without_columns(const Problem& problem);

/// tensor_dims [num_tensors]: shape of each tensor of the graph.
Embeddings embed(const Problem& problem, const std::vector<std::vector<int64_t>>& tensor_dims, uint64_t seed);

/// `allot.embeddings/1` safetensors: tensors embeddings, type_of_op, unit_of_op, edges, and of a policy's points,
/// device and group; metadata with vocabulary, columns, seed, and hashes of graph and policy.
void write_embeddings(const Embeddings& embeddings, const std::string& graph_hash, uint64_t seed,
                      const std::string& path, base::Replace replace);

}  // namespace allot::place
