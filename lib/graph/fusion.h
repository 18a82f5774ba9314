// SPDX-License-Identifier: Apache-2.0
// Which ops a runtime runs as one kernel: the fusions of ONNX Runtime at its default optimisation level.
#pragma once

#include <string>
#include <vector>

#include "graph/op_graph.h"

namespace allot::graph {

struct PlanningModel;

struct Fusion {
  std::vector<OpId> main_of;  // op -> the op of its group that stands for the kernel; itself where nothing is fused
  std::vector<std::string> kernel;  // by main: "Conv", "com.microsoft.SkipLayerNormalization"; "" for all others
};

/// The groups, after ONNX Runtime's optimisers of levels 1 (before nodes get their device) to 3, on a CPU:
///   eliminated: Identity, Dropout, Cast to the type at hand, the second of two transpositions
///   Conv + BatchNormalization, Mul or Add of a constant a channel, residual sum, activation; Pad in front of it
///   MatMul + Add -> Gemm, + activation -> FusedGemm; scales and transposed inputs -> FusedMatMul
///   LayerNormalization, Gelu, FastGelu and QuickGelu spelled out; their bias; the sum in front of a norm
///   DequantizeLinear, op, QuantizeLinear
///   Reshape to sizes of its own data and constants: the ops that put them together
/// Only ops whose value nobody else reads are fused away. O(ops + edges).
Fusion fuse(const PlanningModel& planning, const OpGraph& graph);

}  // namespace allot::graph
