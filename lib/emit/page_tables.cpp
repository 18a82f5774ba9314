// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "emit/page_parts.h"
#include "report/html.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;
using report::escape;

constexpr size_t kTopRows = 15;

std::string code(std::string_view name) { return fmt::format("<code>{}</code>", escape(shown(name))); }

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

int64_t duration_ps(const PageInput& input, uint32_t op) {
  return input.outcome.end_ps[op] - input.outcome.start_ps[op];
}

std::string method_name(const place::MethodResult& result, bool is_chosen) {
  std::string name = escape(shown(result.method));
  if (is_chosen) name = fmt::format("<span class=\"chosen-text\">{} ✓ chosen</span>", name);
  if (result.score.overflow_bytes > 0)
    name += fmt::format("<br><small class=\"bad-text\">does not fit, {} over</small>",
                        human_bytes(result.score.overflow_bytes));
  return name;
}

/// What bars are drawn against: the worst value, or four times the best where that is less.
int64_t bar_scale(const std::vector<place::MethodResult>& methods) {
  int64_t best = std::numeric_limits<int64_t>::max(), worst = 0;
  for (const auto& result : methods) {
    best = std::min(best, result.score.value);
    worst = std::max(worst, result.score.value);
  }
  return std::min(worst, best > worst / 4 ? worst : best * 4);
}

std::string robustness_line(const PageInput& input) {
  const auto& [runner_up, draws, better] = input.sidecar.robustness;
  if (draws == 0) return {};
  return fmt::format(
      "<p class=\"share\"><span>With costs wrong by up to 20 % it stays no slower than {} in <b>{} of {}</b> "
      "draws.</span>{}</p>\n",
      escape(shown(runner_up)), better, draws, report::bar(ratio(better, draws), "accent"));
}

}  // namespace

std::string method_table(const PageInput& input) {
  const auto& methods = input.comparison.methods;
  if (methods.empty()) return {};
  const bool latency = input.problem.objective() == place::Objective::latency;
  const auto bound = lower_bound(input.problem);
  const int64_t scale = bar_scale(methods);
  std::vector<report::Column> columns = {{"Method"}, {measure_name(input.problem)}, {""}};
  if (!latency) columns.push_back({"Makespan", true});
  columns.insert(columns.end(), {{"Crossings", true}, {"Evaluations", true}});
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < methods.size(); ++i) {
    const auto& result = methods[i];
    const bool is_chosen = i == input.comparison.best, fits = result.score.overflow_bytes == 0;
    const char* css = is_chosen ? "accent" : fits ? "" : "bad";
    auto& row = rows.emplace_back();
    row = {method_name(result, is_chosen), measure_text(input.problem, result.score.value),
           report::bar(ratio(result.score.value, scale), css, bound ? ratio(*bound, scale) : -1)};
    if (!latency) row.push_back(human_ps(result.score.makespan_ps));
    row.push_back(std::to_string(result.outcome.crossings));
    row.push_back(std::to_string(result.evaluations));
  }
  std::string html = report::table_of_html(columns, rows);
  if (bound)
    html += fmt::format("<p class=\"quiet\">The tick marks the lower bound, {}, by {}.</p>\n",
                        measure_text(input.problem, *bound), bound_name(input.problem));
  return html + robustness_line(input);
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
  if (transfers.empty()) return {};
  const auto bytes = [&](uint32_t id) { return input.problem.costs().tensor_bytes[transfers[id].tensor]; };
  std::vector<std::vector<std::string>> rows;
  for (const uint32_t id : largest(transfers.size(), kTopRows, bytes))
    rows.push_back({code(input.problem.graph().tensor_names[transfers[id].tensor]),
                    with_colour(input, transfers[id].from) + " → " + with_colour(input, transfers[id].to),
                    human_bytes(bytes(id)), human_ps(transfers[id].end_ps - transfers[id].start_ps),
                    human_ps(transfers[id].start_ps)});
  return report::table_of_html({{"Tensor"}, {"From, to"}, {"Size"}, {"Time", true}, {"Start", true}}, rows);
}

}  // namespace allot::emit
