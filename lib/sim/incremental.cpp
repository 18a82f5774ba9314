// SPDX-License-Identifier: Apache-2.0
#include "sim/incremental.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "sim/prospect.h"
#include "sim/simulator_state.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

namespace {

constexpr size_t kMostCheckpoints = 32, kFewestCheckpoints = 4;
constexpr size_t kMostCheckpointBytes = size_t{256} << 20;
constexpr size_t kCourseBytes = 64;  // about, for each op and tensor

size_t checkpoints_for(const graph::OpGraph& graph) {
  const size_t bytes = kCourseBytes * (size_t{graph.num_ops()} + graph.num_tensors()) + 1;
  return std::clamp(kMostCheckpointBytes / bytes, kFewestCheckpoints, kMostCheckpoints);
}

/// Whether the rules are such that an op's device matters to nothing before its inputs are made, and that the bounds of
/// Prospect hold. They are not where priorities follow from the placement, where a device waits for an op whose turn it
/// is, or where several ops or legs of a transfer run side by side.
bool can_restart(const cluster::Cluster& cluster) {
  const cluster::Simulation& rules = cluster.simulation;
  return rules.semantics == cluster::Semantics::dataflow && rules.queue == cluster::Queue::fifo &&
         rules.contention != cluster::Contention::share && rules.forwarding != cluster::Forwarding::pipelined &&
         std::all_of(cluster.devices.begin(), cluster.devices.end(),
                     [](const cluster::Device& device) { return device.streams == 1; });
}

/// Bytes on each device that the placement alone decides: parameters, once a device, and resident bytes.
class LastingBytes {
 public:
  LastingBytes(const graph::OpGraph& graph, const cost::CostTable& costs, const Ledger& ledger)
      : graph_(graph), costs_(costs), ledger_(ledger), users_(size_t{graph.num_params()} * costs.devices) {}

  void clear() { std::fill(users_.begin(), users_.end(), 0); }
  void add(OpId op, DeviceId device) {
    visit(op, device, 1, [](DeviceId, int64_t) {});
  }
  /// Moves an op; `changed(device, bytes)` for what each device has more, or less.
  template <typename Changed>
  void move(OpId op, DeviceId from, DeviceId to, const Changed& changed) {
    visit(op, from, -1, changed);
    visit(op, to, 1, changed);
  }

 private:
  template <typename Changed>
  void visit(OpId op, DeviceId device, int sign, const Changed& changed) {
    int64_t bytes = ledger_.block(costs_.resident_bytes[op], device);
    for (const ParamId param : graph_.params[op]) {
      uint32_t& users = users_[param * size_t{costs_.devices} + device];
      if (sign < 0 ? --users == 0 : users++ == 0) bytes += ledger_.block(graph_.param_bytes[param], device);
    }
    changed(device, sign * bytes);
  }

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const Ledger& ledger_;
  std::vector<uint32_t> users_;  // [param * devices + device]
};

}  // namespace

struct Incremental::State {
  struct Checkpoint {
    Course course;
    std::vector<int64_t> started_ps;
  };

  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster, bool memory);

  Result reset(std::span<const DeviceId> placement);
  Result try_moves(std::span<const Move> moves, int64_t cutoff_ps);
  void accept();

  Result whole_run();
  void apply(std::span<const Move> moves);
  void put(OpId op, DeviceId from, DeviceId to);
  void take_back();
  int64_t first_effect_ps(OpId op) const;
  void begin(const std::vector<DeviceId>& placement);
  void restart_before(int64_t time_ps);
  void save_checkpoint();
  void diverge();
  Result finish();

  Simulator::State engine;
  const Options options;
  std::unique_ptr<Simulator> whole;  // set where runs cannot be restarted
  const int64_t num_checkpoints;
  const std::vector<int64_t> fastest_tails_ps;
  PlacedTails base_tails;
  OpId stale_tails = 0;  // base_tails are out of date for ops before this one
  LastingBytes lasting;
  Prospect prospect;

  std::vector<DeviceId> base;
  std::vector<int64_t> end_ps;  // by op, of the base
  Result base_result;
  std::vector<Checkpoint> checkpoints;  // of the base, in order of time; behind the valid ones there are spare ones
  size_t valid = 0;

  // -- of the last try
  std::vector<DeviceId> tried;  // the base with the changes
  std::vector<Change> changes;
  std::vector<int64_t> more_bytes;  // by device, lasting ones against the base
  int64_t first_ps = 0;             // nothing differs from the base before this time
  Result tried_result;
};

