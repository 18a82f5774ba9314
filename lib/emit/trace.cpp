// SPDX-License-Identifier: Apache-2.0
#include "emit/trace.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "config/units.h"
#include "emit/trace_layout.h"
#include "report/chart.h"

namespace allot::emit {
namespace {

using base::json_quote;
using cluster::DeviceId;

constexpr size_t kMostMemoryPoints = 50'000;  // of all devices
constexpr size_t kMostNameBytes = 200;

/// Microseconds with at most three decimals, as the format wants them.
std::string us(int64_t nanoseconds) {
  std::string text = fmt::format("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string quoted(std::string_view name) {
  return name.size() > kMostNameBytes ? json_quote(base::printable(name, kMostNameBytes)) : json_quote(name);
}

/// At most about `limit` points, the extremes among them.
std::vector<sim::MemoryPoint> thinned(const std::vector<sim::MemoryPoint>& curve, size_t limit) {
  std::vector<std::pair<double, double>> points;
  for (const auto& [time_ps, bytes] : curve) points.emplace_back(time_ps, bytes);
  std::vector<sim::MemoryPoint> result;
  for (const auto& [time_ps, bytes] : report::thin(points, limit))
    result.push_back({static_cast<int64_t>(time_ps), static_cast<int64_t>(bytes)});
  return result;
}

class Trace {
 public:
  Trace(const place::Problem& problem, const std::vector<DeviceId>& placement, const sim::Outcome& outcome,
        const TraceOptions& options)
      : problem_(problem),
        placement_(placement),
        outcome_(outcome),
        options_(options),
        layout_(lay_out(tracks(problem.cluster(), placement, outcome), placement.size(), outcome.transfers.size(),
                        options.max_slices)),
        transfers_(transfers_of_tensor(problem.graph(), outcome)),
        critical_(placement.size()) {
    for (const sim::CriticalStep& step : outcome.critical)
      if (step.op != graph::kNone) critical_[step.op] = true;
  }

  std::string str() {
    detailed_ = count_slices() <= options_.max_detailed;
    text_ = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"producer\":\"allot.trace\"},\"traceEvents\":[\n";
    name_processes();
    for (uint32_t op = 0; op < placement_.size(); ++op) add_op(op);
    for (uint32_t id = 0; id < outcome_.transfers.size(); ++id) add_transfer(id);
    for (const Bundle& bundle : layout_.bundles) add_bundle(bundle);
    for (uint32_t id = 0; id < outcome_.transfers.size(); ++id) add_flow(id);
    for (DeviceId device = 0; device < problem_.devices(); ++device) add_memory(device);
    for (const sim::OutOfMemory& event : outcome_.out_of_memory) add_out_of_memory(event);
    text_ += "\n]}\n";
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void event(fmt::format_string<Args...> format, Args&&... args) {
    if (text_.back() == '}') text_ += ",\n";
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  size_t count_slices() const {
    size_t slices = layout_.bundles.size();
    for (const TracePlace& place : layout_.ops) slices += place.process != 0;
    for (const auto& places : layout_.transfers) slices += places.size();
    return slices;
  }

  void name_processes() {
    for (const auto& [process, name] : {std::pair{kDevicesProcess, "devices"}, {kLinksProcess, "links"}})
      event("{{\"ph\":\"M\",\"pid\":{},\"name\":\"process_name\",\"args\":{{\"name\":\"{}\"}}}}", process, name);
    for (const auto& [process, thread, name] : layout_.threads) {
      event("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}}}", process, thread,
            json_quote(name));
      event("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{}}}}}",
            process, thread, thread);
    }
  }

  /// `arguments`: the members of a JSON object; "" for none.
  void slice(const TracePlace& place, std::string_view name, std::string_view category,
             const std::string& arguments) {
    event("{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},\"name\":{},\"cat\":{}{}}}", place.process,
          place.thread, us(place.start_ns), us(place.end_ns - place.start_ns), quoted(name), quoted(category),
          arguments.empty() ? "" : ",\"args\":{" + arguments + "}");
  }

  void add_op(uint32_t op) {
    if (layout_.ops[op].process == 0) return;
    const graph::OpGraph& graph = problem_.graph();
    slice(layout_.ops[op], graph.op_names[op], graph.type_names[graph.type[op]], detailed_ ? op_arguments(op) : "");
  }

  std::string op_arguments(uint32_t op) const {
    const int64_t ready_ns = whole_ns(ready_ps(op));
    std::string text = fmt::format("\"op\":{}", op);
    const auto add = [&](const char* key, const std::string& value) { text += fmt::format(",\"{}\":{}", key, value); };
    if (const auto types = types_of(problem_.graph().inputs[op]); !types.empty()) add("inputs", json_quote(types));
    if (const auto types = types_of(problem_.graph().outputs[op]); !types.empty()) add("outputs", json_quote(types));
    if (const auto& costs = problem_.costs().ops; op < costs.size()) {
      add("flops", fmt::format("{:.0f}", costs[op].mac_flops + costs[op].vector_ops));
      add("bytes_read", std::to_string(costs[op].bytes_read));
      add("bytes_written", std::to_string(costs[op].bytes_written));
    }
    add("ready_us", us(ready_ns));
    add("wait_us", us(whole_ns(outcome_.start_ps[op]) - ready_ns));
    if (critical_[op]) add("critical", "true");
    return text;
  }

  /// "float32[1,64,56,56] float32[64]"; the first eight.
  std::string types_of(std::span<const uint32_t> tensors) const {
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(tensors.size(), 8); ++i)
      if (tensors[i] < options_.tensor_types.size() && !options_.tensor_types[tensors[i]].empty())
        text += (text.empty() ? "" : " ") + options_.tensor_types[tensors[i]];
    return text;
  }

  /// When the last tensor that `op` reads was on its device.
  int64_t ready_ps(uint32_t op) const {
    int64_t ready = 0;
    for (const uint32_t tensor : problem_.graph().inputs[op]) {
      const uint32_t producer = problem_.graph().producer[tensor];
      if (producer != graph::kNone && placement_[producer] == placement_[op]) {
        ready = std::max(ready, outcome_.end_ps[producer]);
        continue;
      }
      for (const uint32_t id : transfers_[tensor])
        if (outcome_.transfers[id].to == placement_[op]) ready = std::max(ready, outcome_.transfers[id].end_ps);
    }
    return ready;
  }

  void add_transfer(uint32_t id) {
    if (layout_.transfers[id].empty()) return;
    const sim::Transfer& transfer = outcome_.transfers[id];
    const auto& devices = problem_.cluster().devices;
    std::string arguments;
    if (detailed_) {
      arguments = fmt::format("\"bytes\":{},\"from\":{},\"to\":{}", problem_.costs().tensor_bytes[transfer.tensor],
                              json_quote(devices[transfer.from].name), json_quote(devices[transfer.to].name));
      if (const auto type = types_of(std::array{transfer.tensor}); !type.empty())
        arguments += ",\"type\":" + json_quote(type);
    }
    for (const TracePlace& place : layout_.transfers[id])
      slice(place, problem_.graph().tensor_names[transfer.tensor], transfer.io ? "io" : "transfer", arguments);
  }

  void add_bundle(const Bundle& bundle) {
    const bool ops = bundle.place.process == kDevicesProcess;
    slice(bundle.place, fmt::format("{} {}", bundle.slices, ops ? "ops" : "transfers"), "bundle",
          fmt::format("\"slices\":{},\"busy_us\":{}", bundle.slices, us(bundle.busy_ns)));
  }

  /// An arrow from the producer over the wires to the first consumer, as far as these are drawn.
  void add_flow(uint32_t id) {
    const sim::Transfer& transfer = outcome_.transfers[id];
    if (layout_.transfers[id].empty()) return;
    std::vector<TracePlace> stops;
    if (const uint32_t producer = problem_.graph().producer[transfer.tensor];
        producer != graph::kNone && layout_.ops[producer].process != 0) {
      TracePlace from = layout_.ops[producer];
      from.start_ns = std::max(from.start_ns, from.end_ns - 1);  // leaves at the op's end, yet inside its slice
      stops.push_back(from);
    }
    stops.insert(stops.end(), layout_.transfers[id].begin(), layout_.transfers[id].end());
    const TracePlace* consumer = nullptr;
    for (const uint32_t op : problem_.graph().consumers[transfer.tensor])
      if (placement_[op] == transfer.to && layout_.ops[op].process != 0 &&
          (!consumer || layout_.ops[op].start_ns < consumer->start_ns))
        consumer = &layout_.ops[op];
    if (consumer) stops.push_back(*consumer);
    for (size_t i = 0; stops.size() >= 2 && i < stops.size(); ++i) {
      const char* phase = i == 0 ? "s" : i + 1 == stops.size() ? "f\",\"bp\":\"e" : "t";
      event("{{\"ph\":\"{}\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{},\"name\":\"data\",\"cat\":\"flow\"}}", phase,
            id + 1, stops[i].process, stops[i].thread, us(stops[i].start_ns));
    }
  }

  void add_memory(DeviceId device) {
    const std::string name = json_quote("memory of " + problem_.cluster().devices[device].name);
    const int64_t params = outcome_.param_bytes[device];
    for (const sim::MemoryPoint& point : thinned(outcome_.memory[device], kMostMemoryPoints / problem_.devices()))
      event("{{\"ph\":\"C\",\"pid\":{},\"ts\":{},\"name\":{},\"args\":{{\"params\":{},\"live\":{}}}}}", kDevicesProcess,
            us(whole_ns(point.time_ps)), name, params, point.bytes - params);
  }

  void add_out_of_memory(const sim::OutOfMemory& moment) {
    const std::string name =
        fmt::format("out of memory by {}", config::human_bytes(static_cast<double>(moment.over_bytes)));
    event("{{\"ph\":\"i\",\"s\":\"t\",\"pid\":{},\"tid\":{},\"ts\":{},\"name\":{}}}", kDevicesProcess,
          moment.device * layout_.threads_per_track, us(whole_ns(moment.time_ps)), json_quote(name));
  }

  const place::Problem& problem_;
  const std::vector<DeviceId>& placement_;
  const sim::Outcome& outcome_;
  const TraceOptions& options_;
  const TraceLayout layout_;
  const base::Csr<uint32_t> transfers_;
  std::vector<bool> critical_;  // by op
  bool detailed_ = true;
  std::string text_;
};

}  // namespace

std::string perfetto_trace(const place::Problem& problem, const std::vector<DeviceId>& placement,
                           const sim::Outcome& outcome, const TraceOptions& options) {
  return Trace(problem, placement, outcome, options).str();
}

}  // namespace allot::emit
