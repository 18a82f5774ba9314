// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

double rows(const Context& c) { return rank(c.in(0)) > 1 ? dim(c.in(0), 0) : 1; }

double floats(const Context& c, ir::Str name) {
  const ir::Attribute* attribute = c.node().find(name);
  return attribute ? static_cast<double>(attribute->floats.size()) : 0;
}

}  // namespace

// Trees count as balanced: a row passes log2(nodes of a tree) of them, two operations each.
void tree_ensemble(const Context& c, OpCost& cost) {
  const auto& ids = c.node().ints("nodes_treeids");
  const auto& roots = c.node().ints("tree_roots");
  const double trees =
      static_cast<double>(roots.empty() ? std::unordered_set<int64_t>(ids.begin(), ids.end()).size() : roots.size());
  const double nodes = static_cast<double>(roots.empty() ? ids.size() : c.node().ints("nodes_featureids").size());
  if (trees > 0) cost.vector_ops = 2 * rows(c) * trees * std::ceil(std::log2(nodes / trees + 1));
}

void linear_model(const Context& c, OpCost& cost) { cost.vector_ops = 2 * rows(c) * floats(c, "coefficients"); }

void support_vectors(const Context& c, OpCost& cost) {
  const double products = std::max(floats(c, "support_vectors"), floats(c, "coefficients"));
  cost.vector_ops = rows(c) * (2 * products + weight::kExp * floats(c, "coefficients"));
}

}  // namespace allot::cost::ops