Incremental::State::State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                          bool memory)
    : engine(graph, costs, cluster),
      options{.memory = memory, .timeline = false},
      whole(can_restart(cluster) ? nullptr : std::make_unique<Simulator>(graph, costs, cluster)),
      num_checkpoints(static_cast<int64_t>(checkpoints_for(graph))),
      fastest_tails_ps(fastest_tails(graph, costs)),
      base_tails(graph, costs, cluster),
      lasting(graph, costs, engine.ledger),
      end_ps(graph.num_ops()),
      more_bytes(cluster.size()) {
  prospect.work_ps.resize(cluster.size());
  prospect.started_ps.resize(cluster.size());
  prospect.differs.resize(graph.num_ops());
  prospect.sure_tails_ps = fastest_tails_ps.data();
  prospect.near_tails_ps = base_tails.ps().data();
  engine.prospect = &prospect;
}

Incremental::Result Incremental::State::reset(std::span<const DeviceId> placement) {
  take_back();
  base.clear();  // should this end in an error
  prospect.cutoff_ps = kNoCutoff;
  valid = 0;
  tried.assign(placement.begin(), placement.end());
  if (whole) {
    base_result = tried_result = whole_run();
    base = tried;
    return base_result;
  }
  begin(tried);
  save_checkpoint();
  engine.advance(Timers::kNever);
  lasting.clear();
  std::fill(prospect.work_ps.begin(), prospect.work_ps.end(), 0);
  for (OpId op = 0; op < tried.size(); ++op) {
    lasting.add(op, tried[op]);
    prospect.work_ps[tried[op]] += engine.duration_ps[op];
    end_ps[op] = engine.start_ps[op] + engine.duration_ps[op];
  }
  stale_tails = static_cast<OpId>(tried.size());
  base = tried;
  tried_result = base_result = finish();
  return base_result;
}

Incremental::Result Incremental::State::try_moves(std::span<const Move> moves, int64_t cutoff_ps) {
  take_back();
  tried_result.exact = false;  // should this end in an error
  prospect.cutoff_ps = cutoff_ps;
  if (!whole && cutoff_ps != kNoCutoff && stale_tails > 0) base_tails.update(base, std::exchange(stale_tails, 0));
  apply(moves);
  if (changes.empty()) {
    tried_result = base_result;
    tried_result.exact = base_result.makespan_ps <= cutoff_ps;
    return tried_result;
  }
  if (whole) return tried_result = whole_run();
  first_ps = kNoCutoff;
  for (const Change& change : changes) first_ps = std::min(first_ps, first_effect_ps(change.op));
  if (first_ps == 0) {
    begin(tried);
  } else {
    restart_before(first_ps);
    diverge();
  }
  if (!prospect.hopeless()) engine.advance(Timers::kNever);
  return tried_result = finish();
}

Incremental::Result Incremental::State::whole_run() {
  const Outcome& outcome = whole->run(tried, options);
  return {outcome.makespan_ps, outcome.overflow_bytes, outcome.makespan_ps <= prospect.cutoff_ps};
}

void Incremental::State::apply(std::span<const Move> moves) {
  for (const Move& move : moves) {
    ALLOT_ASSERT(move.op < base.size() && move.device < engine.devices);
    ALLOT_ASSERT(engine.costs.time(move.op, move.device) != cost::kCannotRun);
  }
  apply_moves(moves, engine.devices, tried, changes);
  for (const Change& change : changes) {
    put(change.op, change.from, change.to);
    prospect.differs[change.op] = 1;
  }
}

/// All that follows from an op's device, but for the run.
void Incremental::State::put(OpId op, DeviceId from, DeviceId to) {
  if (whole) return;
  prospect.work_ps[from] -= engine.costs.time(op, from);
  prospect.work_ps[to] += engine.costs.time(op, to);
  engine.duration_ps[op] = engine.costs.time(op, to);
  if (options.memory) lasting.move(op, from, to, [&](DeviceId device, int64_t bytes) { more_bytes[device] += bytes; });
}

void Incremental::State::take_back() {
  for (const Change& change : changes) {
    put(change.op, change.to, change.from);
    tried[change.op] = change.from;
    prospect.differs[change.op] = 0;
  }
  changes.clear();
}

