// SPDX-License-Identifier: Apache-2.0
// What a run of a placement says of itself.
#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "cli/table.h"
#include "config/units.h"
#include "graph/build.h"
#include "measure/robust_mean.h"
#include "plan/real_run.h"

namespace allot::plan {
namespace {

using config::human_bytes;
using config::human_time;

constexpr size_t kRows = 15;

double seconds(int64_t ps) { return static_cast<double>(ps) * 1e-12; }
std::string time_us(double us) { return human_time(us * 1e-6); }
std::string ratio(double measured, double simulated) {
  return simulated > 0 ? fmt::format("{:.2f}", measured / simulated) : "-";
}

const std::string& device_name(const Input& input, const RealRun& run, uint32_t device) {
  return input.problem->cluster().devices[run.used[device]].name;
}

/// By node of the main graph: what its ops take where they are placed, in us.
std::vector<double> simulated_us(const Input& input, const RealRun& run) {
  std::vector<double> us(input.model.graph.nodes.size());
  for (graph::OpId op = 0; op < input.built.graph.num_ops(); ++op)
    us[input.planning.original_node(input.graph().node[op])] +=
        seconds(input.problem->costs().time(op, run.chosen.placement[op])) * 1e6;
  return us;
}

double simulated_us(const Input& input, const RealRun& run, const measure::TransferTime& transfer) {
  return seconds(input.problem->cluster().transfer_ps(run.used[transfer.from], run.used[transfer.to], transfer.bytes)) *
         1e6;
}

/// Indices of the `kRows` items that took longest.
template <typename Item>
std::vector<size_t> slowest(const std::vector<Item>& items) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return items[a].median_us > items[b].median_us; });
  order.resize(std::min(order.size(), kRows));
  return order;
}

std::string node_name(const Input& input, uint32_t node) {
  const ir::Node& it = input.model.graph.nodes[node];
  const auto output =
      std::find_if(it.outputs.begin(), it.outputs.end(), [](const auto& name) { return !name.empty(); });
  return base::printable(!it.name.empty() ? it.name : output != it.outputs.end() ? *output : ir::Str("(no name)"), 60);
}

std::string totals(const RealRun& run) {
  const auto& times = run.measurement.seconds;
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  cli::Table table({"run", "measured", "simulated", "ratio", "least", "most", "runs"});
  const double simulated = seconds(run.chosen.outcome.makespan_ps);
  table.row({"placed (" + run.chosen.origin + ")", human_time(run.measurement.mean_seconds), human_time(simulated),
             ratio(run.measurement.mean_seconds, simulated), human_time(*least), human_time(*most),
             fmt::format("{}", times.size())});
  if (run.single) {
    const auto& alone = run.single->seconds;
    const auto [alone_least, alone_most] = std::minmax_element(alone.begin(), alone.end());
    table.row({"on " + base::printable(run.single->device, 40), human_time(measure::robust_mean(alone)), "", "",
               human_time(*alone_least), human_time(*alone_most), fmt::format("{}", alone.size())});
  }
  return table.str();
}

std::string check_line(const RealRun& run) {
  if (!run.check) return "";
  const measure::Check& check = *run.check;
  if (check.identical) return fmt::format("\noutputs: {} values, the same bits as on one device\n", check.values);
  return fmt::format("\noutputs: {} values {} as on one device, within {:.2g} of their scale (largest: {})\n",
                     check.values, check.ok ? "are" : "are NOT", check.largest_error, base::printable(check.worst));
}

std::string devices_text(const Input& input, const RealRun& run) {
  const sim::Outcome& outcome = run.chosen.outcome;
  cli::Table table({"device", "threads", "busy", "simulated", "ratio", "peak memory", "simulated"});
  for (uint32_t i = 0; i < run.reply->devices.size(); ++i) {
    const measure::DeviceRun& device = run.reply->devices[i];
    const double busy_us = seconds(outcome.busy_ps[run.used[i]]) * 1e6;
    table.row({device_name(input, run, i), fmt::format("{}", device.threads), time_us(device.busy_us), time_us(busy_us),
               ratio(device.busy_us, busy_us), human_bytes(static_cast<double>(device.peak_bytes)),
               human_bytes(static_cast<double>(outcome.peak_bytes[run.used[i]]))});
  }
  return table.str();
}

