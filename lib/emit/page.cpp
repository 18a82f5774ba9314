// SPDX-License-Identifier: Apache-2.0
#include "emit/page.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "emit/page_charts.h"
#include "report/html.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;
using report::escape;

constexpr size_t kTopRows = 15;

double ratio(int64_t a, int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0; }
std::string code(const std::string& name) { return fmt::format("<code>{}</code>", escape(shown(name))); }
std::string with_colour(const PageInput& input, DeviceId device) {
  return report::keyed(colour(device), shown(input.problem.cluster().devices[device].name));
}

/// Ids of the `count` largest of `size` by `key`, largest first, the smaller id first among equals.
template <typename Key>
std::vector<uint32_t> largest(size_t size, size_t count, const Key& key) {
  std::vector<uint32_t> ids(size);
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(size, count));
  std::partial_sort(ids.begin(), end, ids.end(),
                    [&](uint32_t a, uint32_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  ids.erase(end, ids.end());
  return ids;
}

/// The best placement on one device alone, if that method ran.
const place::MethodResult* single_device(const place::Comparison& comparison) {
  for (const auto& result : comparison.methods)
    if (result.method == "single") return &result;
  return nullptr;
}

report::Tile speedup_tile(const PageInput& input) {
  const auto* single = single_device(input.comparison);
  if (!single) return {"Speed-up", "–", "one device alone was not tried"};
  if (single->score.overflow_bytes > 0) return {"Speed-up", "–", "does not fit one device alone"};
  return {"Speed-up", fmt::format("{:.2f} ×", ratio(single->score.makespan_ps, input.outcome.makespan_ps)),
          "best device alone: " + human_ps(single->score.makespan_ps)};
}

std::vector<report::Tile> summary_tiles(const PageInput& input) {
  const sim::Outcome& outcome = input.outcome;
  const sim::Bounds& bounds = input.problem.bounds();
  std::vector<report::Tile> tiles;
  tiles.push_back(
      {"Makespan", human_ps(outcome.makespan_ps), outcome.fits() ? "predicted time of one run" : "if memory sufficed"});
  tiles.push_back(speedup_tile(input));
  tiles.push_back({"Above lower bound", fmt::format("{:.1f} %", (ratio(outcome.makespan_ps, bounds.best()) - 1) * 100),
                   "no placement beats " + human_ps(bounds.best())});
  tiles.push_back({"Parallelism", fmt::format("{:.2f}", bounds.parallelism), "work / critical path"});
  tiles.push_back({"Crossings", std::to_string(outcome.crossings), "results sent to other devices"});
  tiles.push_back(
      {"Moved", human_bytes(outcome.bytes_moved), fmt::format("in {} transfers", outcome.transfers.size())});
  DeviceId fullest = 0;
  const auto fill = [&](DeviceId device) {
    return ratio(outcome.peak_bytes[device], input.problem.cluster().devices[device].usable_bytes());
  };
  for (DeviceId device = 0; device < input.problem.devices(); ++device)
    if (fill(device) > fill(fullest)) fullest = device;
  tiles.push_back(
      {"Fullest memory", percent(fill(fullest)), "of " + shown(input.problem.cluster().devices[fullest].name)});
  tiles.push_back({"Operations", std::to_string(input.problem.graph().num_ops()),
                   fmt::format("in {} units", input.problem.graph().num_units())});
  return tiles;
}

/// A row a method: makespan as a bar with the lower bound marked on it. Bars end at four times the best.
std::string method_table(const PageInput& input) {
  const auto& methods = input.comparison.methods;
  int64_t best = std::numeric_limits<int64_t>::max(), worst = 0;
  for (const auto& result : methods) {
    best = std::min(best, result.score.makespan_ps);
    worst = std::max(worst, result.score.makespan_ps);
  }
  const int64_t scale = std::min(worst, best > worst / 4 ? worst : best * 4);
  const double bound = ratio(input.problem.bounds().best(), scale);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < methods.size(); ++i) {
    const auto& result = methods[i];
    const bool chosen = i == input.comparison.best, fits = result.score.overflow_bytes == 0;
    std::string name = escape(shown(result.method));
    if (chosen) name = fmt::format("<span class=\"chosen-text\">{} ✓ chosen</span>", name);
    if (!fits)
      name += fmt::format("<br><small class=\"bad-text\">does not fit, {} over</small>",
                          human_bytes(result.score.overflow_bytes));
    rows.push_back({name, human_ps(result.score.makespan_ps),
                    report::bar(ratio(result.score.makespan_ps, scale),
                                chosen ? "accent"
                                : fits ? ""
                                       : "bad",
                                bound),
                    std::to_string(result.outcome.crossings), std::to_string(result.evaluations)});
  }
  return report::table_of_html({{"Method"}, {"Makespan"}, {""}, {"Crossings", true}, {"Evaluations", true}}, rows) +
         fmt::format(
             "<p class=\"quiet\">The tick marks the lower bound, {}: the larger of critical path ({}) and work "
             "per device ({}).</p>\n",
             human_ps(input.problem.bounds().best()), human_ps(input.problem.bounds().critical_path_ps),
             human_ps(input.problem.bounds().work_ps));
}

