// SPDX-License-Identifier: Apache-2.0
// The placement's page: one self-contained HTML file.
#pragma once

#include <string>

#include "place/placer.h"
#include "place/sidecar.h"

namespace allot::emit {

/// What the page shows beside the placement itself.
struct PageInput {
  const place::Problem& problem;
  const place::Sidecar& sidecar;
  const place::Comparison& comparison;
  const std::vector<cluster::DeviceId>& placement;  // per op
  const sim::Outcome& outcome;                      // with timeline; with critical chain, or that is left out
  std::vector<std::string> notes;                   // assumed dimensions, warnings
  bool timed = false;                               // the search was limited by time, which its curve is drawn over
};
/// Summary, all methods and how sure the choice is, the search's curve, what limits the result, Gantt chart, memory
/// against capacity, traffic, top ops and transfers; for several input shapes and for pipelines what these add. No
/// network access, legible from 400 px, light and dark, every model-supplied string escaped, below 3 MB at any size.
std::string placement_page(const PageInput& input);

}  // namespace allot::emit