std::string nodes_text(const Input& input, const RealRun& run) {
  const auto simulated = simulated_us(input, run);
  cli::Table table({"op", "operator", "device", "measured", "simulated", "ratio"});
  for (const size_t i : slowest(run.reply->nodes)) {
    const auto& [node, device, us] = run.reply->nodes[i];
    table.row({node_name(input, node), base::printable(graph::operator_type(input.model.graph.nodes[node]), 40),
               device_name(input, run, device), time_us(us), time_us(simulated[node]), ratio(us, simulated[node])});
  }
  return table.str();
}

std::string transfers_text(const Input& input, const RealRun& run) {
  cli::Table table({"transfer", "from", "to", "bytes", "measured", "simulated", "ratio"});
  for (const size_t i : slowest(run.reply->transfers)) {
    const measure::TransferTime& transfer = run.reply->transfers[i];
    const double simulated = simulated_us(input, run, transfer);
    table.row({base::printable(transfer.tensor, 60), device_name(input, run, transfer.from),
               device_name(input, run, transfer.to), human_bytes(static_cast<double>(transfer.bytes)),
               time_us(transfer.median_us), time_us(simulated), ratio(transfer.median_us, simulated)});
  }
  return table.str();
}

void write_totals(base::JsonWriter& json, const RealRun& run) {
  json.field("measured_us", run.measurement.mean_seconds * 1e6);
  json.field("simulated_us", seconds(run.chosen.outcome.makespan_ps) * 1e6).field("seconds", run.measurement.seconds);
  if (run.single) {
    json.key("single").begin_object(true).field("device", run.single->device);
    json.field("measured_us", measure::robust_mean(run.single->seconds) * 1e6);
    json.field("seconds", run.single->seconds).end_object();
  }
  if (run.check) {
    json.key("check").begin_object(true).field("values", run.check->values).field("ok", run.check->ok);
    json.field("identical", run.check->identical).field("largest_error", run.check->largest_error);
    json.field("worst", run.check->worst).end_object();
  }
}

void write_devices(base::JsonWriter& json, const Input& input, const RealRun& run) {
  const sim::Outcome& outcome = run.chosen.outcome;
  json.key("devices").begin_array();
  for (uint32_t i = 0; i < run.reply->devices.size(); ++i) {
    const measure::DeviceRun& device = run.reply->devices[i];
    json.begin_object(true).field("device", device_name(input, run, i)).field("threads", device.threads);
    json.field("busy_us", device.busy_us).field("simulated_busy_us", seconds(outcome.busy_ps[run.used[i]]) * 1e6);
    json.field("peak_bytes", device.peak_bytes).field("simulated_peak_bytes", outcome.peak_bytes[run.used[i]]);
    json.end_object();
  }
  json.end_array();
}

void write_nodes(base::JsonWriter& json, const Input& input, const RealRun& run) {
  const auto simulated = simulated_us(input, run);
  json.key("nodes").begin_array();
  for (const auto& [node, device, us] : run.reply->nodes) {
    json.begin_object(true).field("node", node).field("name", input.model.graph.nodes[node].name);
    json.field("op", graph::operator_type(input.model.graph.nodes[node]));
    json.field("device", device_name(input, run, device)).field("measured_us", us);
    json.field("simulated_us", simulated[node]).end_object();
  }
  json.end_array();
}

void write_transfers(base::JsonWriter& json, const Input& input, const RealRun& run) {
  json.key("transfers").begin_array();
  for (const auto& transfer : run.reply->transfers) {
    json.begin_object(true).field("tensor", transfer.tensor).field("from", device_name(input, run, transfer.from));
    json.field("to", device_name(input, run, transfer.to)).field("bytes", transfer.bytes);
    json.field("measured_us", transfer.median_us)
        .field("simulated_us", simulated_us(input, run, transfer))
        .end_object();
  }
  json.end_array();
}

}  // namespace

std::string real_run_text(const Input& input, const RealRun& run) {
  std::string text = totals(run) + check_line(run);
  if (!run.reply) return text;
  text += "\n" + devices_text(input, run) + "\n" + nodes_text(input, run);
  if (!run.reply->transfers.empty()) text += "\n" + transfers_text(input, run);
  return text;
}

std::string real_run_json(const Input& input, const RealRun& run) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.run/1").field("model", input.path).field("placement", run.chosen.origin);
  write_totals(json, run);
  if (run.reply) {
    write_devices(json, input, run);
    write_nodes(json, input, run);
    write_transfers(json, input, run);
  }
  return json.end_object().str();
}

}  // namespace allot::plan
