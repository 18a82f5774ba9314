// SPDX-License-Identifier: Apache-2.0
// Reductions over axes.
#include <algorithm>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// How the elements of one output combine. nullptr: no content.
using Combine = double (*)(double, double);

double sum(double a, double b) { return a + b; }
double multiply(double a, double b) { return a * b; }
double minimum(double a, double b) { return std::min(a, b); }
double maximum(double a, double b) { return std::max(a, b); }

/// Which axes go; nullopt when the node says something impossible.
std::optional<std::vector<char>> reduced_axes(Context& c, const IntList& axes, size_t rank) {
  std::vector<char> reduced(rank, 0);
  if (axes.values.empty()) {
    if (c.node().int_or("noop_with_empty_axes", 0) == 0) reduced.assign(rank, 1);
    return reduced;
  }
  for (const int64_t given : axes.values) {
    const auto axis = c.axis(given, rank);
    if (!axis) return std::nullopt;
    reduced[*axis] = 1;
  }
  return reduced;
}

Dims reduced_dims(const Dims& input, const std::vector<char>& reduced, bool keep) {
  Dims dims;
  for (size_t i = 0; i < input.size(); ++i) {
    if (!reduced[i])
      dims.push_back(input[i]);
    else if (keep)
      dims.push_back(1);
  }
  return dims;
}

/// For small tensors that reduce along every axis, or that have one axis: what shape arithmetic needs.
void fold_reduction(Context& c, Combine combine, const std::vector<char>& reduced) {
  if (!combine || !c.may_know(0)) return;
  if (!std::all_of(reduced.begin(), reduced.end(), [](char r) { return r != 0; })) return;
  const auto* data = c.content(0);
  if (!data || data->empty()) return;
  double total = as_element(c.elem(0), data->front());
  for (size_t i = 1; i < data->size(); ++i) total = as_element(c.elem(0), combine(total, (*data)[i]));
  if (total == total) c.set_content(0, {total});
}

template <Combine F>
void reduce(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  const IntList axes = c.int_list("axes", 1);
  const bool keep = c.node().int_or("keepdims", 1) != 0;
  if (axes.given && !axes.known) {
    if (!keep) return;
    c.distrust(Trust::bound);
    Dims dims = *input;
    for (int64_t& dim : dims) dim = std::max<int64_t>(dim, 1);  // an empty dimension that is reduced becomes 1
    return c.set(0, c.elem(0), std::move(dims));
  }
  const auto reduced = reduced_axes(c, axes, input->size());
  if (!reduced) return;
  c.set(0, c.elem(0), reduced_dims(*input, *reduced, keep));
  fold_reduction(c, F, *reduced);
}

void arg_extreme(Context& c, bool largest) {
  c.set_elem(0, ir::DataType::int64);
  const Dims* input = c.dims(0);
  if (!input) return;
  const auto axis = c.axis(c.node().int_or("axis", 0), input->size());
  if (!axis) return;
  std::vector<char> reduced(input->size(), 0);
  reduced[*axis] = 1;
  c.set(0, ir::DataType::int64, reduced_dims(*input, reduced, c.node().int_or("keepdims", 1) != 0));
  const auto* data = input->size() == 1 && c.may_know(0) ? c.content(0) : nullptr;
  if (!data || data->empty() || c.node().int_or("select_last_index", 0) != 0) return;
  const auto best =
      largest ? std::max_element(data->begin(), data->end()) : std::min_element(data->begin(), data->end());
  c.set_content(0, {static_cast<double>(best - data->begin())});
}

void arg_max(Context& c) { arg_extreme(c, true); }
void arg_min(Context& c) { arg_extreme(c, false); }

constexpr Operator kOperators[] = {
    {"ArgMax", arg_max},
    {"ArgMin", arg_min},
    {"ReduceL1", reduce<nullptr>},
    {"ReduceL2", reduce<nullptr>},
    {"ReduceLogSum", reduce<nullptr>},
    {"ReduceLogSumExp", reduce<nullptr>},
    {"ReduceMax", reduce<maximum>},
    {"ReduceMean", reduce<nullptr>},
    {"ReduceMin", reduce<minimum>},
    {"ReduceProd", reduce<multiply>},
    {"ReduceSum", reduce<sum>},
    {"ReduceSumSquare", reduce<nullptr>},
};

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace allot::shape
