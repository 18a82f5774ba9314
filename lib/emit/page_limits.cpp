// SPDX-License-Identifier: Apache-2.0
// Why a placement is no better: bounds, the critical chain, the loads of a pipeline, the input shapes it must serve.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "emit/page_parts.h"
#include "emit/tracks.h"
#include "report/html.h"
#include "sim/pipeline.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;
using report::escape;
using Step = sim::CriticalStep;

constexpr size_t kMostPairs = 6, kMostParts = 16, kMostLoads = 12;

constexpr DeviceId kMany = graph::kNone;

std::string pair_of_devices(const PageInput& input, DeviceId from, DeviceId to) {
  const auto& devices = input.problem.cluster().devices;
  return shown(devices[from].name) + " → " + shown(devices[to].name);
}

/// Time on the chain and number of steps, by sender and receiver; equal ends are an op's device.
using Spent = std::map<std::pair<DeviceId, DeviceId>, std::pair<int64_t, uint32_t>>;

/// Of more pairs than a bar can show all that one device sends counts as one.
Spent spent_on_chain(const std::vector<Step>& steps) {
  std::set<std::pair<DeviceId, DeviceId>> pairs;
  for (const Step& step : steps)
    if (step.op == graph::kNone) pairs.insert({step.device, step.to});
  Spent spent;
  for (const Step& step : steps) {
    const DeviceId to = step.op != graph::kNone ? step.device : pairs.size() > kMostPairs ? kMany : step.to;
    auto& [time_ps, count] = spent[{step.device, to}];
    time_ps += step.end_ps - step.start_ps;
    ++count;
  }
  return spent;
}

/// Largest first; what is missing to the makespan is one part.
std::vector<report::Part> parts_of(const PageInput& input) {
  const Spent spent = spent_on_chain(input.outcome.critical);
  std::vector<std::pair<int64_t, report::Part>> ordered;
  for (const auto& [ends, sum] : spent) {
    const auto& [from, to] = ends;
    const bool op = from == to;
    const double share = ratio(sum.first, input.outcome.makespan_ps);
    const std::string device = shown(input.problem.cluster().devices[from].name);
    const std::string name = op ? device : to == kMany ? device + " →" : pair_of_devices(input, from, to);
    const std::string note =
        fmt::format("{}, {} {}{}", percent(share), sum.second, op ? "op" : "transfer", sum.second == 1 ? "" : "s");
    ordered.push_back({sum.first, {share, colour(from), !op, name, note}});
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](auto& a, auto& b) { return a.first > b.first; });
  std::vector<report::Part> parts;
  int64_t rest_ps = input.outcome.makespan_ps;
  for (size_t i = 0; i < std::min(ordered.size(), kMostParts); ++i) {
    rest_ps -= ordered[i].first;
    parts.push_back(std::move(ordered[i].second));
  }
  if (const double rest = ratio(rest_ps, input.outcome.makespan_ps); rest > 0.0005)
    parts.push_back({rest, "", false, ordered.size() > kMostParts ? "the rest" : "pauses", percent(rest)});
  return parts;
}

/// "of 14 steps 3 waited for a busy device, 2 for a busy wire".
std::string waits_text(const std::vector<Step>& steps) {
  const auto count = [&](Step::Wait wait) {
    return std::count_if(steps.begin(), steps.end(), [&](const Step& step) { return step.wait == wait; });
  };
  return fmt::format("Of its {} steps {} waited for data alone, {} for a busy device and {} for a busy wire.",
                     steps.size(), count(Step::Wait::data), count(Step::Wait::device), count(Step::Wait::wire));
}

struct Load {
  std::string name, css;
  int64_t time_ps;
};

/// What each device and wire has to do for one run; the largest first.
std::vector<Load> loads_of(const PageInput& input) {
  std::vector<Load> loads;
  for (const Track& track : tracks(input.problem.cluster(), input.placement, input.outcome))
    if (const int64_t time_ps = track.busy_ps(); time_ps > 0)
      loads.push_back({shown(track.name), track.device ? colour(*track.device) : "", time_ps});
  std::stable_sort(loads.begin(), loads.end(), [](auto& a, auto& b) { return a.time_ps > b.time_ps; });
  return loads;
}

/// What a simulation of several runs in flight says; "" where that would take long.
std::string simulated_text(const PageInput& input) {
  constexpr uint64_t kMostVisits = 4'000'000;
  const uint64_t ops = std::max<uint64_t>(1, input.problem.graph().num_ops());
  const auto runs = static_cast<uint32_t>(std::min<uint64_t>(32, kMostVisits / ops));
  if (runs < 4) return "";
  const auto seen =
      sim::pipeline(input.problem.graph(), input.problem.costs(), input.problem.cluster(), input.placement, runs);
  return fmt::format("Simulated with {} runs in flight: the first result after {}, then one every {}.", runs,
                     human_ps(seen.first_ps), human_ps(seen.interval_ps));
}

}  // namespace

