// SPDX-License-Identifier: Apache-2.0
// A stored tensor whose parts are taken out and joined in another order: how PyTorch's exporter turns the gates of
// recurrent weights. Taken one by one, each part's gradient is as large as the whole.
#include <algorithm>
#include <numeric>

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

}  // namespace

std::optional<Fusion> match_reordered(const Matcher& m, ir::NodeId last) {
  const ir::Node& concat = m.node(last);
  if (!concat.is("Concat") || concat.inputs.size() < 2) return std::nullopt;
  const int64_t axis = concat.int_or("axis", -1);
  ir::ValueId source = ir::kNone;
  const std::vector<int64_t>* dims = nullptr;
  std::vector<Part> parts;
  Fusion fusion{last, {last}, {}};
  for (size_t i = 0; i < concat.inputs.size(); ++i) {
    const ir::NodeId slice = m.maker(m.input(last, i), "Slice");
    if (slice == ir::kNone || (i > 0 && m.input(slice, 0) != source)) return std::nullopt;
    source = m.input(slice, 0);
    dims = source == ir::kNone ? nullptr : m.stored_dims(source);
    if (!dims || axis < 0 || axis >= static_cast<int64_t>(dims->size())) return std::nullopt;
    const auto part = match_part(m, slice, axis, (*dims)[static_cast<size_t>(axis)]);
    if (!part) return std::nullopt;
    parts.push_back(*part);
    fusion.nodes.push_back(slice);
  }
  std::vector<size_t> ascending(parts.size());
  std::iota(ascending.begin(), ascending.end(), size_t{0});
  std::sort(ascending.begin(), ascending.end(), [&](size_t a, size_t b) { return parts[a].begin < parts[b].begin; });
  if (!covers(parts, ascending, (*dims)[static_cast<size_t>(axis)])) return std::nullopt;
  std::vector<int64_t> sizes, order(parts.size());  // of the parts ascending, and which of them comes when
  for (size_t i = 0; i < ascending.size(); ++i) {
    sizes.push_back(parts[ascending[i]].end - parts[ascending[i]].begin);
    order[ascending[i]] = static_cast<int64_t>(i);
  }
  fusion.node = fused_node(m, last, "Reordered", {source});
  fusion.node.attributes.push_back(ir::int_attribute("axis", axis));
  fusion.node.attributes.push_back(ir::ints_attribute("sizes", std::move(sizes)));
  fusion.node.attributes.push_back(ir::ints_attribute("order", std::move(order)));
  return fusion;
}

}  // namespace allot::exec
