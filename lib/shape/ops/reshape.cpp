// SPDX-License-Identifier: Apache-2.0
// The same elements under other dimensions, and dimensions as values.
#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// Elements in the same row-major order: the content passes through.
void set_reshaped(Context& c, Dims dims) {
  c.set(0, c.elem(0), std::move(dims));
  if (!c.may_know(0)) return;
  if (const auto* data = c.content(0)) c.set_content(0, *data);
}

/// `target` with 0 and -1 replaced; nullopt after a contradiction that leaves no guess.
std::optional<Dims> resolve_reshape(Context& c, const Dims& input, Dims target, bool zero_is_zero) {
  int64_t open = -1, known = 1;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && !zero_is_zero) {
      if (i >= input.size()) {
        c.contradict("dimension {} is to be copied from {}", i, to_string(input));
        return std::nullopt;
      }
      target[i] = input[i];
    }
    if (target[i] == -1 && open < 0) {
      open = static_cast<int64_t>(i);
      continue;
    }
    const auto next = target[i] < 0 ? std::nullopt : checked_mul(known, target[i]);
    if (!next) {
      c.contradict("{} is no shape", to_string(target));
      return std::nullopt;
    }
    known = *next;
  }
  const int64_t count = product(input).value_or(0);
  if (open >= 0)
    target[static_cast<size_t>(open)] = known == 0 ? 0 : std::max<int64_t>(count / known, count > 0 ? 1 : 0);
  if (open >= 0 ? known != 0 && count % known != 0 : known != count)
    c.contradict("{} elements of {} do not fill {}", count, to_string(input), to_string(target));
  return target;
}

void reshape(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  IntList target = c.int_list("shape", 1);
  if (target.known) {
    auto dims = resolve_reshape(c, *input, std::move(target.values), c.node().int_or("allowzero", 0) != 0);
    if (dims) set_reshaped(c, std::move(*dims));
    return;
  }
  const Dims* shape = c.dims(1);
  if (shape && shape->size() == 1 && (*shape)[0] == 1) set_reshaped(c, {product(*input).value_or(0)});
}

void flatten(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  const auto rank = static_cast<int64_t>(input->size());
  int64_t axis = c.node().int_or("axis", 1);
  if (axis < -rank || axis > rank) return c.contradict("axis {} is out of range for rank {}", axis, rank);
  if (axis < 0) axis += rank;
  const auto split = static_cast<size_t>(axis);
  const auto outer = product(std::span(*input).first(split)), inner = product(std::span(*input).subspan(split));
  if (outer && inner) set_reshaped(c, {*outer, *inner});
}

void squeeze(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const IntList axes = c.int_list("axes", 1);
  if (!input || (axes.given && !axes.known)) return;
  std::vector<char> drop(input->size(), 0);
  for (const int64_t given : axes.values) {
    const auto axis = c.axis(given, input->size());
    if (!axis) return;
    if ((*input)[*axis] != 1) c.contradict("dimension {} of {} is not 1", *axis, to_string(*input));
    drop[*axis] = 1;
  }
  Dims dims;
  for (size_t i = 0; i < input->size(); ++i)
    if (axes.given ? !drop[i] : (*input)[i] != 1) dims.push_back((*input)[i]);
  set_reshaped(c, std::move(dims));
}

void unsqueeze(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const IntList axes = c.int_list("axes", 1);
  if (!input || !axes.known) return;
  const size_t rank = input->size() + axes.values.size();
  if (rank > kMaxRank) return c.contradict("the output would have {} dimensions", rank);
  std::vector<char> fresh(rank, 0);
  for (const int64_t given : axes.values) {
    const auto axis = c.axis(given, rank);
    if (!axis) return;
    if (std::exchange(fresh[*axis], 1)) return c.contradict("axis {} is named twice", *axis);
  }
  Dims dims;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) dims.push_back(fresh[i] ? 1 : (*input)[next++]);
  set_reshaped(c, std::move(dims));
}

