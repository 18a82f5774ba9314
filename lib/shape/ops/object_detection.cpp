// SPDX-License-Identifier: Apache-2.0
// Boxes and regions.
#include <algorithm>

#include "shape/registry.h"

namespace allot::shape {
namespace {

/// boxes (batch, boxes, 4), scores (batch, classes, boxes) -> at most batch * classes * max_output selected triples.
void non_max_suppression(Context& c) {
  c.set_elem(0, ir::DataType::int64);
  const Dims* scores = c.dims(1);
  if (!scores || scores->size() != 3) return;
  int64_t best = 0;  // without max_output_boxes_per_class nothing is selected
  if (c.has(2)) best = std::clamp<int64_t>(c.integer(2).value_or((*scores)[2]), 0, (*scores)[2]);
  const auto lists = checked_mul((*scores)[0], (*scores)[1]);
  const auto selected = lists ? checked_mul(*lists, best) : std::nullopt;
  c.distrust(Trust::bound);
  if (selected) c.set(0, ir::DataType::int64, {*selected, 3});
}

void roi_align(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *rois = c.dims(1);
  if (!input || !rois || input->size() != 4 || rois->size() != 2) return;
  c.set(0, c.elem(0),
        {(*rois)[0], (*input)[1], c.node().int_or("output_height", 1), c.node().int_or("output_width", 1)});
}

constexpr Operator kOperators[] = {
    {"NonMaxSuppression", non_max_suppression},
    {"RoiAlign", roi_align},
};

}  // namespace

std::span<const Operator> object_detection_operators() { return kOperators; }

}  // namespace allot::shape
