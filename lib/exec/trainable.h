// SPDX-License-Identifier: Apache-2.0
// Which weights of an imported graph training changes, and why.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/model.h"
#include "ir/values.h"

namespace allot::exec {

/// A user's word on weights; of several that match a weight, the last one counts.
struct TrainRule {
  enum class Verb : uint8_t {
    train,        // weights whose name matches
    freeze,       // likewise
    freeze_op,    // weights that enter nodes of this operator, or of the body of this function ("domain.Name")
    freeze_until  // weights that only enter nodes up to the one of this name, in topological order
  };
  Verb verb = Verb::train;
  std::string pattern;  // base::NamePattern for train and freeze, else the name
};

struct TrainableOptions {
  std::vector<TrainRule> rules;
  bool quantization_aware = false;  // weights behind DequantizeLinear count
  bool allow_dead = false;          // a trained weight without a gradient's path is only a warning
  bool tie = true;                  // equal or transposed copies of one matrix train as one
};

/// One floating weight: an initializer of several elements or a Constant node, with the decision about it.
struct Weight {
  std::string name;
  ir::ValueId value = ir::kNone;  // in the lowered model
  ir::DataType type = ir::DataType::undefined;
  std::vector<int64_t> dims;
  std::string slot;  // "Conv W", "Add operand"; empty where no rule names its use
  bool trained = false;
  std::string reason;  // the rule that decided
  std::string cut_by;  // what stops every gradient to it ("node 'x' (ArgMax) cuts the path"); empty if one comes
  uint32_t tied_to = ir::kNone;  // index of the weight that it is a copy of
  bool transposed = false;       // a copy with its two dimensions swapped
};

/// Decides by use, not by name (exporters rename freely): weight_slots.h says what each use means. Functions count as
/// what they consist of (lower.h): a weight that is handed to one is a parameter of the operators inside.
/// `outputs` are what the loss is computed from; empty: the graph's outputs. Source: specification of mpl-train, 7.2.
/// Errors: config for a rule whose pattern is invalid or matches nothing; check_failed, naming the cutting node, when a
/// trained weight cannot receive a gradient (unless allow_dead); config when no weight at all is trained.
std::vector<Weight> find_weights(const ir::Model& model, const std::vector<std::string>& outputs,
                                 const TrainableOptions& options = {});

}  // namespace allot::exec
