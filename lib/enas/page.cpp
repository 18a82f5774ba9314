// SPDX-License-Identifier: Apache-2.0
#include "enas/page.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/svg.h"
#include "train/page.h"

namespace allot::enas {
namespace {

constexpr size_t kListed = 20;
constexpr double kRowHeight = 34, kTop = 24;

std::string number(double value, int decimals = 4) {
  return std::isnan(value) ? std::string("–") : fmt::format("{:.{}f}", value, decimals);
}

train::TextTable ranking_table(const std::vector<Judged>& ranking) {
  train::TextTable table{{"#", "score by shared weights", "reward", "architecture"}, {}};
  for (size_t i = 0; i < std::min(kListed, ranking.size()); ++i)
    table.rows.push_back(
        {std::to_string(i + 1), number(ranking[i].quality), number(ranking[i].reward), ranking[i].name});
  return table;
}

/// Quality against the first cost that was counted.
std::string pareto_chart(const std::vector<Judged>& ranking) {
  if (ranking.empty() || ranking[0].costs.empty()) return "";
  const std::string cost_name = "macs";
  std::vector<double> quality, cost;
  for (const Judged& each : ranking) {
    quality.push_back(each.quality);
    cost.push_back(each.costs.at(cost_name));
  }
  std::vector<report::Dot> dots;
  for (size_t i = 0; i < quality.size(); ++i) dots.push_back({cost[i], quality[i], 0});
  for (const size_t i : pareto_set(quality, cost)) dots[i].category = 1;
  return report::scatter_chart(dots, {"others", "no other is better in both"}, "multiply-accumulates",
                               "score by shared weights", [&](size_t i) { return ranking[i].name; });
}

/// A place of the child and the earlier places it takes.
struct DrawnPlace {
  std::string name, label;
  std::vector<std::string> takes;
};

std::vector<DrawnPlace> places_of(const Supergraph& supergraph, const Child& child) {
  std::vector<DrawnPlace> places;
  DrawnPlace open;
  const auto& variables = supergraph.space().variables;
  for (size_t v = 0; v < variables.size(); ++v) {
    if (!child.active_variables[v]) continue;
    const Variable& variable = variables[v];
    for (const uint32_t i : child.assignment[v]) {
      if (!variable.anchors.empty())
        open.takes.push_back(variable.anchors[i]);
      else
        open.label += (open.label.empty() ? "" : " + ") + variable.labels[i];
    }
    if (variable.anchor.empty()) continue;
    open.name = variable.anchor;
    places.push_back(std::exchange(open, {}));
  }
  return places;
}

/// Places from top to bottom, a line from each to those that take it.
std::string drawing(const Supergraph& supergraph, const Child& child) {
  const std::vector<DrawnPlace> places = places_of(supergraph, child);
  if (places.empty()) return "";
  std::map<std::string, size_t> row;
  std::vector<std::string> names;
  const auto know = [&](const std::string& name) {
    if (row.emplace(name, names.size()).second) names.push_back(name);
  };
  for (const DrawnPlace& place : places) {
    for (const std::string& taken : place.takes) know(taken);
    know(place.name);
  }
  const auto y = [&](const std::string& name) { return kTop + kRowHeight * static_cast<double>(row.at(name)); };
  report::Svg svg(100, kTop + kRowHeight * static_cast<double>(names.size()));
  for (const DrawnPlace& place : places)
    for (const std::string& taken : place.takes) {
      const double from = y(taken), to = y(place.name),
                   bend = 30 - 2.2 * std::min(10.0, std::abs(to - from) / kRowHeight);
      svg.path({{34, from}, {bend, (from + to) / 2}, {34, to}}, "curve c0",
               fmt::format("{} takes {}", place.name, taken));
    }
  for (const std::string& name : names) {
    svg.dot(34, y(name), "c1", name);
    const auto place =
        std::find_if(places.begin(), places.end(), [&](const DrawnPlace& each) { return each.name == name; });
    svg.text(37, y(name) + 4,
             place == places.end() || place->label.empty() ? name : fmt::format("{}: {}", name, place->label));
  }
  return svg.str("the chosen child: what each place computes, and which earlier ones it takes");
}

}  // namespace

std::vector<Seen> read_archive(const std::string& path) {
  std::vector<Seen> archive;
  std::istringstream in(base::read_text(path));
  size_t line_number = 0;
  for (std::string line; std::getline(in, line);) {
    const base::JsonSource source{fmt::format("{}:{}", path, ++line_number), line,
                                  "begin the search anew with --force"};
    const auto document = base::parse_json(source.text, source.path);
    const base::JsonObject object(source, document, "", {"update", "arch", "quality", "reward"},
                                  {"macs", "params", "peak-memory", "latency"});
    Seen seen{object.integer("update"),
              object.text("arch"),
              object.number("quality"),
              document.at("reward").get<double>(),
              {}};
    for (const char* cost : {"macs", "params", "peak-memory", "latency"})
      if (object.has(cost)) seen.costs[cost] = object.number(cost);
    archive.push_back(std::move(seen));
  }
  return archive;
}

train::TextTable decision_table(const Supergraph& supergraph, const std::vector<Seen>& archive) {
  train::TextTable table{{"variable", "decided", "how often"}, {}};
  if (archive.empty()) return table;
  const Space& space = supergraph.space();
  const int64_t last = archive.back().update, first = last - (last - archive.front().update) / 3;
  std::vector<std::map<std::string, int64_t>> counts(space.variables.size());
  int64_t total = 0;
  for (const Seen& seen : archive) {
    if (seen.update < first) continue;
    ++total;
    const Child child = supergraph.child(parse_assignment(space, seen.arch));
    for (size_t v = 0; v < counts.size(); ++v) {
      if (!child.active_variables[v]) continue;
      if (child.assignment[v].empty()) ++counts[v]["none"];
      for (const uint32_t i : child.assignment[v]) ++counts[v][space.variables[v].labels[i]];
    }
  }
  for (size_t v = 0; v < counts.size(); ++v) {
    std::vector<std::pair<int64_t, std::string>> order;
    for (const auto& [label, count] : counts[v]) order.emplace_back(-count, label);
    std::sort(order.begin(), order.end());
    for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
      table.rows.push_back(
          {i == 0 ? space.variables[v].name : "", order[i].second,
           fmt::format("{:.0f} %", -100.0 * static_cast<double>(order[i].first) / static_cast<double>(total))});
  }
  return table;
}

std::string page_of(const SearchPage& page) {
  train::TrainingPage out;
  out.title = "Architecture search with shared weights";
  if (!page.contestants.empty()) {
    const Contestant& search = page.contestants.front();
    out.tiles.push_back({fmt::format("{} of the chosen child", search.scores.figure_name), number(search.scores.figure),
                         "trained alone"});
    out.sections.push_back({"Held against", train::to_html(contestant_table(page.contestants))});
  }
  if (page.verdict) {
    out.tiles.push_back(
        {"Rank in the table", fmt::format("{:.1f} %", 100 * page.verdict->rank), "of children are better"});
    out.tiles.push_back({"Regret", number(page.verdict->regret), "best of the table less the chosen child"});
    out.tiles.push_back({"Kendall's tau", number(page.verdict->tau, 2),
                         fmt::format("of the table's best fifth {}", number(page.verdict->tau_of_best, 2))});
  }
  if (page.table && page.table->seeds > 1)
    out.tiles.push_back(
        {"The table's own agreement", number(page.table->agreement(), 2), "Spearman between its seeds"});
  if (page.supergraph && !page.ranking.empty()) {
    const Child child = page.supergraph->child(page.ranking[0].assignment);
    if (std::string svg = drawing(*page.supergraph, child); !svg.empty())
      out.sections.push_back({"The chosen child", svg});
  }
  if (!page.ranking.empty())
    out.sections.push_back({"Best children by shared weights", train::to_html(ranking_table(page.ranking))});
  if (std::string chart = pareto_chart(page.ranking); !chart.empty())
    out.sections.push_back({"Quality and cost", chart});
  if (page.supergraph && !page.archive.empty())
    out.sections.push_back(
        {"Decisions in the last third", train::to_html(decision_table(*page.supergraph, page.archive))});
  out.records = page.records;
  out.facts = page.facts;
  return train::render(out);
}

}  // namespace allot::enas
