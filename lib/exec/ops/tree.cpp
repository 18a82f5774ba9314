// SPDX-License-Identifier: Apache-2.0
// Ensembles of decision trees (ai.onnx.ml.TreeEnsemble).
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>

#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

enum class Branch : uint8_t { leq, lt, gte, gt, eq, neq, member };
enum class Aggregate : uint8_t { average, sum, min, max };
enum class Transform : uint8_t { none, softmax, logistic, softmax_zero, probit };

struct Way {
  size_t to = 0;
  bool is_leaf = false;
};

struct Node {
  size_t feature = 0;
  Branch branch = Branch::leq;
  double split = 0;
  std::vector<double> members;  // sorted
  bool missing_is_true = false;
  Way yes, no;

  Way next(double x) const {
    if (x != x) return missing_is_true ? yes : no;
    return holds(x) ? yes : no;
  }
  bool holds(double x) const {
    switch (branch) {
      case Branch::leq:
        return x <= split;
      case Branch::lt:
        return x < split;
      case Branch::gte:
        return x >= split;
      case Branch::gt:
        return x > split;
      case Branch::eq:
        return x == split;
      case Branch::neq:
        return x != split;
      case Branch::member:
        return std::binary_search(members.begin(), members.end(), x);
    }
    return false;
  }
};

struct Leaf {
  size_t target = 0;
  double weight = 0;
};

struct Ensemble {
  std::vector<Node> nodes;
  std::vector<Leaf> leaves;
  std::vector<size_t> roots;
  size_t targets = 0, features = 0;
  Aggregate aggregate = Aggregate::sum;

  // A chain of more steps than there are nodes goes round in circles.
  const Leaf& leaf(size_t root, const double* x) const {
    size_t node = root;
    for (size_t steps = 0; steps <= nodes.size(); ++steps) {
      const Way way = nodes[node].next(x[nodes[node].feature]);
      if (way.is_leaf) return leaves[way.to];
      node = way.to;
    }
    malformed("a tree goes round in circles");
  }

  // Targets that no leaf adds to are 0.
  void score(const double* x, double* out) const {
    const double none = aggregate == Aggregate::min   ? std::numeric_limits<double>::infinity()
                        : aggregate == Aggregate::max ? -std::numeric_limits<double>::infinity()
                                                      : 0;
    std::fill(out, out + targets, none);
    for (const size_t root : roots) {
      const Leaf& found = leaf(root, x);
      double& sum = out[found.target];
      sum = aggregate == Aggregate::min   ? std::min(sum, found.weight)
            : aggregate == Aggregate::max ? std::max(sum, found.weight)
                                          : sum + found.weight;
    }
    for (size_t i = 0; i < targets; ++i) {
      if (std::isinf(none) && out[i] == none) out[i] = 0;
      if (aggregate == Aggregate::average) out[i] /= static_cast<double>(roots.size());
    }
  }
};

std::vector<double> numbers(const Site& site, ir::Str attribute) {
  const Value value = site.tensor(attribute);
  if (!value.is_tensor()) malformed("attribute '{}' holds no numbers", attribute);
  const at::Tensor wide = value.tensor().to(at::kDouble).contiguous();
  return {wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel()};
}

size_t index_in(int64_t index, size_t count, std::string_view what) {
  if (index < 0 || static_cast<uint64_t>(index) >= count)
    malformed("{} {} does not exist: there are {}", what, index, count);
  return static_cast<size_t>(index);
}

// Sets are listed one behind the other, with a NaN behind each.
void read_members(const Site& site, std::vector<Node>& nodes) {
  const auto list = site.has("membership_values") ? numbers(site, "membership_values") : std::vector<double>();
  auto next = list.begin();
  for (Node& node : nodes) {
    if (node.branch != Branch::member) continue;
    const auto end = std::find_if(next, list.end(), [](double x) { return x != x; });
    node.members.assign(next, end);
    std::sort(node.members.begin(), node.members.end());
    next = end == list.end() ? end : end + 1;
  }
}

