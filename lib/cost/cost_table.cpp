// SPDX-License-Identifier: Apache-2.0
#include "cost/cost_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/error.h"
#include "base/hash.h"

namespace allot::cost {
namespace {

using cluster::Precision;

constexpr double kPsPerSecond = 1e12;
constexpr int64_t kMaxTimePs = int64_t{1} << 58;
constexpr int64_t kMaxTotal = int64_t{1} << 61;  // picoseconds or bytes: sums over ops stay far from overflow

// Peak for products of a precision, per second: the first of its substitutes that the device has.
double product_peak(const cluster::Device& device, Precision precision) {
  static constexpr std::array<Precision, 4> kWider{Precision::float16, Precision::bfloat16, Precision::tf32,
                                                   Precision::float32};
  const auto peak = [&](Precision p) { return device.matrix_flops[static_cast<size_t>(p)]; };
  if (precision != Precision::float32 && peak(precision) > 0) return peak(precision);
  if (precision == Precision::float8 || precision == Precision::int8)
    for (const Precision wider : kWider)
      if (peak(wider) > 0) return peak(wider);
  for (const Precision wider : {Precision::tf32, Precision::float32, Precision::bfloat16, Precision::float16})
    if (peak(wider) > 0) return peak(wider);
  return device.vector_flops;
}

// A figure the cluster does not give makes its term infinite, and the op takes the largest time there is.
double ratio(double work, double rate) { return work > 0 ? work / rate : 0; }

// By (type, device): whether the type is denied.
std::vector<char> denied_types(const graph::OpGraph& graph, const cluster::Cluster& cluster) {
  std::vector<char> denied;
  for (const auto& type : graph.type_names)
    for (const auto& device : cluster.devices) denied.push_back(denies(device, type));
  return denied;
}

// Misses of a cache grow as a power of the working set until all of it comes from memory.
double coldness(const OpCost& cost, const cluster::Device& device) {
  constexpr double kTypicalBytes = 16 << 20, kAllFromMemoryBytes = 64 << 20;
  if (device.locality == 0 || cost.working_set_bytes == 0) return 1;
  const double bytes = std::min(kAllFromMemoryBytes, static_cast<double>(cost.working_set_bytes));
  return std::pow(bytes / kTypicalBytes, device.locality);
}

// What one run touches: all parameters, and activations of which the largest op's stand for those that live together.
int64_t working_set_bytes(const graph::OpGraph& graph, const std::vector<OpCost>& costs) {
  double bytes = 0, largest = 0;
  for (const int64_t param : graph.param_bytes) bytes += static_cast<double>(param);
  for (const OpCost& cost : costs)
    largest = std::max(largest, static_cast<double>(cost.bytes_read) + static_cast<double>(cost.bytes_written));
  return static_cast<int64_t>(std::min(bytes + largest, static_cast<double>(kMaxTotal)));
}

}  // namespace

int64_t roofline_ps(const OpCost& cost, const cluster::Device& device) {
  if (cost.host_only && device.kind != "cpu") return kCannotRun;
  const auto& efficiency = device.efficiency[static_cast<size_t>(cost.op_class)];
  const double cold = coldness(cost, device);
  const auto overhead = static_cast<double>(efficiency.overhead_ps < 0 ? device.overhead_ps : efficiency.overhead_ps);
  if (cost.op_class == cluster::OpClass::alias)
    return efficiency.overhead_ps < 0 ? 0 : static_cast<int64_t>(overhead * cold + 0.5);
  // mac / (peak * max * mac / (mac + half)): small products pay for an unfilled device.
  const double products = cost.mac_flops > 0 ? ratio(cost.mac_flops + efficiency.half_flops,
                                                     product_peak(device, cost.precision) * efficiency.max)
                                             : 0;
  const double reached = cost.mac_flops > 0 ? 1 : efficiency.max;
  const double arithmetic = products + ratio(cost.vector_ops, device.vector_flops * reached);
  const double traffic = ratio(static_cast<double>(cost.bytes_read) + static_cast<double>(cost.bytes_written),
                               device.bandwidth_bytes_per_s * efficiency.bandwidth);
  const double ps = cold * overhead * cost.launches + std::max(arithmetic, cold * traffic) * kPsPerSecond;
  return ps < static_cast<double>(kMaxTimePs) ? static_cast<int64_t>(ps + 0.5) : kMaxTimePs;
}

void require_sane_totals(const CostTable& table, const graph::OpGraph& graph) {
  int64_t time = 0, bytes = 0;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    int64_t slowest = 0;
    for (uint32_t device = 0; device < table.devices; ++device)
      if (table.time(op, device) != kCannotRun) slowest = std::max(slowest, table.time(op, device));
    if (slowest > kMaxTotal - time)
      throw base::Error(base::ErrorKind::malformed, fmt::format("node '{}'", base::printable(graph.op_names[op])),
                        "with the nodes before it, it is predicted to run for more than 26 days",
                        "check the sizes given with --dim and --input-shape, and the device's figures");
    time += slowest;
  }
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    if (table.tensor_bytes[tensor] > kMaxTotal - bytes)
      throw base::Error(base::ErrorKind::malformed,
                        fmt::format("tensor '{}'", base::printable(graph.tensor_names[tensor])),
                        "with the tensors before it, it holds more than 2 EiB", "check the sizes in --costs");
    bytes += table.tensor_bytes[tensor];
  }
}

