// SPDX-License-Identifier: Apache-2.0
#include "emit/page.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "emit/page_parts.h"
#include "report/html.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;
using report::escape;

/// The chosen placement's measure; without methods its makespan.
int64_t measure(const PageInput& input) {
  const auto* result = chosen(input);
  return result ? result->score.value : input.outcome.makespan_ps;
}

bool measures_time(const place::Problem& problem) {
  return problem.objective() == place::Objective::latency || problem.objective() == place::Objective::throughput;
}

report::Tile measure_tile(const PageInput& input) {
  const char* note = "predicted time of one run";
  if (input.problem.objective() == place::Objective::throughput) note = "between results of a full pipeline";
  if (input.problem.objective() == place::Objective::devices) note = "used";
  if (input.problem.objective() == place::Objective::memory) note = "of a device's memory, at its peak";
  if (!input.problem.others().empty()) note = "weighted over all input shapes";
  if (!input.outcome.fits()) note = "if memory sufficed";
  return {measure_name(input.problem), measure_text(input.problem, measure(input)), note};
}

report::Tile speedup_tile(const PageInput& input) {
  const auto* single = single_device(input);
  if (!single) return {"Speed-up", "–", "one device alone was not tried"};
  if (single->score.overflow_bytes > 0) return {"Speed-up", "–", "does not fit one device alone"};
  const bool by_measure = measures_time(input.problem) && chosen(input);
  const int64_t alone = by_measure ? single->score.value : single->score.makespan_ps;
  return {"Speed-up", fmt::format("{:.2f} ×", ratio(alone, by_measure ? measure(input) : input.outcome.makespan_ps)),
          "best device alone: " + human_ps(alone)};
}

report::Tile memory_tile(const PageInput& input) {
  const auto& devices = input.problem.cluster().devices;
  DeviceId fullest = 0;
  const auto fill = [&](DeviceId device) {
    return ratio(input.outcome.peak_bytes[device], devices[device].usable_bytes());
  };
  for (DeviceId device = 0; device < devices.size(); ++device)
    if (fill(device) > fill(fullest)) fullest = device;
  return {"Fullest memory", percent(fill(fullest)), "of " + shown(devices[fullest].name)};
}

std::vector<report::Tile> summary_tiles(const PageInput& input) {
  const sim::Outcome& outcome = input.outcome;
  std::vector<report::Tile> tiles = {measure_tile(input)};
  if (!input.problem.plain_latency())
    tiles.push_back({"Makespan", human_ps(outcome.makespan_ps),
                     input.problem.others().empty() ? "of one run" : "of the first input shape"});
  tiles.push_back(speedup_tile(input));
  const auto bound = lower_bound(input.problem);
  if (bound)
    tiles.push_back({"Above lower bound", fmt::format("{:.1f} %", (ratio(measure(input), *bound) - 1) * 100),
                     fmt::format("{}, by {}", measure_text(input.problem, *bound), bound_name(input.problem))});
  if (!bound || input.problem.plain_latency())
    tiles.push_back({"Parallelism", fmt::format("{:.2f}", input.problem.bounds().parallelism), "work / critical path"});
  tiles.push_back({"Crossings", std::to_string(outcome.crossings), "results sent to other devices"});
  tiles.push_back(
      {"Moved", human_bytes(outcome.bytes_moved), fmt::format("in {} transfers", outcome.transfers.size())});
  if (input.problem.objective() != place::Objective::memory) tiles.push_back(memory_tile(input));
  tiles.push_back({"Operations", std::to_string(input.problem.graph().num_ops()),
                   fmt::format("in {} units", input.problem.graph().num_units())});
  return tiles;
}

std::string notes_list(const PageInput& input) {
  if (input.notes.empty()) return {};
  std::string html = "<ul class=\"notes\">\n";
  for (const auto& note : input.notes) html += fmt::format("<li>{}</li>\n", escape(note));
  return html + "</ul>\n";
}

std::string facts(const PageInput& input) {
  const place::Sidecar& sidecar = input.sidecar;
  std::string dims;
  for (const auto& [name, value] : sidecar.dims)
    dims += fmt::format("{}{}={}", dims.empty() ? "" : ", ", shown(name), value);
  const std::string cluster = input.problem.cluster().path;
  return report::facts({{"Model", sidecar.model_path},
                        {"Model hash", sidecar.model_hash},
                        {"Cluster", cluster.empty() ? "built in" : cluster},
                        {"Costs hash", sidecar.costs_hash},
                        {"Dimensions", dims},
                        {"Workload", sidecar.workload.kind},
                        {"Objective", sidecar.objective},
                        {"Method", sidecar.method},
                        {"Seed", std::to_string(sidecar.seed)},
                        {"Evaluations", std::to_string(sidecar.evaluations)},
                        {"Version", sidecar.version}});
}

std::string lede(const PageInput& input) {
  std::vector<bool> used(input.problem.devices(), false);
  for (const DeviceId device : input.placement) used[device] = true;
  const auto count = std::count(used.begin(), used.end(), true);
  return fmt::format("Placed by {} on {} of {} devices.{}", shown(input.sidecar.method), count, used.size(),
                     input.outcome.fits() ? "" : " It does not fit into memory.");
}

}  // namespace

std::string placement_page(const PageInput& input) {
  const std::string model = std::filesystem::path(input.sidecar.model_path).filename().string();
  report::Page page(model.empty() ? "Placement" : shown(model));
  const auto section = [&](const char* heading, const std::string& html) {
    if (!html.empty()) page.section(heading, html);
  };
  page.html(fmt::format("<p class=\"lede\">{}</p>\n", escape(lede(input))));
  page.html(report::tiles(summary_tiles(input)));
  section("Schedule", schedule_chart(input));
  section("Methods", method_table(input));
  section("Search", search_curve(input));
  section("What limits it", bounds_table(input) + critical_chain(input));
  section("Pipeline", pipeline_loads(input));
  section("Input shapes", scenario_table(input));
  section("Devices", device_table(input));
  section("Memory over time", memory_charts(input));
  section("Traffic between devices", traffic_chart(input));
  section("Time by operator", type_table(input));
  section("Slowest operations", op_table(input));
  section("Largest transfers", transfer_table(input));
  section("Notes", notes_list(input));
  section("Origin", facts(input));
  page.html("<footer>Generated by Allot. All figures are predictions of its cost model and simulator.</footer>\n");
  return page.str();
}

}  // namespace allot::emit