Way way(const Site& site, const std::string& side, size_t i, size_t nodes, size_t leaves) {
  const auto &to = site.ints("nodes_" + side + "nodeids"), &is_leaf = site.ints("nodes_" + side + "leafs");
  if (to.size() != nodes || is_leaf.size() != nodes) malformed("its lists of nodes differ in length");
  return {index_in(to[i], is_leaf[i] ? leaves : nodes, is_leaf[i] ? "leaf" : "node"), is_leaf[i] != 0};
}

Ensemble read(const Site& site) {
  Ensemble e;
  const auto weights = numbers(site, "leaf_weights"), splits = numbers(site, "nodes_splits");
  const auto modes = numbers(site, "nodes_modes");
  const auto &targets = site.ints("leaf_targetids"), &features = site.ints("nodes_featureids");
  const auto& missing = site.ints("nodes_missing_value_tracks_true");
  e.targets = index_in(site.int_or("n_targets", 0), size_t{1} << 31, "a number of targets of");
  if (targets.size() != weights.size()) malformed("its lists of leaves differ in length");
  for (size_t i = 0; i < weights.size(); ++i)
    e.leaves.push_back({index_in(targets[i], e.targets, "target"), weights[i]});
  const size_t n = features.size();
  if (modes.size() != n || splits.size() != n || (!missing.empty() && missing.size() != n))
    malformed("its lists of nodes differ in length");
  for (size_t i = 0; i < n; ++i) {
    Node node;
    node.feature = index_in(features[i], std::numeric_limits<uint32_t>::max(), "feature");
    e.features = std::max(e.features, node.feature + 1);
    node.branch = static_cast<Branch>(index_in(static_cast<int64_t>(modes[i]), 7, "mode"));
    node.split = splits[i];
    node.missing_is_true = !missing.empty() && missing[i] != 0;
    node.yes = way(site, "true", i, n, e.leaves.size());
    node.no = way(site, "false", i, n, e.leaves.size());
    e.nodes.push_back(std::move(node));
  }
  read_members(site, e.nodes);
  for (const int64_t root : site.ints("tree_roots")) e.roots.push_back(index_in(root, n, "node"));
  e.aggregate = static_cast<Aggregate>(index_in(site.int_or("aggregate_function", 1), 4, "aggregate_function"));
  return e;
}

at::Tensor transformed(const at::Tensor& scores, Transform transform) {
  switch (transform) {
    case Transform::none:
      return scores;
    case Transform::softmax:
      return scores.softmax(-1);
    case Transform::logistic:
      return scores.sigmoid();
    case Transform::softmax_zero:  // scores of 0 stay out of it
      return at::where(scores == 0, 0,
                       scores.masked_fill(scores == 0, -std::numeric_limits<double>::infinity()).softmax(-1));
    case Transform::probit:
      return (scores * 2 - 1).erfinv() * std::sqrt(2.0);
  }
  return scores;
}

Kernel make_tree_ensemble(const Site& site) {
  const auto transform = static_cast<Transform>(index_in(site.int_or("post_transform", 0), 5, "post_transform"));
  return [ensemble = std::make_shared<const Ensemble>(read(site)), transform](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.dim() != 2 || x.size(1) < static_cast<int64_t>(ensemble->features))
      malformed("needs [batch, {} features], but gets {}", ensemble->features, call.value(0).describe());
    const at::Tensor features = x.to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor scores = at::empty({x.size(0), static_cast<int64_t>(ensemble->targets)}, at::kDouble);
    const double* in = features.const_data_ptr<double>();
    double* out = scores.mutable_data_ptr<double>();
    at::parallel_for(0, x.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ensemble->score(in + i * x.size(1), out + i * scores.size(1));
    });
    call.set(0, transformed(scores, transform).to(x.options()));
  };
}

constexpr Operator kOperators[] = {
    {"TreeEnsemble", make_tree_ensemble, Gradient::zero},
};

}  // namespace

std::span<const Operator> tree_operators() { return kOperators; }

}  // namespace allot::exec
