// SPDX-License-Identifier: Apache-2.0
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 with sanitizers takes the moved-from union in its own <regex> for uninitialized.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "emit/trace.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <unistd.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "run_fixture.h"

using namespace allot;
using namespace allot::test;
using nlohmann::json;

namespace {

int64_t ns(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }
using Thread = std::pair<int, int64_t>;
Thread thread_of(const json& event) { return {event["pid"], event["tid"]}; }

struct Slice {
  int64_t start, end;
};

/// Slices by thread; fails where two of one thread overlap at all.
std::map<Thread, std::vector<Slice>> checked_slices(const json& events) {
  std::map<Thread, std::vector<Slice>> threads;
  for (const json& event : events)
    if (event["ph"] == "X") threads[thread_of(event)].push_back({ns(event["ts"]), ns(event["ts"]) + ns(event["dur"])});
  for (auto& [thread, slices] : threads) {
    std::sort(slices.begin(), slices.end(),
              [](auto& a, auto& b) { return std::pair(a.start, a.end) < std::pair(b.start, b.end); });
    for (size_t i = 1; i < slices.size(); ++i) CHECK(slices[i - 1].end <= slices[i].start);
  }
  return threads;
}

bool inside_a_slice(const std::vector<Slice>& slices, int64_t time) {
  for (const Slice& slice : slices)
    if (slice.start <= time && time <= slice.end) return true;
  return false;
}

/// Returns how many there are.
size_t check_flows(const json& events, const std::map<Thread, std::vector<Slice>>& slices) {
  std::map<int64_t, std::vector<json>> flows;
  for (const json& event : events)
    if (event["ph"] == "s" || event["ph"] == "t" || event["ph"] == "f") flows[event["id"]].push_back(event);
  for (const auto& [id, stops] : flows) {
    CHECK(stops.size() >= 2);
    for (size_t i = 0; i < stops.size(); ++i) {
      CHECK(stops[i]["ph"] == (i == 0 ? "s" : i + 1 == stops.size() ? "f" : "t"));
      CHECK(inside_a_slice(slices.at(thread_of(stops[i])), ns(stops[i]["ts"])));
      if (i > 0) CHECK(ns(stops[i - 1]["ts"]) <= ns(stops[i]["ts"]));
    }
    CHECK(stops.back()["bp"] == "e");
  }
  return flows.size();
}

void check_trace(const Run& run) {
  const std::string text = emit::perfetto_trace(run.problem, run.placement, run.outcome);
  const json trace = json::parse(text);
  const json& events = trace["traceEvents"];
  const auto slices = checked_slices(events);
  size_t ops = 0, transfers = 0;
  for (const auto& [thread, list] : slices) (thread.first == 1 ? ops : transfers) += list.size();
  CHECK(ops == run.placement.size());
  CHECK(transfers == run.outcome.transfers.size());
  CHECK(check_flows(events, slices) > 0);
  std::map<std::string, std::pair<int64_t, int64_t>> memory;  // name -> last time, peak
  for (const json& event : events) {
    if (event["ph"] != "C") continue;
    auto& [last, peak] = memory[event["name"]];
    CHECK(ns(event["ts"]) >= last);
    last = ns(event["ts"]);
    peak = std::max(peak, event["args"]["params"].get<int64_t>() + event["args"]["live"].get<int64_t>());
  }
  for (uint32_t device = 0; device < run.problem.devices(); ++device)
    CHECK(memory["memory of " + run.problem.cluster().devices[device].name].second == run.outcome.peak_bytes[device]);
}

}  // namespace

TEST_CASE("traces of random runs nest, flow forwards and count memory") {
  for (uint64_t seed = 0; seed < 12; ++seed)
    check_trace(random_run(layered_graph(20 + 40 * seed, seed), small_cluster(2 + seed % 3, seed % 2 == 0), seed));
}

TEST_CASE("transfers that overlap get rows of their own") {
  check_trace(random_run(layered_graph(400, 7), small_cluster(2, true, "16GiB", "free"), 7));
}

TEST_CASE("traces name tracks and say how long an op waited") {
  const Run run = random_run(layered_graph(60, 3), small_cluster(2), 3);
  const json trace = json::parse(emit::perfetto_trace(run.problem, run.placement, run.outcome));
  std::vector<std::string> names;
  int64_t waited_ns = 0;
  for (const json& event : trace["traceEvents"]) {
    if (event["name"] == "thread_name") names.push_back(event["args"]["name"]);
    if (event["ph"] != "X" || event["pid"] != 1) continue;
    CHECK(ns(event["args"]["ready_us"]) + ns(event["args"]["wait_us"]) == ns(event["ts"]));
    CHECK(ns(event["args"]["wait_us"]) >= 0);
    waited_ns += ns(event["args"]["wait_us"]);
  }
  CHECK(names == std::vector<std::string>{"dev0", "dev1", "dev0 → dev1", "dev1 → dev0"});
  CHECK(waited_ns > 0);
}