std::string bounds_table(const PageInput& input) {
  if (!input.problem.plain_latency()) return {};
  const sim::Bounds& bounds = input.problem.bounds();
  const int64_t makespan_ps = input.outcome.makespan_ps;
  struct Row {
    const char *name, *meaning;
    int64_t time_ps;
  };
  const std::array<Row, 4> all = {
      {{"critical path", "the longest path, each op where it is fastest, transfers free", bounds.critical_path_ps},
       {"work", "all work shared out over the devices, within memory", bounds.work_ps},
       {"path with transfers", "the longest path with the transfers that nothing avoids", bounds.path_ps},
       {"work within a window", "work that must be done between two instants", bounds.window_ps}}};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, meaning, time_ps] : all) {
    const bool binds = name == bounds.binding();
    rows.push_back(
        {fmt::format("{}<br><small>{}</small>",
                     binds ? fmt::format("<span class=\"chosen-text\">{} ✓ binds</span>", name) : std::string(name),
                     meaning),
         human_ps(time_ps), report::bar(ratio(time_ps, makespan_ps), binds ? "accent" : "")});
  }
  rows.push_back({"this placement", human_ps(makespan_ps), report::bar(1)});
  return report::table_of_html({{"No placement is quicker than"}, {"Time"}, {""}}, rows);
}

std::string critical_chain(const PageInput& input) {
  // Of a pipeline the loads tell more: its runs overlap.
  if (input.outcome.critical.empty() || input.problem.objective() == place::Objective::throughput) return {};
  return "<h3>Critical chain</h3>\n" + report::stacked_bar(parts_of(input)) +
         fmt::format(
             "<p class=\"quiet\">What the makespan was spent on, along the chain of ops and transfers that each "
             "kept the next from starting. {}</p>\n",
             waits_text(input.outcome.critical));
}

std::string pipeline_loads(const PageInput& input) {
  const auto* result = chosen(input);
  if (input.problem.objective() != place::Objective::throughput || !result) return {};
  const std::vector<Load> loads = loads_of(input);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < std::min(loads.size(), kMostLoads); ++i)
    rows.push_back({report::keyed(loads[i].css, loads[i].name), human_ps(loads[i].time_ps),
                    report::bar(ratio(loads[i].time_ps, loads[0].time_ps), loads[i].css)});
  std::string html = report::table_of_html({{"Device or link"}, {"Load of one run"}, {""}}, rows);
  if (loads.size() > kMostLoads)
    html += fmt::format("<p class=\"quiet\">{} smaller loads are not shown.</p>\n", loads.size() - kMostLoads);
  return html + fmt::format(
                    "<p class=\"quiet\">When runs follow one another without pause, a result appears as often "
                    "as the largest load allows. {}</p>\n",
                    escape(simulated_text(input)));
}

std::string scenario_table(const PageInput& input) {
  const auto* result = chosen(input);
  if (input.problem.others().empty() || !result) return {};
  std::vector<std::pair<double, const place::Problem*>> scenarios = {{input.problem.weight(), &input.problem}};
  for (const auto& other : input.problem.others()) scenarios.emplace_back(other.weight, other.problem.get());
  double weights = 0;
  for (const auto& [weight, problem] : scenarios) weights += weight;
  const auto* single = single_device(input);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < scenarios.size(); ++i) {
    const auto& [weight, problem] = scenarios[i];
    place::Evaluator evaluator(*problem);
    const int64_t ours_ps = evaluator.outcome_as_written(result->placement).makespan_ps;
    const int64_t alone_ps = single ? evaluator.outcome_as_written(single->placement).makespan_ps : 0;
    const std::string name =
        i < input.sidecar.scenarios.size() ? input.sidecar.scenarios[i] : fmt::format("shape {}", i + 1);
    rows.push_back({fmt::format("<code>{}</code>", escape(shown(name))), percent(weight / weights), human_ps(ours_ps),
                    single ? human_ps(alone_ps) : "–",
                    single ? fmt::format("{:.2f} ×", ratio(alone_ps, ours_ps)) : "–"});
  }
  return report::table_of_html({{"Input shape"}, {"Weight"}, {"Makespan"}, {"On one device", true}, {"Speed-up"}},
                               rows) +
         "<p class=\"quiet\">One placement serves them all. The rest of the page is about the first.</p>\n";
}

}  // namespace allot::emit
