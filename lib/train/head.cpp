// SPDX-License-Identifier: Apache-2.0
#include "train/head.h"

#include <algorithm>

#include "base/error.h"
#include "ir/values.h"

namespace allot::train {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

std::string choose_output(const ir::Model& model, const std::string& output) {
  std::vector<std::string> names;
  for (const auto& each : model.graph.outputs) names.emplace_back(each.name);
  if (output.empty() && names.size() == 1) return names.front();
  if (std::find(names.begin(), names.end(), output) != names.end()) return output;
  for (std::string& name : names) name = printable(name);
  if (output.empty())
    throw Error(ErrorKind::config, printable(model.path), fmt::format("has {} outputs", names.size()),
                "name the one to train, " + base::suggestion("", names));
  throw Error(ErrorKind::config, printable(model.path), fmt::format("has no output '{}'", printable(output)),
              base::suggestion(output, names));
}

bool is_choice(const ir::Node& node) { return node.is("ArgMax") || node.is("Hardmax"); }
bool is_squashing(const ir::Node& node) { return node.is("Softmax") || node.is("LogSoftmax") || node.is("Sigmoid"); }

}  // namespace

Head find_head(const ir::Model& model, const std::string& output, const std::string& logits) {
  Head head;
  head.output = choose_output(model, output);
  head.logits = head.output;
  const ir::Values values = ir::resolve(model);
  if (!logits.empty()) {
    if (values.find(logits) == ir::kNone)
      throw Error(ErrorKind::config, printable(model.path), fmt::format("has no value '{}'", printable(logits)),
                  "name a value of the main graph");
    head.logits = logits;
    return head;
  }
  ir::ValueId value = values.find(head.output);
  for (bool ends = false; !ends && values.values[value].producer != ir::kNone;) {
    const ir::NodeId id = values.values[value].producer;
    const ir::Node& node = *values.nodes[id].node;
    ends = is_squashing(node);
    if (!ends && !is_choice(node) && !node.is("Identity")) break;
    value = values.inputs[id][0];
    if (node.is("Identity")) continue;
    head.skipped.emplace_back(node.op_type);
    head.logits = values.values[value].name;
  }
  return head;
}

}  // namespace allot::train