TEST_CASE("traces bear hostile names and mark the moment memory ran out") {
  graph::OpGraph graph = layered_graph(40, 4);
  give_hostile_names(graph);
  const Run run = random_run(std::move(graph), small_cluster(2, true, "64KiB"), 4);
  REQUIRE_FALSE(run.outcome.fits());
  check_trace(run);
  const std::string text = emit::perfetto_trace(run.problem, run.placement, run.outcome);
  CHECK(text.find("\"ph\":\"i\"") != text.npos);
  CHECK(text.find("out of memory by ") != text.npos);
  CHECK(text.substr(0, 4096).find("\"allot.") != text.npos);  // marks the file as ours
}

TEST_CASE("an op's arguments give its tensors, its costs and whether it is critical") {
  Run run = random_run(layered_graph(60, 3), small_cluster(2), 3);
  sim::Simulator simulator(run.problem.graph(), run.problem.costs(), run.problem.cluster());
  run.outcome = simulator.run(run.placement, {.timeline = true, .critical = true});
  const graph::OpGraph& graph = run.problem.graph();
  emit::TraceOptions options;
  for (uint32_t tensor = 0; tensor < graph.num_tensors(); ++tensor)
    options.tensor_types.push_back("float32[" + std::to_string(tensor) + "]");
  const json trace = json::parse(emit::perfetto_trace(run.problem, run.placement, run.outcome, options));
  size_t critical = 0, ops = 0, transfers = 0;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const json& args = event["args"];
    if (event["pid"] == 2) {
      ++transfers;
      CHECK(args["type"].get<std::string>().substr(0, 8) == "float32[");
      CHECK(args["bytes"].get<int64_t>() > 0);
      continue;
    }
    const uint32_t op = args["op"];
    ++ops;
    critical += args.value("critical", false);
    std::string inputs;
    for (size_t i = 0; i < std::min<size_t>(8, graph.inputs[op].size()); ++i)
      inputs += (i ? " " : "") + options.tensor_types[graph.inputs[op][i]];
    CHECK(args.value("inputs", "") == inputs);
    CHECK(args["outputs"] == options.tensor_types[graph.outputs[op][0]]);
  }
  const auto steps = [&](bool op) {
    return std::count_if(run.outcome.critical.begin(), run.outcome.critical.end(),
                         [&](auto& step) { return (step.op != graph::kNone) == op; });
  };
  CHECK(ops == 60);
  CHECK(transfers == run.outcome.transfers.size());
  CHECK(static_cast<std::ptrdiff_t>(critical) == steps(true));
  CHECK(critical > 0);
}

TEST_CASE("traces of many slices leave their arguments out") {
  const Run run = random_run(layered_graph(200, 5), small_cluster(2), 5);
  const json bare = json::parse(emit::perfetto_trace(run.problem, run.placement, run.outcome, {.max_detailed = 50}));
  size_t slices = 0;
  for (const json& event : bare["traceEvents"]) {
    slices += event["ph"] == "X";
    CHECK(event.contains("args") == (event["ph"] == "C" || event["ph"] == "M"));
  }
  CHECK(slices == 200 + run.outcome.transfers.size());
}

TEST_CASE("traces of too many slices bundle the short ones, lose none of them and nothing of the long ones") {
  const Run run = random_run(layered_graph(2000, 5), small_cluster(3), 5);
  const size_t all = 2000 + run.outcome.transfers.size();
  const json events =
      json::parse(emit::perfetto_trace(run.problem, run.placement, run.outcome, {.max_slices = 2000}))["traceEvents"];
  const auto slices = checked_slices(events);
  check_flows(events, slices);
  size_t drawn = 0, told = 0;
  int64_t busy = 0;
  for (const json& event : events) {
    if (event["ph"] != "X") continue;
    ++drawn;
    if (event["cat"] != "bundle") {
      ++told;
      busy += ns(event["dur"]);
      continue;
    }
    const json& args = event["args"];
    told += args["slices"].get<size_t>();
    busy += ns(args["busy_us"]);
    CHECK(ns(args["busy_us"]) <= ns(event["dur"]));
    CHECK(args["slices"] > 1);
  }
  CHECK(told == all);
  CHECK(drawn <= 2000);
  CHECK(drawn >= 700);
  int64_t expected_ps = 0;
  for (uint32_t op = 0; op < 2000; ++op) expected_ps += run.outcome.end_ps[op] - run.outcome.start_ps[op];
  for (const auto& transfer : run.outcome.transfers) expected_ps += transfer.end_ps - transfer.start_ps;
  CHECK(std::abs(busy - expected_ps / 1000) <= static_cast<int64_t>(all));  // rounding
}