bool denies(const cluster::Device& device, std::string_view type) {
  return std::any_of(device.deny.begin(), device.deny.end(), [&](std::string_view pattern) {
    if (pattern.empty() || pattern.back() != '*') return pattern == type;
    return type.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

uint64_t runs_on(const graph::PlanningModel& planning, ir::NodeId node, const cluster::Cluster& cluster) {
  const bool host_only = op_cost(planning, node).host_only;
  const auto type = graph::operator_type(*planning.values.nodes[node].node);
  uint64_t devices = 0;
  for (cluster::DeviceId device = 0; device < cluster.size(); ++device) {
    const auto& d = cluster.devices[device];
    if ((!host_only || d.kind == "cpu") && !denies(d, type)) devices |= uint64_t{1} << device;
  }
  return devices;
}

CostTable make_table(const graph::OpGraph& graph, std::vector<OpCost> costs, const cluster::Cluster& cluster) {
  ALLOT_ASSERT(costs.size() == graph.num_ops());
  const int64_t working_set = working_set_bytes(graph, costs);
  for (OpCost& cost : costs) cost.working_set_bytes = working_set;
  CostTable table;
  table.devices = cluster.size();
  const auto denied = denied_types(graph, cluster);
  table.time_ps.reserve(size_t{graph.num_ops()} * table.devices);
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    for (cluster::DeviceId device = 0; device < table.devices; ++device) {
      const bool no = denied[size_t{graph.type[op]} * table.devices + device];
      table.time_ps.push_back(no ? kCannotRun : roofline_ps(costs[op], cluster.devices[device]));
    }
    table.workspace_bytes.push_back(costs[op].workspace_bytes);
  }
  table.resident_bytes.assign(graph.num_ops(), 0);
  table.tensor_bytes = graph.tensor_bytes;
  table.measured.assign(graph.num_ops(), false);
  table.ops = std::move(costs);
  require_sane_totals(table, graph);
  return table;
}

CostTable table_from(const graph::OpGraph& graph, uint32_t devices, std::vector<int64_t> time_ps) {
  ALLOT_ASSERT(time_ps.size() == size_t{graph.num_ops()} * devices);
  CostTable table;
  table.devices = devices;
  table.time_ps = std::move(time_ps);
  table.workspace_bytes.assign(graph.num_ops(), 0);
  table.resident_bytes.assign(graph.num_ops(), 0);
  table.tensor_bytes = graph.tensor_bytes;
  table.measured.assign(graph.num_ops(), false);
  return table;
}

void require_runnable(const CostTable& table, const graph::OpGraph& graph, const cluster::Cluster& cluster) {
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
    bool runnable = false;
    for (cluster::DeviceId device = 0; device < table.devices; ++device)
      runnable |= table.time(op, device) != kCannotRun;
    if (runnable) continue;
    const bool host_only = op < table.ops.size() && table.ops[op].host_only;
    throw base::Error(
        base::ErrorKind::unavailable,
        fmt::format("node '{}' ({})", base::printable(graph.op_names[op]),
                    base::printable(graph.type_names[graph.type[op]])),
        fmt::format("no device of {} can run it", cluster.path.empty() ? "the default cluster" : cluster.path),
        host_only ? "add a device of kind cpu" : "remove its type from a device's deny list or from --costs");
  }
}

std::string hash(const CostTable& table) {
  base::Sha256 sha;
  sha.add_field(int64_t{kModelVersion});
  sha.add_field(int64_t{table.devices});
  for (const auto* numbers : {&table.time_ps, &table.workspace_bytes, &table.resident_bytes, &table.tensor_bytes}) {
    sha.add_field(static_cast<int64_t>(numbers->size()));
    sha.add(std::string_view(reinterpret_cast<const char*>(numbers->data()), numbers->size() * sizeof(int64_t)));
  }
  return sha.hex();
}

}  // namespace allot::cost
