// SPDX-License-Identifier: Apache-2.0
// A stored tensor whose parts are taken out and joined in another order: how PyTorch's exporter turns the gates of
// recurrent weights. Taken one by one, each part's gradient is as large as the whole. Where a recurrent operator reads
// the result, torch's kernel can have the stored tensor as it is.
#include <algorithm>
#include <functional>
#include <numeric>

#include "exec/fuse.h"
#include "exec/fuse_match.h"
#include "ir/builder.h"

namespace allot::exec {
namespace {

struct Part {
  int64_t begin = 0, end = 0;
};

// Slice of `source` along one axis, step 1, all numbers stored.
std::optional<Part> match_part(const Matcher& m, ir::NodeId slice, int64_t axis, int64_t size) {
  const auto begin = m.number(m.input(slice, 1)), end = m.number(m.input(slice, 2));
  const auto along = m.number(m.input(slice, 3));
  const ir::ValueId step = m.input(slice, 4);
  if (!begin || !end || !along || static_cast<int64_t>(*along) != axis || *begin < 0 || *end < *begin ||
      (step != ir::kNone && !m.is_number(step, 1)))
    return std::nullopt;
  const auto bounded = [size](double index) {
    return static_cast<int64_t>(std::min(index, static_cast<double>(size)));
  };
  return Part{bounded(*begin), bounded(*end)};
}

// Whether the parts, in ascending order, make up the whole.
bool covers(const std::vector<Part>& parts, const std::vector<size_t>& ascending, int64_t size) {
  int64_t next = 0;
  for (const size_t i : ascending) {
    if (parts[i].begin != next) return false;
    next = parts[i].end;
  }
  return next == size;
}

// What a Concat of Slices does to a stored tensor.
struct Reordering {
  ir::ValueId source = ir::kNone;
  int64_t axis = 0;
  std::vector<int64_t> sizes, order;  // of the parts ascending, and which of them comes when
  std::vector<ir::NodeId> nodes;
};

std::optional<Reordering> match_reordering(const Matcher& m, ir::NodeId last) {
  const ir::Node& concat = m.node(last);
  if (!concat.is("Concat") || concat.inputs.size() < 2) return std::nullopt;
  const int64_t axis = concat.int_or("axis", -1);
  Reordering found{ir::kNone, axis, {}, {}, {last}};
  const std::vector<int64_t>* dims = nullptr;
  std::vector<Part> parts;
  for (size_t i = 0; i < concat.inputs.size(); ++i) {
    const ir::NodeId slice = m.maker(m.input(last, i), "Slice");
    if (slice == ir::kNone || (i > 0 && m.input(slice, 0) != found.source)) return std::nullopt;
    found.source = m.input(slice, 0);
    dims = found.source == ir::kNone ? nullptr : m.stored_dims(found.source);
    if (!dims || axis < 0 || axis >= static_cast<int64_t>(dims->size())) return std::nullopt;
    const auto part = match_part(m, slice, axis, (*dims)[static_cast<size_t>(axis)]);
    if (!part) return std::nullopt;
    parts.push_back(*part);
    found.nodes.push_back(slice);
  }
  std::vector<size_t> ascending(parts.size());
  std::iota(ascending.begin(), ascending.end(), size_t{0});
  std::sort(ascending.begin(), ascending.end(), [&](size_t a, size_t b) { return parts[a].begin < parts[b].begin; });
  if (!covers(parts, ascending, (*dims)[static_cast<size_t>(axis)])) return std::nullopt;
  found.order.resize(parts.size());
  for (size_t i = 0; i < ascending.size(); ++i) {
    found.sizes.push_back(parts[ascending[i]].end - parts[ascending[i]].begin);
    found.order[ascending[i]] = static_cast<int64_t>(i);
  }
  return found;
}

// The weights [1, gates * hidden, n] of one direction, made from stored ones [gates * hidden, n] in torch's order.
std::optional<Reordering> match_gates(const Matcher& m, ir::ValueId weights, const std::vector<int64_t>& onnx_order) {
  const ir::NodeId unsqueeze = m.maker(weights, "Unsqueeze");
  if (unsqueeze == ir::kNone || m.number(m.input(unsqueeze, 1)) != 0) return std::nullopt;
  const ir::NodeId concat = m.maker(m.input(unsqueeze, 0), "Concat");
  auto found = concat == ir::kNone ? std::nullopt : match_reordering(m, concat);
  if (!found || found->axis != 0 || found->order != onnx_order || m.stored_dims(found->source)->size() != 2 ||
      std::adjacent_find(found->sizes.begin(), found->sizes.end(), std::not_equal_to<>()) != found->sizes.end())
    return std::nullopt;
  found->nodes.push_back(unsqueeze);
  return found;
}

}  // namespace

std::optional<Fusion> match_reordered(const Matcher& m, ir::NodeId last) {
  auto found = match_reordering(m, last);
  if (!found) return std::nullopt;
  Fusion fusion{last, std::move(found->nodes), fused_node(m, last, "Reordered", {found->source})};
  fusion.node.attributes.push_back(ir::int_attribute("axis", found->axis));
  fusion.node.attributes.push_back(ir::ints_attribute("sizes", std::move(found->sizes)));
  fusion.node.attributes.push_back(ir::ints_attribute("order", std::move(found->order)));
  return fusion;
}

std::optional<Fusion> match_torch_gates(const Matcher& m, ir::NodeId last) {
  const ir::Node& node = m.node(last);
  std::vector<int64_t> onnx_order;  // gate i of ONNX is gate onnx_order[i] of torch
  if (node.is("LSTM")) onnx_order = {0, 3, 1, 2};
  if (node.is("GRU")) onnx_order = {1, 0, 2};
  if (onnx_order.empty()) return std::nullopt;
  const auto w = match_gates(m, m.input(last, 1), onnx_order), r = match_gates(m, m.input(last, 2), onnx_order);
  if (!w || !r) return std::nullopt;
  Fusion fusion{last, {last}, ir::clone(node)};
  for (const auto* part : {&*w, &*r}) fusion.nodes.insert(fusion.nodes.end(), part->nodes.begin(), part->nodes.end());
  fusion.node.domain = kFusedDomain;
  fusion.node.inputs[1] = m.name(w->source);
  fusion.node.inputs[2] = m.name(r->source);
  return fusion;
}

}  // namespace allot::exec
