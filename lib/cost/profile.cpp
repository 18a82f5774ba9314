// SPDX-License-Identifier: Apache-2.0
#include "cost/profile.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace allot::cost {
namespace {

using nlohmann::json;

constexpr std::string_view kSuffix = "_kernel_time";

struct Event {
  int64_t start = 0, end = 0;  // microseconds
  std::string name, type, provider;
  int64_t bytes = 0;
};

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  constexpr double kMost = 1e15;  // 30 years
  if (found->is_number()) return static_cast<int64_t>(std::clamp(found->get<double>(), 0.0, kMost));
  int64_t number = 0;  // sizes are written as strings
  if (const std::string text = text_of(object, key); !text.empty())
    std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Event event_of(const json& item) {
  Event event;
  event.name = text_of(item, "name");
  event.start = number_of(item, "ts");
  event.end = event.start + number_of(item, "dur");
  if (const auto args = item.find("args"); args != item.end() && args->is_object()) {
    event.type = text_of(*args, "op_name");
    event.provider = text_of(*args, "provider");
    event.bytes = number_of(*args, "output_size");
  }
  return event;
}

bool runs_bodies(const Event& event) { return event.type == "If" || event.type == "Loop" || event.type == "Scan"; }

class Reader {
 public:
  explicit Reader(const std::string& path) { profile_.path = path; }

  Profile read(const json& document) {
    if (!document.is_array()) fail("is no profile of ONNX Runtime: not a list of events");
    for (const json& item : document)
      if (item.is_object()) sort_in(item);
    for (auto* events : {&runs_, &executors_, &nodes_})
      std::stable_sort(events->begin(), events->end(), [](const Event& a, const Event& b) {
        return a.start != b.start ? a.start < b.start : a.end > b.end;  // what holds others comes before them
      });
    profile_.runs = static_cast<uint32_t>(runs_.size());
    if (runs_.size() < 2)
      fail(fmt::format("holds {} run(s), of which the first only warms up", runs_.size()),
           "profile a session that runs the model some 30 times");
    add_nodes();
    add_kernels();
    return std::move(profile_);
  }

 private:
  [[noreturn]] void fail(const std::string& what,
                         const std::string& fix = "set SessionOptions.enable_profiling") const {
    throw base::Error(base::ErrorKind::malformed, base::printable(profile_.path), what, fix);
  }

  void sort_in(const json& item) {
    const std::string category = text_of(item, "cat");
    Event event = event_of(item);
    if (category == "Session" && event.name == "model_run") runs_.push_back(std::move(event));
    if (category == "Session" && event.name == "SequentialExecutor::Execute") executors_.push_back(event);
    if (category == "Session" && event.name == "plain_run")
      profile_.plain_run_us = static_cast<double>(event.end - event.start);
    if (category == "Node" && event.name.ends_with(kSuffix)) nodes_.push_back(std::move(event));
    // A WebGPU kernel: node&operator&program.
    if (category == "Api" && event.name.find('&') != std::string::npos) kernels_.push_back(std::move(event));
  }

  /// The run that an event belongs to, or none. Events come in order of start.
  size_t run_of(const Event& event, size_t& hint) const {
    while (hint < runs_.size() && runs_[hint].end < event.start) ++hint;
    return hint < runs_.size() && event.start >= runs_[hint].start ? hint : runs_.size();
  }

  void add_nodes() {
    std::vector<std::vector<int64_t>> lasted;  // by node, then run
    size_t run = 0;
    int64_t inside_until = 0;
    for (const Event& event : nodes_) {
      const size_t of = run_of(event, run);
      if (of == runs_.size() || event.end <= inside_until) continue;
      if (runs_bodies(event)) inside_until = event.end;
      const size_t node = node_named(event);
      lasted.resize(profile_.nodes.size(), std::vector<int64_t>(runs_.size()));
      lasted[node][of] += event.end - event.start;
    }
    for (size_t node = 0; node < lasted.size(); ++node) profile_.nodes[node].host_us = quicker_half(lasted[node]);
    run = 0;
    int64_t last_end = 0;
    std::vector<int64_t> executed(runs_.size());
    for (const Event& event : executors_) {
      const size_t of = run_of(event, run);
      if (of < runs_.size() && event.end > last_end) executed[of] += event.end - event.start;
      last_end = std::max(last_end, event.end);
    }
    profile_.run_us = quicker_half(executed);
  }