std::string device_table(const PageInput& input) {
  const sim::Outcome& outcome = input.outcome;
  std::vector<uint32_t> ops(input.problem.devices(), 0);
  for (const DeviceId device : input.placement) ++ops[device];
  std::vector<std::vector<std::string>> rows;
  for (DeviceId device = 0; device < input.problem.devices(); ++device) {
    const cluster::Device& about = input.problem.cluster().devices[device];
    const double busy = ratio(outcome.busy_ps[device], outcome.makespan_ps);
    const double filled = ratio(outcome.peak_bytes[device], about.usable_bytes());
    const std::string what = about.preset.empty() ? about.kind : about.preset;
    rows.push_back({fmt::format("{}<br><small>{}</small>", with_colour(input, device), escape(shown(what))),
                    std::to_string(ops[device]),
                    fmt::format("<span>{}</span>", escape(percent(busy))) + report::bar(busy, colour(device)),
                    fmt::format("{} <small>of {}</small>", human_bytes(outcome.peak_bytes[device]),
                                human_bytes(about.usable_bytes())) +
                        report::bar(filled, filled > 1 ? "bad" : colour(device)),
                    human_bytes(outcome.param_bytes[device])});
  }
  return report::table_of_html({{"Device"}, {"Ops", true}, {"Busy"}, {"Peak memory"}, {"Parameters", true}}, rows);
}

int64_t duration_ps(const PageInput& input, uint32_t op) {
  return input.outcome.end_ps[op] - input.outcome.start_ps[op];
}

std::string type_table(const PageInput& input) {
  const graph::OpGraph& graph = input.problem.graph();
  std::vector<int64_t> time_ps(graph.type_names.size(), 0);
  std::vector<uint32_t> count(graph.type_names.size(), 0);
  int64_t total = 0;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) {
    time_ps[graph.type[op]] += duration_ps(input, op);
    ++count[graph.type[op]];
    total += duration_ps(input, op);
  }
  const auto top = largest(time_ps.size(), 8, [&](uint32_t type) { return time_ps[type]; });
  std::vector<std::vector<std::string>> rows;
  for (const uint32_t type : top)
    rows.push_back({escape(shown(graph.type_names[type])), std::to_string(count[type]), human_ps(time_ps[type]),
                    fmt::format("{:.1f} %", ratio(time_ps[type], total) * 100),
                    report::bar(top.empty() ? 0 : ratio(time_ps[type], time_ps[top[0]]))});
  return report::table_of_html({{"Operator"}, {"Ops", true}, {"Time"}, {"Share"}, {""}}, rows);
}

std::string op_table(const PageInput& input) {
  const graph::OpGraph& graph = input.problem.graph();
  std::vector<std::vector<std::string>> rows;
  for (const uint32_t op : largest(graph.num_ops(), kTopRows, [&](uint32_t id) { return duration_ps(input, id); }))
    rows.push_back({code(graph.op_names[op]), escape(shown(graph.type_names[graph.type[op]])),
                    with_colour(input, input.placement[op]), human_ps(duration_ps(input, op)),
                    human_ps(input.outcome.start_ps[op])});
  return report::table_of_html({{"Operation"}, {"Operator", true}, {"Device"}, {"Time"}, {"Start", true}}, rows);
}

std::string transfer_table(const PageInput& input) {
  const auto& transfers = input.outcome.transfers;
  const auto bytes = [&](uint32_t id) { return input.problem.costs().tensor_bytes[transfers[id].tensor]; };
  std::vector<std::vector<std::string>> rows;
  for (const uint32_t id : largest(transfers.size(), kTopRows, bytes))
    rows.push_back({code(input.problem.graph().tensor_names[transfers[id].tensor]),
                    with_colour(input, transfers[id].from) + " → " + with_colour(input, transfers[id].to),
                    human_bytes(bytes(id)), human_ps(transfers[id].end_ps - transfers[id].start_ps),
                    human_ps(transfers[id].start_ps)});
  return report::table_of_html({{"Tensor"}, {"From, to"}, {"Size"}, {"Time", true}, {"Start", true}}, rows);
}

std::string notes_list(const PageInput& input) {
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
  const std::vector<std::pair<const char*, std::string>> items = {{"Model", sidecar.model_path},
                                                                  {"Model hash", sidecar.model_hash},
                                                                  {"Cluster", cluster.empty() ? "built in" : cluster},
                                                                  {"Costs hash", sidecar.costs_hash},
                                                                  {"Dimensions", dims},
                                                                  {"Method", sidecar.method},
                                                                  {"Seed", std::to_string(sidecar.seed)},
                                                                  {"Evaluations", std::to_string(sidecar.evaluations)},
                                                                  {"Version", sidecar.version}};
  std::string html = "<dl class=\"facts\">\n";
  for (const auto& [name, value] : items)
    if (!value.empty()) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escape(value));
  return html + "</dl>\n";
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
  page.html(fmt::format("<p class=\"lede\">{}</p>\n", escape(lede(input))));
  page.html(report::tiles(summary_tiles(input)));
  if (!input.comparison.methods.empty()) page.section("Methods", method_table(input));
  page.section("Devices", device_table(input));
  page.section("Schedule", schedule_chart(input));
  page.section("Memory over time", memory_charts(input));
  const std::string traffic = traffic_chart(input);
  if (!traffic.empty()) page.section("Traffic between devices", traffic);
  page.section("Time by operator", type_table(input));
  page.section("Slowest operations", op_table(input));
  if (!input.outcome.transfers.empty()) page.section("Largest transfers", transfer_table(input));
  if (!input.notes.empty()) page.section("Notes", notes_list(input));
  page.section("Origin", facts(input));
  page.html("<footer>Generated by Allot. All figures are predictions of its cost model and simulator.</footer>\n");
  return page.str();
}

}  // namespace allot::emit
