// SPDX-License-Identifier: Apache-2.0
#include "exec/train_rules.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/name_pattern.h"
#include "exec/weights.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;
using Verb = TrainRule::Verb;

constexpr const char* kFlags[] = {"--train", "--freeze", "--freeze-op", "--freeze-until"};

const char* flag(Verb verb) { return kFlags[static_cast<size_t>(verb)]; }

/// Where each weight is used.
class Uses {
 public:
  Uses(const Lowered& lowered, const ir::Values& values)
      : lowered_(lowered), values_(values), position_(values.nodes.size()), users_(users_of(values)) {
    uint32_t next = 0;
    for (const auto& graph : values.graphs)
      for (const ir::NodeId id : graph.order) position_[id] = next++;
  }

  bool enters(ir::ValueId value, std::string_view op_type) const {
    for (const ir::NodeId id : users_[value]) {
      const auto* origin = lowered_.origin(*values_.nodes[id].node);
      if (values_.nodes[id].node->op_type == op_type || (origin && origin->function == op_type)) return true;
    }
    return false;
  }

  uint32_t last_position(ir::ValueId value) const {
    uint32_t last = 0;
    for (const ir::NodeId id : users_[value]) last = std::max(last, position_[id]);
    return last;
  }

  /// Position of the main graph's node of that name, of a call the last one in it. Errors: config when there is none.
  uint32_t position(const std::string& node) const {
    std::optional<uint32_t> last;
    for (ir::NodeId id = 0; id < values_.nodes.size(); ++id) {
      if (values_.nodes[id].graph != 0) continue;
      const auto* origin = lowered_.origin(*values_.nodes[id].node);
      if ((origin ? ir::Str(origin->call) : values_.nodes[id].node->name) == node)
        last = std::max(last.value_or(0), position_[id]);
    }
    if (last) return *last;
    throw Error(ErrorKind::config, "--freeze-until", fmt::format("there is no node '{}'", base::printable(node)),
                "name a node of the main graph");
  }

 private:
  const Lowered& lowered_;
  const ir::Values& values_;
  std::vector<uint32_t> position_;              // by node, topological
  std::vector<std::vector<ir::NodeId>> users_;  // by value
};

template <typename Match>
bool decide(std::vector<Weight>& weights, const TrainRule& rule, Match match) {
  bool found = false;
  for (Weight& weight : weights) {
    if (!match(weight)) continue;
    found = true;
    weight.trained = rule.verb == Verb::train;
    weight.reason = fmt::format("{} {}", flag(rule.verb), base::printable(rule.pattern));
  }
  return found;
}

}  // namespace

void apply_rules(const Lowered& lowered, const ir::Values& values, const std::vector<TrainRule>& rules,
                 std::vector<Weight>& weights) {
  if (rules.empty()) return;
  const Uses uses(lowered, values);
  for (const TrainRule& rule : rules) {
    bool found = false;
    if (rule.verb == Verb::freeze_op) {
      found = decide(weights, rule, [&](const Weight& w) { return uses.enters(w.value, rule.pattern); });
    } else if (rule.verb == Verb::freeze_until) {
      const uint32_t last = uses.position(rule.pattern);
      found = decide(weights, rule, [&](const Weight& w) { return uses.last_position(w.value) <= last; });
    } else {
      const base::NamePattern pattern(rule.pattern);
      found = decide(weights, rule, [&](const Weight& w) { return pattern.matches(w.name); });
    }
    if (!found)
      throw Error(ErrorKind::config, flag(rule.verb),
                  fmt::format("'{}' matches no weight", base::printable(rule.pattern)), "name weights of the model");
  }
}

}  // namespace allot::exec