void transpose(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  const size_t rank = input->size();
  Dims perm = c.node().ints("perm");
  if (perm.empty()) {
    perm.resize(rank);
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  Dims sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int64_t>(i)) return c.contradict("perm {} is no permutation", to_string(perm));
  if (perm.size() != rank) return c.contradict("perm {} meets {}", to_string(perm), to_string(*input));
  Dims dims(rank);
  for (size_t i = 0; i < rank; ++i) dims[i] = (*input)[static_cast<size_t>(perm[i])];
  c.set(0, c.elem(0), dims);
  const Dims strides = strides_of(*input);
  fold_move(c, dims, [&](const Dims& index) {
    int64_t position = 0;
    for (size_t i = 0; i < rank; ++i) position += index[i] * strides[static_cast<size_t>(perm[i])];
    return position;
  });
}

void shape_of(Context& c) {
  c.set_elem(0, ir::DataType::int64);
  const ValueType& input = c.type(0);
  if (!input.has_rank || input.kind == ir::Type::Kind::sequence) return;
  const auto rank = static_cast<int64_t>(input.dims.size());
  const auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamp(c.node().int_or("start", 0)), end = clamp(c.node().int_or("end", rank));
  c.set(0, ir::DataType::int64, {std::max<int64_t>(end - start, 0)});  // known exactly, before the dims are read
  const Dims* dims = c.dims(0);
  if (dims && start <= end) c.set_content(0, std::vector<double>(dims->begin() + start, dims->begin() + end));
}

void size_of(Context& c) {
  c.set(0, ir::DataType::int64, {});
  if (const Dims* dims = c.dims(0)) c.set_content(0, {static_cast<double>(product(*dims).value_or(0))});
}

void expand(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto shape = c.ints(1);
  if (!input || !shape) return;
  Dims dims = *input;
  if (!broadcast(dims, *shape)) c.contradict("{} does not broadcast to {}", to_string(*input), to_string(*shape));
  c.set(0, c.elem(0), dims);
  const Dims strides = strides_of(*input);
  fold_move(c, dims, [&](const Dims& index) { return broadcast_position(*input, strides, index); });
}

void tile(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto repeats = c.ints(1);
  if (!input || !repeats) return;
  if (repeats->size() != input->size())
    return c.contradict("{} repeats meet {}", to_string(*repeats), to_string(*input));
  Dims dims;
  for (size_t i = 0; i < input->size(); ++i) {
    const auto size = checked_mul((*input)[i], (*repeats)[i]);
    if (!size) return c.contradict("{} times {} is over 63 bits", (*input)[i], (*repeats)[i]);
    dims.push_back(*size);
  }
  c.set(0, c.elem(0), dims);
  const Dims strides = strides_of(*input);
  fold_move(c, dims, [&](const Dims& index) {
    int64_t position = 0;
    for (size_t i = 0; i < index.size(); ++i) position += index[i] % (*input)[i] * strides[i];
    return position;
  });
}

/// Batch, channels and two spatial dimensions; `block` of each moves between channels and space.
void blocks(Context& c, bool to_space) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  const int64_t block = c.node().int_or("blocksize", 0);
  const auto area = checked_mul(block, block);
  if (input->size() != 4 || block < 1 || !area)
    return c.contradict("blocks of {} need four dimensions, not {}", block, to_string(*input));
  const auto [n, channels, h, w] = std::tie((*input)[0], (*input)[1], (*input)[2], (*input)[3]);
  if (to_space ? channels % *area != 0 : h % block != 0 || w % block != 0)
    c.contradict("{} does not divide into blocks of {}", to_string(*input), block);
  const auto up = [&](int64_t size, int64_t factor) { return checked_mul(size, factor).value_or(-1); };
  if (to_space)
    c.set(0, c.elem(0), {n, channels / *area, up(h, block), up(w, block)});
  else
    c.set(0, c.elem(0), {n, up(channels, *area), h / block, w / block});
}

void depth_to_space(Context& c) { blocks(c, true); }
void space_to_depth(Context& c) { blocks(c, false); }

constexpr Operator kOperators[] = {
    {"DepthToSpace", depth_to_space},
    {"Expand", expand},
    {"Flatten", flatten},
    {"Reshape", reshape},
    {"Shape", shape_of},
    {"Size", size_of},
    {"SpaceToDepth", space_to_depth},
    {"Squeeze", squeeze},
    {"Tile", tile},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const Operator> reshape_operators() { return kOperators; }

}  // namespace allot::shape
