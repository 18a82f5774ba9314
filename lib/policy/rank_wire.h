// SPDX-License-Identifier: Apache-2.0
// What ranks that train one policy send to one another, as bytes.
#pragma once

#include <string>
#include <vector>

#include "dist/wire.h"
#include "place/local_search.h"
#include "policy/network.h"
#include "train/tensor_wire.h"

namespace allot::policy {

using train::read_checkpoint, train::read_tensor, train::read_tensors, train::write;

void write(dist::WireWriter& out, const Samples& samples);
void write(dist::WireWriter& out, const place::Score& score);
void write(dist::WireWriter& out, const UnitPlacement& placement);
void write(dist::WireWriter& out, const place::Improved& improved);

/// Any of these, for dist::exchange.
inline constexpr auto kWrite = [](dist::WireWriter& out, const auto& value) { write(out, value); };

/// Errors of all: malformed.
Samples read_samples(dist::WireReader& in);
place::Score read_score(dist::WireReader& in);
UnitPlacement read_placement(dist::WireReader& in);
place::Improved read_improved(dist::WireReader& in);

}  // namespace allot::policy
