// SPDX-License-Identifier: Apache-2.0
// A run of a placement as a Perfetto trace.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "emit/trace_layout.h"
#include "graph/build.h"
#include "plan/real_run.h"

namespace allot::plan {
namespace {

using measure::Span;

constexpr size_t kMostSlices = 200'000;

int64_t to_ps(double us) { return std::llround(us * 1e6); }

/// A track a device, and one for what is copied to it.
std::vector<emit::Track> tracks(const Input& input, const RealRun& run) {
  std::vector<emit::Track> devices, copies;
  for (uint32_t device = 0; device < run.used.size(); ++device) {
    const std::string& name = input.problem->cluster().devices[run.used[device]].name;
    devices.push_back({.name = name, .is_device = true, .device = device, .slices = {}});
    copies.push_back({.name = "to " + name, .is_device = false, .device = {}, .slices = {}});
  }
  for (uint32_t i = 0; i < run.reply->timeline.size(); ++i) {
    const Span& span = run.reply->timeline[i];
    auto& track = (span.kind == Span::Kind::copy ? copies : devices)[span.device];
    track.slices.push_back({to_ps(span.begin_us), to_ps(span.end_us), i});
  }
  devices.insert(devices.end(), copies.begin(), copies.end());
  for (emit::Track& track : devices)
    std::sort(track.slices.begin(), track.slices.end(), [](const emit::Slice& a, const emit::Slice& b) {
      return std::tie(a.start_ps, a.end_ps, a.id) < std::tie(b.start_ps, b.end_ps, b.id);
    });
  return devices;
}

class Writer {
 public:
  Writer(const Input& input, const RealRun& run)
      : input_(input),
        run_(run),
        layout_(
            emit::lay_out(tracks(input, run), run.reply->timeline.size(), run.reply->timeline.size(), kMostSlices)) {}

  std::string str() {
    json_.begin_object().field("displayTimeUnit", "ms").key("otherData").begin_object(true);
    json_.field("producer", "allot.trace").end_object().key("traceEvents").begin_array();
    name(emit::kDevicesProcess, "devices");
    name(emit::kLinksProcess, "copies");
    for (const auto& thread : layout_.threads) name_thread(thread);
    for (size_t i = 0; i < run_.reply->timeline.size(); ++i) add(run_.reply->timeline[i], i);
    for (const auto& bundle : layout_.bundles) {
      begin(bundle.place, fmt::format("{} slices", bundle.slices), "bundle");
      json_.end_object();
    }
    return json_.end_array().end_object().str();
  }

 private:
  void name(int process, const char* text) {
    json_.begin_object(true).field("ph", "M").field("pid", process).field("name", "process_name");
    json_.key("args").begin_object().field("name", text).end_object().end_object();
  }

  void name_thread(const emit::TraceThread& thread) {
    json_.begin_object(true).field("ph", "M").field("pid", thread.process).field("tid", thread.thread);
    json_.field("name", "thread_name").key("args").begin_object().field("name", thread.name);
    json_.end_object().end_object();
  }

  /// Leaves the event open for more members.
  void begin(const emit::TracePlace& place, const std::string& text, const std::string& category) {
    json_.begin_object(true).field("ph", "X").field("pid", place.process).field("tid", place.thread);
    json_.field("ts", static_cast<double>(place.start_ns) * 1e-3);
    json_.field("dur", static_cast<double>(place.end_ns - place.start_ns) * 1e-3);
    json_.field("name", base::printable(text)).field("cat", category);
  }

  void add(const Span& span, size_t id) {
    const bool copy = span.kind == Span::Kind::copy;
    const emit::TracePlace place = !copy                           ? layout_.ops[id]
                                   : layout_.transfers[id].empty() ? emit::TracePlace{}
                                                                   : layout_.transfers[id].front();
    if (place.process == 0) return;
    const ir::Node& node = input_.model.graph.nodes[span.node];
    const std::string type = graph::operator_type(node);
    const std::string text = copy ? span.tensor : node.name.empty() ? type : std::string(node.name);
    begin(place, text, copy ? "copy" : span.kind == Span::Kind::op ? type : "backward");
    json_.key("args").begin_object().field("node", span.node).end_object().end_object();
  }

  const Input& input_;
  const RealRun& run_;
  const emit::TraceLayout layout_;
  base::JsonWriter json_;
};

}  // namespace

std::string real_run_trace(const Input& input, const RealRun& run) {
  if (!run.reply)
    throw base::Error(base::ErrorKind::usage, "--run-trace", "is for --runner torch, which tells when each op ran",
                      "leave it out");
  return Writer(input, run).str();
}

}  // namespace allot::plan
