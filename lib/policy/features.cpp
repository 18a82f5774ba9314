// SPDX-License-Identifier: Apache-2.0
#include "policy/features.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "place/ranks.h"

namespace allot::policy {
namespace {

constexpr size_t kOutputs = 6, kDims = 4, kNamed = 6;  // outputs described, dims of each, neighbours named a direction
static_assert(kShapeWidth == kOutputs * kDims && kNeighbourWidth == 2 * kNamed);

at::Tensor integers(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

/// Relative to the mean unit, as networks like it.
float log_ratio(double value, double scale) { return static_cast<float>(std::log1p(value / scale)); }

float size_feature(int64_t size, bool logarithm) {
  if (!logarithm) return static_cast<float>(size);
  const double magnitude = std::log2(1.0 + std::abs(static_cast<double>(size)));
  return static_cast<float>(size < 0 ? -magnitude : magnitude);
}

void describe_types(Instance& instance, const Vocabulary& vocabulary) {
  const auto& graph = instance.problem->graph();
  std::vector<int64_t> number_of, type, element;
  for (const auto& name : graph.type_names) number_of.push_back(vocabulary.number(name));
  instance.members = at::zeros({instance.elements(), 1});
  for (int64_t i = 0; i < instance.elements(); ++i) {
    const auto ops = graph.members[instance.order[i]];
    instance.members.data_ptr<float>()[i] = std::log2(static_cast<float>(ops.size()));
    for (const OpId op : ops) type.push_back(number_of[graph.type[op]]), element.push_back(i);
  }
  instance.type = integers(type);
  instance.type_element = integers(element);
}

bool leaves(const graph::OpGraph& graph, graph::TensorId tensor, UnitId unit) {
  const auto consumers = graph.consumers[tensor];
  return graph.is_output[tensor] ||
         std::any_of(consumers.begin(), consumers.end(), [&](OpId op) { return graph.unit_of[op] != unit; });
}

void describe_shapes(Instance& instance, bool logarithms, const std::vector<std::vector<int64_t>>& tensor_dims) {
  const auto& graph = instance.problem->graph();
  instance.shapes = at::full({instance.elements(), kShapeWidth}, -1.0f);
  float* row = instance.shapes.data_ptr<float>();
  for (const UnitId unit : instance.order) {
    size_t output = 0;
    for (const OpId op : graph.members[unit])
      for (const graph::TensorId tensor : graph.outputs[op]) {
        if (output == kOutputs || !leaves(graph, tensor, unit)) continue;
        std::vector<int64_t> dims;
        if (tensor < tensor_dims.size()) dims = tensor_dims[tensor];
        if (dims.empty()) dims = {instance.problem->costs().tensor_bytes[tensor]};
        for (size_t i = 0; i < std::min(kDims, dims.size()); ++i)
          row[output * kDims + i] = size_feature(dims[i], logarithms);
        ++output;
      }
    row += kShapeWidth;
  }
}

void describe_neighbours(Instance& instance, const NetworkSettings& settings) {
  const std::string& how = settings.neighbours;
  const int64_t n = instance.elements();
  if (how == "one-hot") {
    instance.neighbours = at::zeros({n, 2 * n});
    float* row = instance.neighbours.data_ptr<float>();
    for (uint32_t i = 0; i < n; ++i, row += 2 * n) {
      for (const uint32_t other : instance.before[i]) row[other] = 1;
      for (const uint32_t other : instance.after[i]) row[n + other] = 1;
    }
  } else if (how == "indices") {
    instance.neighbours = at::full({n, kNeighbourWidth}, -1.0f);
    float* row = instance.neighbours.data_ptr<float>();
    for (uint32_t i = 0; i < n; ++i, row += kNeighbourWidth) {
      auto before = instance.before[i];
      const auto after = instance.after[i];
      if (settings.defects.last_predecessor && !before.empty()) before = before.last(1);
      const float unit = settings.logarithms ? 1.0f / static_cast<float>(n) : 1.0f;
      for (size_t k = 0; k < std::min(kNamed, before.size()); ++k) row[k] = unit * static_cast<float>(before[k]);
      for (size_t k = 0; k < std::min(kNamed, after.size()); ++k) row[kNamed + k] = unit * static_cast<float>(after[k]);
    }
  }
}

void describe_edges(Instance& instance) {
  std::vector<int64_t> from, to;
  for (uint32_t element = 0; element < instance.order.size(); ++element)
    for (const uint32_t next : instance.after[element]) from.push_back(element), to.push_back(next);
  instance.edges = {integers(from), integers(to)};
}

void describe_mask(Instance& instance) {
  instance.mask = at::full({instance.elements(), instance.devices()}, -std::numeric_limits<float>::infinity());
  float* row = instance.mask.data_ptr<float>();
  for (const UnitId unit : instance.order) {
    for (const DeviceId device : instance.problem->choices(unit)) row[device] = 0;
    row += instance.devices();
  }
}

/// What costs are taken from, of all units.
struct Costs {
  explicit Costs(const place::Problem& of);
  double mean_ps(UnitId unit) const {
    double sum = 0;
    for (const DeviceId device : problem.choices(unit)) sum += static_cast<double>(problem.unit_time_ps(unit, device));
    return sum / static_cast<double>(problem.choices(unit).size());
  }
  const place::Problem& problem;
  place::MeanTransfer transfer;
  std::vector<double> rank, top;  // by op: longest path from its start to the end, and from the beginning to its start
  double longest = 1;
};

Costs::Costs(const place::Problem& of)
    : problem(of), transfer(of.cluster()), rank(place::upward_ranks(of)), top(rank.size()) {
  const auto& graph = of.graph();
  for (OpId op = 0; op < graph.num_ops(); ++op)
    for (const OpId before : graph.predecessors[op])
      top[op] = std::max(top[op], top[before] + place::mean_time_ps(of, before));
  for (const double length : rank) longest = std::max(longest, length);
}

/// Picoseconds that what the unit makes, and what it reads, takes to travel.
std::pair<double, double> traffic(const Costs& costs, UnitId unit) {
  const auto& graph = costs.problem.graph();
  double out = 0, in = 0;
  for (const OpId op : graph.members[unit]) {
    for (const graph::TensorId tensor : graph.outputs[op])
      if (leaves(graph, tensor, unit)) out += costs.transfer(costs.problem.costs().tensor_bytes[tensor]);
    for (const graph::TensorId tensor : graph.inputs[op])
      if (graph.producer[tensor] != graph::kNone && graph.unit_of[graph.producer[tensor]] != unit)
        in += costs.transfer(costs.problem.costs().tensor_bytes[tensor]);
  }
  return {out, in};
}

void describe_costs(Instance& instance, const Costs& costs) {
  const auto& problem = *instance.problem;
  const double scale = instance.scale_ps;
  instance.costs = at::zeros({instance.elements(), kCostWidth});
  float* row = instance.costs.data_ptr<float>();
  for (uint32_t element = 0; element < instance.order.size(); ++element, row += kCostWidth) {
    const UnitId unit = instance.order[element];
    int64_t least = cost::kCannotRun, most = 0;
    for (const DeviceId device : problem.choices(unit)) {
      least = std::min(least, problem.unit_time_ps(unit, device));
      most = std::max(most, problem.unit_time_ps(unit, device));
    }
    const auto [out, in] = traffic(costs, unit);
    const OpId first = problem.graph().members[unit].front();
    row[0] = log_ratio(costs.mean_ps(unit), scale);
    row[1] = log_ratio(static_cast<double>(least), scale);
    row[2] = log_ratio(static_cast<double>(most), scale);
    row[3] = log_ratio(out, scale);
    row[4] = log_ratio(in, scale);
    row[5] = static_cast<float>(costs.rank[first] / costs.longest);
    row[6] = static_cast<float>(costs.top[first] / costs.longest);
    row[7] = log_ratio(static_cast<double>(instance.before[element].size()), 1);
    row[8] = log_ratio(static_cast<double>(instance.after[element].size()), 1);
    row[9] = log_ratio(costs.rank[first], scale) / 8;  // of order 1 for graphs of thousands
  }
}

double memory_of(const place::Problem& problem, DeviceId device) {
  return std::max(1.0, static_cast<double>(problem.cluster().devices[device].usable_bytes()));
}

/// Of a unit, a device that may not run it gets the time of the slowest that may.
void describe_pairs(Instance& instance) {
  const auto& problem = *instance.problem;
  instance.pairs = at::zeros({instance.elements(), instance.devices(), kPairWidth});
  float* row = instance.pairs.data_ptr<float>();
  for (const UnitId unit : instance.order) {
    int64_t most = 0;
    for (const DeviceId device : problem.choices(unit)) most = std::max(most, problem.unit_time_ps(unit, device));
    const double bytes = instance.lasting_bytes[unit];
    for (DeviceId device = 0; device < problem.devices(); ++device, row += kPairWidth) {
      const bool allowed = problem.allowed(unit, device);
      row[0] = log_ratio(static_cast<double>(allowed ? problem.unit_time_ps(unit, device) : most), instance.scale_ps);
      row[1] = allowed;
      row[2] = log_ratio(bytes * static_cast<double>(instance.elements()), memory_of(problem, device));
    }
  }
}

/// Total time and number of the units that may use each device.
void describe_devices(Instance& instance, const Costs& costs) {
  const auto& problem = *instance.problem;
  double all_bytes = 0, mean_bytes = 0;
  for (const UnitId unit : instance.order) all_bytes += instance.lasting_bytes[unit];
  for (const int64_t bytes : problem.costs().tensor_bytes) mean_bytes += static_cast<double>(bytes);
  mean_bytes /= std::max<double>(1, static_cast<double>(problem.costs().tensor_bytes.size()));
  instance.device_features = at::zeros({instance.devices(), kDeviceWidth});
  float* row = instance.device_features.data_ptr<float>();
  for (DeviceId device = 0; device < problem.devices(); ++device, row += kDeviceWidth) {
    double time = 0, mean = 0, send = 0;
    for (const UnitId unit : instance.order)
      if (problem.allowed(unit, device))
        time += static_cast<double>(problem.unit_time_ps(unit, device)), mean += costs.mean_ps(unit);
    for (DeviceId other = 0; other < problem.devices(); ++other)
      if (other != device)
        send += static_cast<double>(problem.cluster().transfer_ps(device, other, static_cast<int64_t>(mean_bytes)));
    row[0] = mean > 0 ? static_cast<float>(std::log2(std::max(time, 1.0) / mean)) : 0;
    row[1] = log_ratio(all_bytes, memory_of(problem, device));
    row[2] = log_ratio(send / std::max(1u, problem.devices() - 1), instance.scale_ps);
    row[3] = problem.cluster().io_device == device;
    row[4] = std::log2(static_cast<float>(problem.devices()));
  }
}

}  // namespace

void describe(Instance& instance, const NetworkSettings& settings, const Vocabulary& vocabulary,
              const std::vector<std::vector<int64_t>>& tensor_dims) {
  describe_types(instance, vocabulary);
  describe_shapes(instance, settings.logarithms, tensor_dims);
  describe_neighbours(instance, settings);
  describe_edges(instance);
  describe_mask(instance);
  const Costs costs(*instance.problem);
  double sum = 0;
  for (const UnitId unit : instance.order) sum += costs.mean_ps(unit);
  instance.scale_ps = std::max(1.0, sum / std::max<double>(1, static_cast<double>(instance.elements())));
  if (settings.costs) describe_costs(instance, costs);
  if (settings.devices || settings.schedule) {
    describe_pairs(instance);
    describe_devices(instance, costs);
  }
}

}  // namespace allot::policy
