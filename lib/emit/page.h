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
  const sim::Outcome& outcome;                      // with timeline
  std::vector<std::string> notes;                   // assumed dimensions, warnings
};
/// Summary, method table, Gantt chart, memory against capacity, top ops and transfers. No network access, legible
/// from 400 px, light and dark, every model-supplied string escaped, bounded size for 100,000 ops.
std::string placement_page(const PageInput& input);

}  // namespace allot::emit