  /// The mean over the quicker half of all runs but the first.
  static double quicker_half(std::vector<int64_t> by_run) {
    by_run.erase(by_run.begin());
    std::sort(by_run.begin(), by_run.end());
    by_run.resize((by_run.size() + 1) / 2);
    return static_cast<double>(std::accumulate(by_run.begin(), by_run.end(), int64_t{0})) /
           static_cast<double>(by_run.size());
  }

  size_t node_named(const Event& event) {
    const std::string name = event.name.substr(0, event.name.size() - kSuffix.size());
    const auto [entry, fresh] = index_.try_emplace(name, profile_.nodes.size());
    if (fresh)
      profile_.nodes.push_back({.name = name, .type = event.type, .provider = event.provider, .bytes = event.bytes});
    return entry->second;
  }

  /// Kernels of all runs follow one another, those of a node as often as there are runs, or a multiple.
  void add_kernels() {
    std::unordered_map<std::string, std::vector<int64_t>> lasted;
    for (const Event& kernel : kernels_)
      lasted[kernel.name.substr(0, kernel.name.find('&'))].push_back(kernel.end - kernel.start);
    for (auto& [name, times] : lasted) {
      const auto found = index_.find(name);
      if (found == index_.end() || times.size() % runs_.size() != 0) continue;
      const size_t each = times.size() / runs_.size();
      std::vector<int64_t> by_run(runs_.size());
      for (size_t i = 0; i < times.size(); ++i) by_run[i / each] += times[i];
      profile_.nodes[found->second].device_us = quicker_half(std::move(by_run));
    }
  }

  Profile profile_;
  std::vector<Event> runs_, executors_, nodes_, kernels_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace

void take_off_profiling(std::span<Profile* const> profiles) {
  const auto useful = [](const Profile& profile) {
    return profile.plain_run_us > 0 && std::all_of(profile.nodes.begin(), profile.nodes.end(),
                                                   [](const ProfiledNode& node) { return node.device_us < 0; });
  };
  const auto sum_us = [](const Profile& profile) {
    return std::accumulate(profile.nodes.begin(), profile.nodes.end(), 0.0,
                           [](double sum, const ProfiledNode& node) { return sum + node.host_us; });
  };
  double excess = 0, weight = 0;
  for (const Profile* profile : profiles) {
    if (!useful(*profile)) continue;
    const double nodes = static_cast<double>(profile->nodes.size()) / profile->plain_run_us;
    excess += (sum_us(*profile) / profile->plain_run_us - 1) * nodes;
    weight += nodes * nodes;
  }
  const double each_us = weight > 0 ? std::max(0.0, excess / weight) : 0;
  constexpr double kLeast = 0.1;  // of what was measured
  for (Profile* profile : profiles) {
    if (!useful(*profile)) continue;
    for (ProfiledNode& node : profile->nodes) node.host_us = std::max(node.host_us * kLeast, node.host_us - each_us);
    const double sum = sum_us(*profile);
    if (sum <= 0) continue;
    for (ProfiledNode& node : profile->nodes) node.host_us *= profile->plain_run_us / sum;
  }
}

Profile parse_profile(const std::string& text, const std::string& path) {
  return Reader(path).read(base::parse_json(text, path));
}

Profile read_profile(const std::string& path) { return parse_profile(base::read_text(path), path); }

}  // namespace allot::cost
