// SPDX-License-Identifier: Apache-2.0
// Tensors and checkpoints as messages between ranks.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "dist/wire.h"
#include "train/checkpoint.h"

namespace allot::train {

/// CPU tensors, or undefined ones.
void write(dist::WireWriter& out, const at::Tensor& tensor);
void write(dist::WireWriter& out, const std::vector<at::Tensor>& tensors);
void write(dist::WireWriter& out, const Checkpoint& checkpoint);

/// Errors of all: malformed.
at::Tensor read_tensor(dist::WireReader& in);
std::vector<at::Tensor> read_tensors(dist::WireReader& in);
Checkpoint read_checkpoint(dist::WireReader& in);

}  // namespace allot::train
