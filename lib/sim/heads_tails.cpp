// SPDX-License-Identifier: Apache-2.0
#include "sim/heads_tails.h"

#include <algorithm>
#include <limits>

namespace allot::sim {

using cluster::DeviceId;
using graph::kNone;
using graph::OpId;
using graph::TensorId;

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 4;
constexpr size_t kMostJoined = 8;  // neighbours for which splits are tried: the later ones matter least

/// Several links of a pipelined route may work at once, and ONNX Runtime goes through the host.
bool routes_tell_times(const cluster::Simulation& rules) {
  return rules.semantics == cluster::Semantics::dataflow && rules.forwarding != cluster::Forwarding::pipelined;
}

/// A neighbour of an op whose device is given, seen in the direction away from it.
struct Neighbour {
  int64_t beyond_ps;    // its own head (or tail) on that device
  int64_t duration_ps;  // there; kNever: it must be elsewhere
  int64_t remote_ps;    // until its tensors are there if it is elsewhere; kNever: it must not be
};

/// The earliest that an op can follow all neighbours. The remote ones are the nearest: all after some point of the
/// order by distance.
int64_t follow(std::vector<Neighbour>& neighbours, bool one_at_a_time) {
  std::sort(neighbours.begin(), neighbours.end(),
            [](const Neighbour& a, const Neighbour& b) { return a.remote_ps > b.remote_ps; });
  int64_t best = neighbours.empty() ? 0 : neighbours.front().remote_ps;
  std::vector<Neighbour> local;
  for (size_t i = 0; i < neighbours.size() && neighbours[i].duration_ps != kNever; ++i) {
    const auto later = [](const Neighbour& a, const Neighbour& b) { return a.beyond_ps < b.beyond_ps; };
    local.insert(std::upper_bound(local.begin(), local.end(), neighbours[i], later), neighbours[i]);
    int64_t done = 0;
    for (const Neighbour& each : local) {
      const int64_t end = each.beyond_ps + each.duration_ps;
      done = one_at_a_time ? std::max(done + each.duration_ps, end) : std::max(done, end);
    }
    // Past the limit the others may be anywhere, which only makes it earlier.
    const int64_t rest = i + 1 < std::min(neighbours.size(), kMostJoined) ? neighbours[i + 1].remote_ps : 0;
    best = std::min(best, std::max(done, rest));
    if (done >= best || i + 1 == kMostJoined) break;
  }
  return best;
}

/// The two smallest of a row of finite numbers, to leave one device out.
struct TwoLeast {
  int64_t least = kNever, second = kNever;
  DeviceId at = 0;
  void add(int64_t value, DeviceId device) {
    if (value < least)
      second = least, least = value, at = device;
    else
      second = std::min(second, value);
  }
  int64_t without(DeviceId device) const { return device == at ? second : least; }
};

class Passes {
 public:
  Passes(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
         std::span<const uint64_t> allowed, std::span<const int64_t> released_ps)
      : graph_(graph),
        costs_(costs),
        cluster_(cluster),
        allowed_(allowed),
        released_ps_(released_ps),
        transfer_(cluster) {
    result_.head_ps.assign(size_t{graph.num_ops()} * devices(), 0);
    result_.tail_ps.assign(size_t{graph.num_ops()} * devices(), 0);
    elsewhere_.resize(graph.num_ops());
    measure_edges();
  }

  HeadsTails run() {
    for (OpId op = 0; op < graph_.num_ops(); ++op) pass(op, true, result_.head_ps);
    for (OpId op = graph_.num_ops(); op-- > 0;) pass(op, false, result_.tail_ps);
    return std::move(result_);
  }

 private:
  DeviceId devices() const { return cluster_.size(); }
  bool may(OpId op, DeviceId device) const { return allowed_[graph_.unit_of[op]] >> device & 1; }

  /// Tensors of one producer follow one another among the inputs of an op.
  void measure_edges() {
    largest_bytes_.assign(graph_.successors.items.size(), 0);
    std::vector<uint32_t> next(graph_.successors.begin.begin(), graph_.successors.begin.end() - 1);
    for (OpId op = 0; op < graph_.num_ops(); ++op) {
      OpId last = kNone;
      for (const TensorId tensor : graph_.inputs[op]) {
        const OpId producer = graph_.producer[tensor];
        if (producer == kNone) continue;
        next[producer] += producer != last;
        last = producer;
        int64_t& largest = largest_bytes_[next[producer] - 1];
        largest = std::max(largest, costs_.tensor_bytes[tensor]);
      }
    }
  }

