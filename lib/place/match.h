// SPDX-License-Identifier: Apache-2.0
// Which op of one version of a model is which op of another.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "place/sidecar.h"

namespace allot::place {

/// What an op is recognised by: views that the caller keeps alive.
struct OpIdentity {
  std::string_view output, type, fingerprint;  // output: the first non-empty one
};
/// The ops of the main graph; `rows` receives the index in `placement` of each.
std::vector<OpIdentity> identities(const std::vector<PlacedOp>& placement, std::vector<uint32_t>& rows);

/// For each op of `today` its counterpart in `stored`, or graph::kNone; none is used twice. First those with the same
/// output name and type, then those with the same fingerprint, the k-th of several alike to the k-th. O(n).
std::vector<uint32_t> match_ops(const std::vector<OpIdentity>& today, const std::vector<OpIdentity>& stored);

}  // namespace allot::place
