// SPDX-License-Identifier: Apache-2.0
// A compiled graph: a flat schedule of kernels over a table of slots.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "exec/value.h"

namespace allot::exec {

class Call;

/// What one node does at run time; its attributes are read when it is made.
using Kernel = std::function<void(Call&)>;

using Slot = uint32_t;
constexpr Slot kNoSlot = ~Slot{0};

/// One kernel and where its values are. The spans point into Plan::slot_lists.
struct Step {
  Kernel kernel;
  std::span<const Slot> inputs, outputs;  // kNoSlot: absent or unwanted
  std::span<const Slot> captured;         // what its bodies use of the graphs around them
  std::span<const Slot> last_uses;        // what nobody needs afterwards
  uint32_t node = 0;                      // index into Plan::nodes: whom to name in errors, and the random stream
};

/// The main graph or the body of a control-flow node. Each runs at most once at a time, so all share one slot table.
struct Block {
  std::vector<Step> steps;
  std::vector<Slot> inputs, outputs;
  std::vector<Slot> leftovers;  // of a body: outputs made in it, to be dropped once they are taken
};

/// Some steps of the main graph as a block of their own, and what crosses its border; see segments.h.
struct Segment {
  uint32_t block = 0;
  std::vector<Slot> inputs;   // made outside and used inside, weights included
  std::vector<Slot> outputs;  // made inside and used outside
};

constexpr uint32_t kNoSource = ~uint32_t{0};

/// Where a step comes from.
struct PlanNode {
  std::string name;             // of the node in the file; of a function's caller when its body was put in
  std::string op_type;          // with its domain, if that is not ONNX's own; in a function "its caller: its own"
  uint32_t source = kNoSource;  // index of the file's main-graph node that it belongs to; none in bodies
};

/// "node 'name' (Conv)" for messages.
std::string describe(const PlanNode& node);

/// Immutable while it runs; any number of frames may run one plan at a time.
struct Plan {
  std::vector<Block> blocks;     // block 0 is the main graph
  std::vector<Value> constants;  // by slot: what every run starts with
  std::vector<PlanNode> nodes;
  std::vector<Segment> segments;  // of the main graph, if it was cut
  c10::Device device = c10::kCPU;
  /// What the spans of steps point to; copies of a plan share it.
  std::shared_ptr<std::deque<std::vector<Slot>>> slot_lists = std::make_shared<std::deque<std::vector<Slot>>>();
};

}  // namespace allot::exec