  void pass(OpId op, bool forward, std::vector<int64_t>& reach_ps) {
    elsewhere_[op] = {};
    for (DeviceId device = 0; device < devices(); ++device) {
      if (!may(op, device)) continue;
      neighbours_.clear();
      const int64_t io_ps = forward ? collect_producers(op, device) : collect_consumers(op, device);
      const int64_t reach = std::max(io_ps, follow(neighbours_, cluster_.devices[device].streams == 1));
      reach_ps[op * size_t{devices()} + device] = reach;
      elsewhere_[op].add(reach + costs_.time(op, device), device);
    }
  }

  /// Fills neighbours_; returns when the op is released and the graph inputs that it reads are there.
  int64_t collect_producers(OpId op, DeviceId device) {
    int64_t inputs_ps = released_ps_.empty() ? 0 : released_ps_[op];
    OpId last = kNone;
    for (const TensorId tensor : graph_.inputs[op]) {
      const OpId producer = graph_.producer[tensor];
      const int64_t bytes = costs_.tensor_bytes[tensor];
      if (producer == kNone) {
        const DeviceId io = cluster_.io_device.value_or(device);
        if (io != device) inputs_ps = std::max(inputs_ps, transfer_.between(io, device, bytes));
        continue;
      }
      add(producer, op, device, transfer_.into(device, bytes), result_.head_ps, producer == last);
      last = producer;
    }
    return inputs_ps;
  }

  /// Fills neighbours_; returns when the graph outputs among the tensors of `op` are where they belong.
  int64_t collect_consumers(OpId op, DeviceId device) {
    int64_t outputs_ps = 0;
    for (const TensorId tensor : graph_.outputs[op]) {
      const int64_t bytes = costs_.tensor_bytes[tensor];
      const DeviceId io = cluster_.io_device.value_or(device);
      if (graph_.is_output[tensor] && io != device)
        outputs_ps = std::max(outputs_ps, transfer_.between(device, io, bytes));
    }
    for (uint32_t edge = graph_.successors.begin[op]; edge < graph_.successors.begin[op + 1]; ++edge)
      add(graph_.successors.items[edge], op, device, transfer_.out_of(device, largest_bytes_[edge]), result_.tail_ps,
          false);
    return outputs_ps;
  }

  /// `again`: another tensor of the neighbour added last.
  void add(OpId other, OpId op, DeviceId device, int64_t transfer_ps, const std::vector<int64_t>& reach_ps,
           bool again) {
    const bool together = graph_.unit_of[other] == graph_.unit_of[op];
    const int64_t elsewhere = elsewhere_[other].without(device);
    const int64_t remote_ps = together || elsewhere == kNever ? kNever : elsewhere + transfer_ps;
    if (again) {
      neighbours_.back().remote_ps = std::max(neighbours_.back().remote_ps, remote_ps);
      return;
    }
    const bool local = may(other, device);
    neighbours_.push_back({local ? reach_ps[other * size_t{devices()} + device] : 0,
                           local ? costs_.time(other, device) : kNever, remote_ps});
  }

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  std::span<const uint64_t> allowed_;
  std::span<const int64_t> released_ps_;
  LeastTransfer transfer_;
  HeadsTails result_;
  std::vector<int64_t> largest_bytes_;  // beside graph.successors.items: of the tensors that the successor reads
  std::vector<TwoLeast> elsewhere_;     // op -> head (or tail) and duration on the best devices
  std::vector<Neighbour> neighbours_;
};

}  // namespace

LeastTransfer::LeastTransfer(const cluster::Cluster& cluster)
    : cluster_(cluster), counts_(routes_tell_times(cluster.simulation)), in_(cluster.size()), out_(cluster.size()) {
  for (DeviceId from = 0; from < cluster.size(); ++from) {
    for (DeviceId to = 0; to < cluster.size(); ++to) {
      const cluster::Route& route = cluster.route(from, to);
      if (from == to || !route.reachable) continue;
      const double ps_per_byte = counts_ && !route.channels.empty() ? 1e12 / route.bandwidth_bytes_per_s : 0;
      for (Line* line : {&in_[to], &out_[from]}) {
        line->latency_ps = std::min(line->latency_ps, counts_ ? route.latency_ps : 0);
        line->ps_per_byte = std::min(line->ps_per_byte, ps_per_byte);
      }
    }
  }
}

/// A little less than exact, so that no rounding makes it more.
int64_t LeastTransfer::Line::operator()(int64_t bytes) const {
  const double moving_ps = std::min(1e18, static_cast<double>(bytes) * ps_per_byte * (1 - 1e-9));
  return std::min(cluster::kNever, latency_ps + static_cast<int64_t>(moving_ps));
}

HeadsTails heads_tails(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                       std::span<const uint64_t> allowed, std::span<const int64_t> released_ps) {
  return Passes(graph, costs, cluster, allowed, released_ps).run();
}

}  // namespace allot::sim
