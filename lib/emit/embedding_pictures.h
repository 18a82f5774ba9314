// SPDX-License-Identifier: Apache-2.0
// What a policy has learnt of operations, as pictures in the plane.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "place/groups.h"
#include "place/problem.h"

namespace allot::emit {

/// Units by their learned embeddings, projected onto the two directions in which these differ most.
struct EmbeddingPicture {
  std::vector<place::UnitId> units;   // those that the policy places
  std::vector<double> x, y;           // of each of them
  std::array<double, 2> explained{};  // part of the embeddings' variance that x and y account for
  place::UnitPlacement devices;       // by unit of the problem: where the policy finds it likeliest
  place::GroupOfUnit groups;          // the same, or empty: in which group
};

/// The picture twice, by operator type (of a unit: that of the op with the most time) and by device. The 15 most
/// frequent types have colours of their own. Tooltips name the unit's ops, its types, device and group. HTML; ""
/// without units.
std::string embedding_pictures(const place::Problem& problem, const EmbeddingPicture& picture);

/// A page with the pictures and `facts` about their origin.
std::string embedding_page(const std::string& model, const place::Problem& problem, const EmbeddingPicture& picture,
                           const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace allot::emit
