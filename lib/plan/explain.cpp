// SPDX-License-Identifier: Apache-2.0
// Why is this node on this device?
#include <algorithm>

#include "base/error.h"
#include "cli/table.h"
#include "config/units.h"
#include "plan/text.h"

namespace allot::plan {
namespace {

using cluster::DeviceId;
using graph::OpId;

std::string time_text(int64_t ps) { return config::human_time(static_cast<double>(ps) * 1e-12); }

OpId find_op(const Input& input, const std::string& node) {
  const auto& graph = input.graph();
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    if (graph.op_names[op] == node) return op;
    for (const auto tensor : graph.outputs[op])
      if (graph.tensor_names[tensor] == node) return op;
  }
  throw base::Error(base::ErrorKind::input_missing, base::printable(input.path),
                    fmt::format("no placed node has the name or output '{}'", base::printable(node)),
                    base::nearest(node, graph.op_names).empty()
                        ? "list the names with placer-embed --report"
                        : fmt::format("did you mean '{}'?", base::printable(base::nearest(node, graph.op_names))));
}

// One line an input: whence, how large, and when it arrived.
std::string inputs_text(const Input& input, const Placed& placed, OpId op) {
  const auto& graph = input.graph();
  const auto& devices = input.problem->cluster().devices;
  const DeviceId here = placed.placement[op];
  cli::Table table({"input", "bytes", "made by", "on", "present here at"});
  for (const auto tensor : graph.inputs[op]) {
    const OpId producer = graph.producer[tensor];
    const bool made = producer != graph::kNone;
    int64_t present = made ? placed.outcome.end_ps[producer] : 0;
    std::string on = made ? devices[placed.placement[producer]].name : "model input";
    for (const auto& transfer : placed.outcome.transfers)
      if (transfer.tensor == tensor && transfer.to == here) {
        present = transfer.end_ps;
        on += " -> " + devices[here].name;
      }
    table.row({base::printable(graph.tensor_names[tensor], 40),
               config::human_bytes(static_cast<double>(input.problem->costs().tensor_bytes[tensor])),
               made ? base::printable(graph.op_names[producer], 40) : "-", on, time_text(present)});
  }
  return table.str();
}

// The makespan with the op's unit moved to each device in turn: what "elsewhere" would cost.
std::string alternatives_text(const Input& input, const Placed& placed, OpId op) {
  const auto& problem = *input.problem;
  const auto unit = input.graph().unit_of[op];
  place::UnitPlacement placement = placed.comparison.methods[placed.comparison.best].placement;
  const DeviceId chosen = placement[unit];
  place::Evaluator evaluator(problem);
  cli::Table table({"", "device", "this op", "its unit", "makespan if moved", "change"});
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    const std::string mark = device == chosen ? "*" : "";
    const auto& name = problem.cluster().devices[device].name;
    if (!problem.allowed(unit, device)) {
      table.row({mark, name, "-", "cannot run here", "-", "-"});
      continue;
    }
    placement[unit] = device;
    const auto score = evaluator.score_as_written(placement);
    const double change = static_cast<double>(score.makespan_ps) / static_cast<double>(placed.outcome.makespan_ps) - 1;
    table.row({mark, name, time_text(problem.costs().time(op, device)), time_text(problem.unit_time_ps(unit, device)),
               time_text(score.makespan_ps),
               score.overflow_bytes > 0 ? "does not fit" : fmt::format("{:+.2f} %", 100 * change)});
  }
  return table.str();
}

}  // namespace

std::string explain_text(const Input& input, const Placed& placed, const std::string& node) {
  const auto& graph = input.graph();
  const OpId op = find_op(input, node);
  const auto members = graph.members[graph.unit_of[op]];
  const auto& cost = input.problem->costs().ops[op];
  std::string text = fmt::format(
      "{} ({}) is on {}, chosen by {}\nruns {} - {}; {}MAC, reads {}, writes {}\n", base::printable(graph.op_names[op]),
      graph.type_names[graph.type[op]], input.problem->cluster().devices[placed.placement[op]].name,
      placed.sidecar.method, time_text(placed.outcome.start_ps[op]), time_text(placed.outcome.end_ps[op]),
      config::human_count(cost.mac_flops / 2), config::human_bytes(static_cast<double>(cost.bytes_read)),
      config::human_bytes(static_cast<double>(cost.bytes_written)));
  if (members.size() > 1) {
    text += fmt::format("bound to one device with {} other ops:", members.size() - 1);
    for (size_t i = 0, shown = 0; i < members.size() && shown < 8; ++i)
      if (members[i] != op) text += ' ' + base::printable(graph.op_names[members[i]], 40), ++shown;
    text += members.size() > 9 ? " ...\n" : "\n";
  }
  return text + '\n' + inputs_text(input, placed, op) + '\n' + alternatives_text(input, placed, op);
}

}  // namespace allot::plan
