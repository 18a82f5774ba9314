// SPDX-License-Identifier: Apache-2.0
// What ranks that train one policy send to one another, as bytes.
#pragma once

#include <string>
#include <vector>

#include "dist/wire.h"
#include "place/local_search.h"
#include "policy/network.h"
#include "train/checkpoint.h"

namespace allot::policy {

/// Contiguous CPU tensors, or undefined ones.
void write(dist::WireWriter& out, const at::Tensor& tensor);
void write(dist::WireWriter& out, const std::vector<at::Tensor>& tensors);
void write(dist::WireWriter& out, const Samples& samples);
void write(dist::WireWriter& out, const place::Score& score);
void write(dist::WireWriter& out, const UnitPlacement& placement);
void write(dist::WireWriter& out, const place::Improved& improved);
void write(dist::WireWriter& out, const train::Checkpoint& checkpoint);

/// Any of these, for dist::exchange.
inline constexpr auto kWrite = [](dist::WireWriter& out, const auto& value) { write(out, value); };

/// Errors of all: malformed.
at::Tensor read_tensor(dist::WireReader& in);
std::vector<at::Tensor> read_tensors(dist::WireReader& in);
Samples read_samples(dist::WireReader& in);
place::Score read_score(dist::WireReader& in);
UnitPlacement read_placement(dist::WireReader& in);
place::Improved read_improved(dist::WireReader& in);
train::Checkpoint read_checkpoint(dist::WireReader& in);

}  // namespace allot::policy
