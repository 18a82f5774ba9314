// SPDX-License-Identifier: Apache-2.0
// The check's reports and the difference of two placements, for people.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "config/units.h"
#include "place/check.h"

namespace allot::place {
namespace {

std::string human_us(double us) { return config::human_time(us * 1e-6); }
std::string human_whole(double count) { return fmt::format("{:.0f}", count); }

struct Figure {
  std::string label, metric, device;
  std::function<double(const Metrics&)> value;
  std::string (*shown)(double);
};

double at(const std::map<std::string, int64_t>& by_device, const std::string& device) {
  const auto found = by_device.find(device);
  return found == by_device.end() ? 0 : static_cast<double>(found->second);
}

// What is worth a line, for the devices that any of `all` knows.
std::vector<Figure> figures(const std::vector<const Metrics*>& all) {
  std::set<std::string> devices;
  bool overflows = false;
  for (const Metrics* metrics : all) {
    for (const auto& [device, unused] : metrics->peak_bytes) devices.insert(device);
    overflows |= metrics->overflow_bytes > 0;
  }
  std::vector<Figure> list;
  list.push_back({"makespan", "makespan_us", "", [](const Metrics& m) { return m.makespan_us; }, human_us});
  list.push_back({"  lower bound", "", "",
                  [](const Metrics& m) { return std::max(m.critical_path_us, m.work_bound_us); }, human_us});
  for (const auto& device : devices)
    list.push_back({"peak memory, " + base::printable(device, 40), "peak_bytes", device,
                    [device](const Metrics& m) { return at(m.peak_bytes, device); }, config::human_bytes});
  if (overflows)
    list.push_back({"  beyond capacity", "overflow_bytes", "",
                    [](const Metrics& m) { return static_cast<double>(m.overflow_bytes); }, config::human_bytes});
  list.push_back(
      {"crossings", "crossings", "", [](const Metrics& m) { return static_cast<double>(m.crossings); }, human_whole});
  list.push_back({"bytes moved", "", "", [](const Metrics& m) { return static_cast<double>(m.bytes_moved); },
                  config::human_bytes});
  return list;
}

// "+20.8 %"; "" when equal.
std::string percent(double before, double after) {
  if (before == after) return "";
  if (before == 0) return "new";
  return fmt::format("{:+.1f} %", (after / before - 1) * 100);
}

std::string with_percent(const std::string& shown, double before, double after) {
  const std::string change = percent(before, after);
  return change.empty() ? shown : fmt::format("{} ({})", shown, change);
}

// The first column flush left, the others right.
std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line = fmt::format("  {:<{}}", row[0], widths[0]);
    for (size_t c = 1; c < row.size(); ++c) line += fmt::format("  {:>{}}", row[c], widths[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string list(const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string text = fmt::format("\n{}:\n", title);
  for (const auto& line : lines) text += "  " + line + "\n";
  return text;
}

std::string changes_text(const Changes& changes) {
  const std::string moved =
      fmt::format("moved to another device, {} of {} ops that both have", changes.moved_ops, changes.compared);
  return list(moved.c_str(), changes.moved) + list("new ops", changes.added) +
         list("ops that are gone", changes.removed);
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

// "changed: costs, cluster; the same: model, placement" and what exactly.
std::string causes(const CheckReport& report) {
  std::vector<std::string> changed, same;
  if (report.file_changed && !report.model_changed) {
    changed.push_back("model file (names, weights or metadata)");
    same.push_back("model graph");
  } else {
    (report.model_changed ? changed : same).push_back("model");
  }
  const bool comparable = report.costs_changed || !report.model_changed;
  if (comparable) (report.costs_changed ? changed : same).push_back("costs");
  (report.cluster_changed ? changed : same).push_back("cluster");
  (report.placement_changed ? changed : same).push_back("placement");
  std::string line = changed.empty() ? "changed: nothing" : "changed: " + joined(changed);
  if (!same.empty()) line += "; the same: " + joined(same);
  return line + "\n";
}

const Figure* figure_of(const std::vector<Figure>& all, const Regression& regression) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Figure& figure) {
    return figure.metric == regression.metric && figure.device == regression.device;
  });
  return found == all.end() ? nullptr : &*found;
}

std::string trimmed(const std::string& label) { return label.substr(label.find_first_not_of(' ')); }

std::string verdict_of(const CheckReport& report, const std::vector<Figure>& all) {
  const double before = report.stored.makespan_us, after = report.fresh.makespan_us;
  if (report.passed())
    return fmt::format("PASS: makespan {}, stored {}", with_percent(human_us(after), before, after),
                       human_us(before));
  const Regression& first = report.regressions.front();
  const Figure& figure = *figure_of(all, first);
  const size_t more = report.regressions.size() - 1;
  return fmt::format("FAIL: {} of the {} placement went from {} to {}{}", trimmed(figure.label),
                     first.fresh ? "fresh" : "stored", figure.shown(first.before),
                     with_percent(figure.shown(first.after), first.before, first.after),
                     more == 0 ? "" : fmt::format(", and {} more regression{}", more, more == 1 ? "" : "s"));
}

std::string metrics_table(const CheckReport& report, const std::vector<Figure>& all) {
  std::vector<std::vector<std::string>> rows = {{"", "stored", "stored, re-scored today", "placed anew today"}};
  if (!report.rescorable) rows[0].erase(rows[0].begin() + 2);
  for (const Figure& figure : all) {
    const double before = figure.value(report.stored);
    std::vector<std::string> row = {figure.label, figure.shown(before)};
    const auto add = [&](const Metrics& metrics, bool fresh) {
      const double after = figure.value(metrics);
      const bool worse = std::any_of(report.regressions.begin(), report.regressions.end(), [&](const Regression& r) {
        return r.fresh == fresh && r.metric == figure.metric && r.device == figure.device;
      });
      row.push_back((worse ? "* " : "") + with_percent(figure.shown(after), before, after));
    };
    if (report.rescorable) add(report.rescored, false);
    add(report.fresh, true);
    rows.push_back(std::move(row));
  }
  const Tolerances& allowed = report.tolerances;
  return table(rows) + fmt::format("  {}: makespan {:g} %, peak memory {:g} %, crossings {:g} %\n",
                                   report.passed() ? "allowed to grow by" : "* grew by more than allowed",
                                   allowed.makespan * 100, allowed.peak_memory * 100, allowed.crossings * 100);
}

std::vector<const Metrics*> metrics_in(const CheckReport& report) {
  std::vector<const Metrics*> metrics = {&report.stored, &report.fresh};
  if (report.rescorable) metrics.push_back(&report.rescored);
  return metrics;
}

// What to do now.
std::string advice(const CheckReport& report) {
  if (!report.rescorable) return "\nthe stored placement cannot be re-scored: " + report.obstacle + "\n";
  if (report.passed()) return "";
  if (report.regressions.front().fresh)
    return "\nthe stored placement is still as good as it was; today's search found a worse one: raise its budget, or "
           "keep the stored one with --placement\n";
  if (report.model_changed || report.costs_changed || report.cluster_changed)
    return "\nthe stored placement itself got worse by what changed; if that is meant, store today's placement as the "
           "new baseline with --update\n";
  return "\nmodel, costs and cluster are the same and yet the stored placement scores worse: the baseline was written "
         "by another version, or edited\n";
}

}  // namespace

std::string verdict(const CheckReport& report) { return verdict_of(report, figures(metrics_in(report))); }

std::string to_text(const CheckReport& report) {
  const std::vector<Figure> all = figures(metrics_in(report));
  std::string text = verdict_of(report, all) + "\n" + causes(report);
  for (const auto& detail : report.changes.details) text += "  " + detail + "\n";
  return text + "\n" + metrics_table(report, all) + advice(report) + changes_text(report.changes);
}

std::string to_text(const std::vector<ModelCheck>& checks) {
  if (checks.size() == 1 && checks[0].error.empty()) return to_text(checks[0].report);
  std::string text;
  size_t passed = 0;
  for (const ModelCheck& check : checks) {
    passed += check.passed();
    const std::string result = !check.error.empty()  ? "ERROR: " + check.error + "\n"
                               : check.passed() ? verdict(check.report) + "\n"
                                                : to_text(check.report) + "\n";
    text += base::printable(check.model) + ": " + result;
  }
  return text + fmt::format("{} models: {} passed, {} did not\n", checks.size(), passed, checks.size() - passed);
}

std::string diff_text(const Sidecar& a, const Sidecar& b) {
  const Changes changes = compare_placements(a, b);
  const double before = a.metrics.makespan_us, after = b.metrics.makespan_us;
  std::string text = fmt::format("{} of {} ops are on another device; makespan {} -> {}\n", changes.moved_ops,
                                 changes.compared, human_us(before), with_percent(human_us(after), before, after));
  std::vector<std::string> changed;
  if (a.graph_hash != b.graph_hash) changed.push_back("model");
  if (a.costs_hash != b.costs_hash) changed.push_back("costs");
  if (a.cluster_hash != b.cluster_hash) changed.push_back("cluster");
  if (a.method != b.method)
    changed.push_back(fmt::format("method {} -> {}", base::printable(a.method), base::printable(b.method)));
  if (!changed.empty()) text += "different: " + joined(changed) + "\n";
  for (const auto& detail : changes.details) text += "  " + detail + "\n";

  std::vector<std::vector<std::string>> rows = {{"", "first", "second"}};
  for (const Figure& figure : figures({&a.metrics, &b.metrics})) {
    const double x = figure.value(a.metrics), y = figure.value(b.metrics);
    rows.push_back({figure.label, figure.shown(x), with_percent(figure.shown(y), x, y)});
  }
  return text + "\n" + table(rows) + changes_text(changes);
}

}  // namespace allot::place