/// When the device of `op` first matters: when a tensor that it reads is made, which is then sent to all readers.
int64_t Incremental::State::first_effect_ps(OpId op) const {
  if (engine.waits[op] == 0) return 0;
  int64_t first = kNoCutoff;
  for (const TensorId tensor : engine.graph.inputs[op]) {
    const OpId producer = engine.graph.producer[tensor];
    if (producer != kNone) {
      first = std::min(first, end_ps[producer]);
    } else if (options.memory || engine.cluster.io_device) {
      return 0;
    }
  }
  return first;
}

void Incremental::State::begin(const std::vector<DeviceId>& placement) {
  std::fill(prospect.started_ps.begin(), prospect.started_ps.end(), 0);
  prospect.still_differ = static_cast<uint32_t>(changes.size());
  prospect.bound_ps = 0;
  engine.begin(placement, options);
}

/// Goes to just before an instant at which the run is still that of the base. Leaves checkpoints where there are none.
void Incremental::State::restart_before(int64_t time_ps) {
  if (valid == 0) {
    begin(base);
    save_checkpoint();
  }
  const auto last_valid = checkpoints.begin() + static_cast<std::ptrdiff_t>(valid);
  const auto after = std::partition_point(
      checkpoints.begin(), last_valid, [&](const Checkpoint& checkpoint) { return checkpoint.course.now < time_ps; });
  const Checkpoint& before = *std::prev(after);
  static_cast<Course&>(engine) = before.course;
  prospect.started_ps = before.started_ps;
  prospect.still_differ = static_cast<uint32_t>(changes.size());
  prospect.bound_ps = 0;
  const int64_t spacing_ps = base_result.makespan_ps / num_checkpoints + 1;
  if (after == last_valid) {
    for (int64_t until = engine.now + spacing_ps; until < time_ps && !prospect.hopeless(); until += spacing_ps) {
      engine.advance(until);
      if (!prospect.hopeless()) save_checkpoint();
    }
  }
  if (!prospect.hopeless()) engine.advance(time_ps);
}

void Incremental::State::save_checkpoint() {
  if (valid == checkpoints.size()) {
    checkpoints.push_back({engine, prospect.started_ps});
  } else {
    checkpoints[valid].course = engine;
    checkpoints[valid].started_ps = prospect.started_ps;
  }
  ++valid;
}

/// From the course of the base to that of the changed placement.
void Incremental::State::diverge() {
  for (const Change& change : changes) {
    engine.ops[change.op].device = change.to;
    engine.duration_ps[change.op] = engine.costs.time(change.op, change.to);
  }
  for (DeviceId device = 0; device < engine.devices; ++device) engine.ledger.shift(device, more_bytes[device]);
}

Incremental::Result Incremental::State::finish() {
  const int64_t overflow_bytes = options.memory ? engine.ledger.overflow_bytes() : 0;
  if (prospect.hopeless()) return {prospect.bound_ps, overflow_bytes, false};
  const int64_t makespan_ps = engine.outcome.makespan_ps;
  return {makespan_ps, overflow_bytes, makespan_ps <= prospect.cutoff_ps};
}

void Incremental::State::accept() {
  ALLOT_ASSERT(tried_result.exact);
  if (changes.empty()) return;
  while (valid > 0 && checkpoints[valid - 1].course.now >= first_ps) --valid;
  for (size_t i = 0; i < valid; ++i) {
    Course& course = checkpoints[i].course;
    for (const Change& change : changes) course.ops[change.op].device = change.to;
    for (DeviceId device = 0; device < engine.devices; ++device) course.ledger.shift(device, more_bytes[device]);
  }
  for (const Change& change : changes) {
    base[change.op] = change.to;
    prospect.differs[change.op] = 0;
  }
  for (OpId op = 0; op < end_ps.size(); ++op) end_ps[op] = engine.start_ps[op] + engine.duration_ps[op];
  stale_tails = std::max(stale_tails, changes.back().op + 1);
  std::fill(more_bytes.begin(), more_bytes.end(), 0);
  changes.clear();
  base_result = tried_result;
}

Incremental::Incremental(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                         bool memory)
    : state_(std::make_unique<State>(graph, costs, cluster, memory)) {}
Incremental::~Incremental() = default;
Incremental::Incremental(Incremental&&) noexcept = default;

Incremental::Result Incremental::reset(std::span<const DeviceId> placement) { return state_->reset(placement); }

Incremental::Result Incremental::try_moves(std::span<const Move> moves, int64_t cutoff_ps) {
  return state_->try_moves(moves, cutoff_ps);
}

void Incremental::accept() { state_->accept(); }

std::span<const DeviceId> Incremental::placement() const { return state_->base; }

Incremental::Result Incremental::base() const { return state_->base_result; }

}  // namespace allot::sim