TEST_CASE("a trace of 100000 ops stays below 50 MB and keeps its memory's peak") {
  const Run run = random_run(layered_graph(100'000, 5), small_cluster(8), 5);
  const std::string text = emit::perfetto_trace(run.problem, run.placement, run.outcome);
  INFO(text.size() << " bytes, " << run.outcome.transfers.size() << " transfers");
  CHECK(text.size() < 50'000'000);
  for (uint32_t device = 0; device < 8; ++device)
    CHECK(text.find("\"live\":" + std::to_string(run.outcome.peak_bytes[device] - run.outcome.param_bytes[device]) +
                    "}") != text.npos);
}

namespace {

struct Dot {
  size_t nodes = 0, edges = 0, red = 0, clusters = 0;
};

/// Reads the statements that we write; fails on any other line.
Dot checked_dot(const std::string& text) {
  static const std::string kString = R"re("(?:[^"\\]|\\.)*")re";
  static const std::regex kNode("    n\\d+ \\[label=" + kString + "\\];"), kOpen("  subgraph cluster_\\d+ \\{"),
      kEdge("  n\\d+ -> n\\d+ \\[penwidth=[\\d.]+(, color=red, label=" + kString + ")?\\];"),
      kOther("(//.*|digraph placement \\{|\\}|  \\}|  (graph|node|edge) \\[.*\\];|    label=" + kString +
             ";|    (style|color|fillcolor)=" + kString + ";|    penwidth=\\d;)");
  Dot seen;
  std::stringstream lines(text);
  int depth = 0;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::smatch match;
    if (std::regex_match(line, match, kEdge)) {
      ++seen.edges;
      seen.red += match[1].matched;
    } else if (std::regex_match(line, kNode)) {
      ++seen.nodes;
    } else if (std::regex_match(line, kOpen)) {
      ++seen.clusters;
      ++depth;
    } else {
      CHECK(std::regex_match(line, kOther));
      depth += line == "digraph placement {" ? 1 : line == "}" || line == "  }" ? -1 : 0;
    }
  }
  CHECK(depth == 0);
  return seen;
}

}  // namespace

TEST_CASE("DOT shows each op in its device and each cut edge in red") {
  graph::OpGraph graph = layered_graph(60, 6);
  give_hostile_names(graph);
  const Run run = random_run(std::move(graph), small_cluster(3), 6);
  size_t edges = 0, cut = 0;
  for (uint32_t op = 0; op < run.problem.graph().num_ops(); ++op)
    for (const uint32_t before : run.problem.graph().predecessors[op]) {
      ++edges;
      cut += run.placement[before] != run.placement[op];
    }
  const Dot seen = checked_dot(emit::dot(run.problem, run.placement));
  CHECK(seen.nodes == 60);
  CHECK(seen.clusters == 3);
  CHECK(seen.edges == edges);
  CHECK(seen.red == cut);
}

TEST_CASE("Graphviz reads what we write") {
  if (!std::filesystem::exists("/usr/bin/dot")) {
    WARN("skipped: Graphviz is not installed (apt-get install graphviz)");
    return;
  }
  graph::OpGraph graph = layered_graph(60, 6);
  give_hostile_names(graph);
  const Run run = random_run(std::move(graph), small_cluster(3), 6);
  const auto path = std::filesystem::temp_directory_path() / ("allot-" + std::to_string(getpid()) + ".dot");
  std::ofstream(path) << emit::dot(run.problem, run.placement);
  CHECK(std::system(("timeout 60 dot -Tcanon -o /dev/null " + path.string()).c_str()) == 0);
  std::filesystem::remove(path);
}

TEST_CASE("DOT gives each of 64 devices a look of its own") {
  const Run run = random_run(layered_graph(1500, 8), small_cluster(64), 8);
  const std::string text = emit::dot(run.problem, run.placement);
  CHECK(checked_dot(text).clusters == 64);
  std::set<std::string> looks;
  for (size_t at = text.find("    style="); at != text.npos; at = text.find("    style=", at + 1))
    looks.insert(text.substr(at, text.find("    n", at) - at));
  CHECK(looks.size() == 64);
}

TEST_CASE("DOT of a large graph shows groups of a device and neighbouring levels") {
  const Run run = random_run(layered_graph(20'000, 8), small_cluster(4), 8);
  const Dot seen = checked_dot(emit::dot(run.problem, run.placement));
  CHECK(seen.nodes <= 2000);
  CHECK(seen.nodes > 500);
  CHECK(seen.red > 0);
  const Run chain = random_run(graph::branches(1, 1, 5000, 64), small_cluster(1), 9);
  const Dot line = checked_dot(emit::dot(chain.problem, chain.placement));
  CHECK(line.nodes <= 2000);
  CHECK(line.edges == line.nodes - 1);
}
