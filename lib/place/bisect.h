// SPDX-License-Identifier: Apache-2.0
// Cutting a weighted graph in two.
#pragma once

#include <cstdint>
#include <vector>

#include "base/csr.h"

namespace allot::place {

/// An undirected graph: each edge is in both rows, and no vertex is its own neighbour.
struct CutGraph {
  base::Csr<uint32_t> neighbours;
  std::vector<double> edge_cost;  // beside neighbours.items: paid if the two are on different sides
  std::vector<double> weight;     // by vertex
  std::vector<double> pull;       // by vertex: what side 1 costs more than side 0 because of what is outside
  std::vector<int8_t> fixed;      // by vertex: the side on which it must be, or -1
};

/// Side of each vertex, so that side 0 has about `share` of all weight (within 5 %, or a vertex) and the cut and the
/// pulls cost little. Multilevel: vertices with costly edges are joined until few are left; the smallest graph is cut
/// by growing side 0 from several seeds; on the way back each cut is refined by moves of single vertices, of which a
/// pass keeps the best prefix. Deterministic; O(edges log vertices) a level.
/// After: Hendrickson, Leland, SC 1995; Fiduccia, Mattheyses, DAC 1982.
std::vector<int8_t> bisect(const CutGraph& graph, double share);

/// Edges between the sides, and pulls of the sides.
double cut_cost(const CutGraph& graph, const std::vector<int8_t>& side);

}  // namespace allot::place
