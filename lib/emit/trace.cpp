// SPDX-License-Identifier: Apache-2.0
#include "emit/trace.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/json.h"
#include "config/units.h"
#include "emit/tracks.h"

namespace allot::emit {
namespace {

using base::json_quote;
using cluster::DeviceId;

constexpr int kDevices = 1, kLinks = 2;    // process ids
constexpr uint32_t kThreadsPerTrack = 16;  // at least; more where more transfers overlap

/// Whole nanoseconds. Rounding down is monotone, so what does not overlap in picoseconds does not overlap here.
int64_t ns(int64_t ps) { return ps / 1000; }
/// Microseconds with three decimals, as the format wants them.
std::string us(int64_t nanoseconds) { return fmt::format("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000); }

/// Where an event is drawn: process, thread, time.
struct Place {
  int pid;
  uint32_t tid;
  int64_t start_ns, end_ns;
};

class Trace {
 public:
  Trace(const place::Problem& problem, const std::vector<DeviceId>& placement, const sim::Outcome& outcome)
      : problem_(problem),
        placement_(placement),
        outcome_(outcome),
        tracks_(tracks(problem.cluster(), placement, outcome)),
        transfers_(transfers_of_tensor(problem.graph(), outcome)) {}

  std::string str(size_t max_events_with_details) {
    lay_out();
    with_details_ = count_events() <= max_events_with_details;
    text_ = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"producer\":\"allot.trace\"},\"traceEvents\":[\n";
    name_processes();
    for (uint32_t op = 0; op < placement_.size(); ++op) add_op(op);
    for (uint32_t id = 0; id < outcome_.transfers.size(); ++id) add_transfer(id);
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

  /// Gives every slice its thread and names the threads.
  void lay_out() {
    op_places_.resize(placement_.size());
    transfer_places_.resize(outcome_.transfers.size());
    uint32_t stride = kThreadsPerTrack;
    std::vector<std::vector<uint32_t>> rows_of_track;
    for (const Track& track : tracks_) {
      rows_of_track.push_back(rows(track.slices));
      for (const uint32_t row : rows_of_track.back()) stride = std::max(stride, row + 1);
    }
    uint32_t wires = 0;
    for (size_t i = 0; i < tracks_.size(); ++i) {
      const uint32_t first = (tracks_[i].is_device ? *tracks_[i].device : wires++) * stride;
      place_slices(tracks_[i], rows_of_track[i], first);
    }
  }

  /// An op is a slice; a transfer a slice and a stop of its arrow on each wire, and two more stops.
  size_t count_events() const {
    size_t events = placement_.size() + 2 * outcome_.transfers.size();
    for (const auto& places : transfer_places_) events += 2 * places.size();
    for (const auto& curve : outcome_.memory) events += curve.size();
    return events;
  }

  void place_slices(const Track& track, const std::vector<uint32_t>& rows_of_slices, uint32_t first_tid) {
    const int pid = track.is_device ? kDevices : kLinks;
    uint32_t threads = track.is_device ? 1 : 0;
    for (size_t i = 0; i < track.slices.size(); ++i) {
      const Slice& slice = track.slices[i];
      const Place place{pid, first_tid + rows_of_slices[i], ns(slice.start_ps), ns(slice.end_ps)};
      threads = std::max(threads, rows_of_slices[i] + 1);
      if (track.is_device) {
        op_places_[slice.id] = place;
      } else {
        transfer_places_[slice.id].push_back(place);
      }
    }
    for (uint32_t row = 0; row < threads; ++row)
      threads_.push_back({pid, first_tid + row, row == 0 ? track.name : fmt::format("{} ({})", track.name, row + 1)});
  }

  void name_processes() {
    event("{{\"ph\":\"M\",\"pid\":{},\"name\":\"process_name\",\"args\":{{\"name\":\"devices\"}}}}", kDevices);
    event("{{\"ph\":\"M\",\"pid\":{},\"name\":\"process_name\",\"args\":{{\"name\":\"links\"}}}}", kLinks);
    for (const auto& [pid, tid, name] : threads_) {
      event("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}}}", pid, tid,
            json_quote(name));
      event("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{}}}}}", pid,
            tid, tid);
    }
  }

  void slice(const Place& place, const std::string& name, const std::string& category, const std::string& arguments) {
    event("{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},\"name\":{},\"cat\":{}{}}}", place.pid, place.tid,
          us(place.start_ns), us(place.end_ns - place.start_ns), json_quote(name), json_quote(category),
          with_details_ ? ",\"args\":{" + arguments + "}" : "");
  }

  void add_op(uint32_t op) {
    const graph::OpGraph& graph = problem_.graph();
    const int64_t ready = ready_ps(op);
    std::string arguments = fmt::format("\"op\":{},\"ready_us\":{},\"wait_us\":{}", op, us(ns(ready)),
                                        us(ns(outcome_.start_ps[op]) - ns(ready)));
    if (const auto& costs = problem_.costs().ops; op < costs.size())
      fmt::format_to(std::back_inserter(arguments), ",\"flops\":{:.0f},\"bytes_read\":{},\"bytes_written\":{}",
                     costs[op].mac_flops + costs[op].vector_ops, costs[op].bytes_read, costs[op].bytes_written);
    slice(op_places_[op], graph.op_names[op], graph.type_names[graph.type[op]], arguments);
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
    const sim::Transfer& transfer = outcome_.transfers[id];
    const auto& devices = problem_.cluster().devices;
    const std::string arguments =
        fmt::format("\"bytes\":{},\"from\":{},\"to\":{}", problem_.costs().tensor_bytes[transfer.tensor],
                    json_quote(devices[transfer.from].name), json_quote(devices[transfer.to].name));
    for (const Place& place : transfer_places_[id])
      slice(place, problem_.graph().tensor_names[transfer.tensor], transfer.io ? "io" : "transfer", arguments);
  }

  /// An arrow from the producer over the wires to the first consumer, as far as there are such.
  void add_flow(uint32_t id) {
    const sim::Transfer& transfer = outcome_.transfers[id];
    std::vector<Place> stops;
    if (const uint32_t producer = problem_.graph().producer[transfer.tensor]; producer != graph::kNone) {
      Place from = op_places_[producer];
      from.start_ns = std::max(from.start_ns, from.end_ns - 1);  // leaves at the op's end, yet inside its slice
      stops.push_back(from);
    }
    stops.insert(stops.end(), transfer_places_[id].begin(), transfer_places_[id].end());
    const Place* consumer = nullptr;
    for (const uint32_t op : problem_.graph().consumers[transfer.tensor])
      if (placement_[op] == transfer.to && (!consumer || op_places_[op].start_ns < consumer->start_ns))
        consumer = &op_places_[op];
    if (consumer) stops.push_back(*consumer);
    for (size_t i = 0; stops.size() >= 2 && i < stops.size(); ++i) {
      const char* phase = i == 0 ? "s" : i + 1 == stops.size() ? "f\",\"bp\":\"e" : "t";
      event("{{\"ph\":\"{}\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{},\"name\":\"data\",\"cat\":\"flow\"}}", phase,
            id + 1, stops[i].pid, stops[i].tid, us(stops[i].start_ns));
    }
  }

  void add_memory(DeviceId device) {
    const std::string name = json_quote("memory of " + problem_.cluster().devices[device].name);
    const int64_t params = outcome_.param_bytes[device];
    for (const sim::MemoryPoint& point : outcome_.memory[device])
      event("{{\"ph\":\"C\",\"pid\":{},\"ts\":{},\"name\":{},\"args\":{{\"params\":{},\"live\":{}}}}}", kDevices,
            us(ns(point.time_ps)), name, params, point.bytes - params);
  }

  void add_out_of_memory(const sim::OutOfMemory& moment) {
    const std::string name =
        fmt::format("out of memory by {}", config::human_bytes(static_cast<double>(moment.over_bytes)));
    const uint32_t tid = device_tid(moment.device);
    event("{{\"ph\":\"i\",\"s\":\"t\",\"pid\":{},\"tid\":{},\"ts\":{},\"name\":{}}}", kDevices, tid,
          us(ns(moment.time_ps)), json_quote(name));
  }

  uint32_t device_tid(DeviceId device) const { return threads_[device].tid; }

  struct Thread {
    int pid;
    uint32_t tid;
    std::string name;
  };

  const place::Problem& problem_;
  const std::vector<DeviceId>& placement_;
  const sim::Outcome& outcome_;
  const std::vector<Track> tracks_;
  const base::Csr<uint32_t> transfers_;
  std::vector<Place> op_places_;
  std::vector<std::vector<Place>> transfer_places_;
  std::vector<Thread> threads_;  // those of the devices first
  bool with_details_ = true;
  std::string text_;
};

}  // namespace

std::string perfetto_trace(const place::Problem& problem, const std::vector<DeviceId>& placement,
                           const sim::Outcome& outcome, size_t max_events_with_details) {
  return Trace(problem, placement, outcome).str(max_events_with_details);
}

}  // namespace allot::emit
