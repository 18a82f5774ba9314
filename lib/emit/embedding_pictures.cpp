// SPDX-License-Identifier: Apache-2.0
#include "emit/embedding_pictures.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "emit/page_parts.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/palette.h"

namespace allot::emit {
namespace {

using graph::OpId;
using place::UnitId;

/// The op of a unit that takes longest where it is fastest.
OpId longest_op(const place::Problem& problem, UnitId unit) {
  const auto least_ps = [&](OpId op) {
    int64_t least = cost::kCannotRun;
    for (cluster::DeviceId device = 0; device < problem.devices(); ++device)
      least = std::min(least, problem.costs().time(op, device));
    return least;
  };
  const auto ops = problem.graph().members[unit];
  return *std::max_element(ops.begin(), ops.end(), [&](OpId a, OpId b) { return least_ps(a) < least_ps(b); });
}

/// Categories with names, and that of each unit drawn.
struct Categories {
  std::vector<std::string> names;
  std::vector<size_t> of;
};

/// By operator type, the most frequent first; what has no colour of its own is "other".
Categories by_type(const place::Problem& problem, const EmbeddingPicture& picture) {
  const graph::OpGraph& graph = problem.graph();
  std::vector<size_t> type, count(graph.type_names.size());
  for (const UnitId unit : picture.units) ++count[type.emplace_back(graph.type[longest_op(problem, unit)])];
  std::vector<size_t> order(count.size()), place(count.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return count[a] > count[b]; });
  std::erase_if(order, [&](size_t t) { return count[t] == 0; });
  const size_t named = order.size() > report::kColours ? report::kColours - 1 : order.size();
  Categories categories;
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = std::min(i, named);
    if (i < named) categories.names.push_back(shown(graph.type_names[order[i]]));
  }
  if (named < order.size()) categories.names.emplace_back("other");
  for (const size_t t : type) categories.of.push_back(place[t]);
  return categories;
}

Categories by_device(const place::Problem& problem, const EmbeddingPicture& picture) {
  Categories categories;
  for (const auto& device : problem.cluster().devices) categories.names.push_back(shown(device.name));
  for (const UnitId unit : picture.units) categories.of.push_back(picture.devices[unit]);
  return categories;
}

/// "/layer.0/MatMul and 3 more (MatMul, Add) on gpu0, group 12"
std::string tooltip(const place::Problem& problem, const EmbeddingPicture& picture, UnitId unit) {
  constexpr size_t kNamedTypes = 4;
  const graph::OpGraph& graph = problem.graph();
  const auto ops = graph.members[unit];
  std::string more, types;
  if (ops.size() > 1) more = fmt::format(" and {} more", ops.size() - 1);
  for (size_t i = 0; i < std::min(ops.size(), kNamedTypes); ++i)
    types += fmt::format("{}{}", i > 0 ? ", " : "", shown(graph.type_names[graph.type[ops[i]]]));
  if (ops.size() > kNamedTypes) types += ", …";
  std::string text = fmt::format("{}{} ({}) on {}", shown(graph.op_names[ops.front()]), more, types,
                                 shown(problem.cluster().devices[picture.devices[unit]].name));
  if (!picture.groups.empty()) text += fmt::format(", group {}", picture.groups[unit]);
  return text;
}

std::string axis_name(const char* which, double explained) {
  return fmt::format("{} principal component ({} of the variance)", which, percent(explained));
}

std::string chart(const place::Problem& problem, const EmbeddingPicture& picture, const Categories& categories) {
  std::vector<report::Dot> dots;
  for (size_t i = 0; i < picture.units.size(); ++i) dots.push_back({picture.x[i], picture.y[i], categories.of[i]});
  return report::scatter_chart(dots, categories.names, axis_name("first", picture.explained[0]),
                               axis_name("second", picture.explained[1]),
                               [&](size_t i) { return tooltip(problem, picture, picture.units[i]); });
}

}  // namespace

std::string embedding_pictures(const place::Problem& problem, const EmbeddingPicture& picture) {
  if (picture.units.empty()) return {};
  return "<h3>By operator</h3>\n" + chart(problem, picture, by_type(problem, picture)) +
         "<h3>By device where the policy finds it likeliest</h3>\n" +
         chart(problem, picture, by_device(problem, picture));
}

std::string embedding_page(const std::string& model, const place::Problem& problem, const EmbeddingPicture& picture,
                           const std::vector<std::pair<std::string, std::string>>& facts) {
  const std::set<cluster::DeviceId> used(picture.devices.begin(), picture.devices.end());
  report::Page page("Embeddings of " + shown(model));
  page.html(report::tiles(
      {{"Operations", std::to_string(problem.graph().num_ops()),
        fmt::format("in {} units", problem.graph().num_units())},
       {"Placed by the policy", std::to_string(picture.units.size()), "units that may use several devices"},
       {"Devices", std::to_string(used.size()), fmt::format("of {} in the likeliest placement", problem.devices())},
       {"Shown of the variance", percent(picture.explained[0] + picture.explained[1]), "by two components"}}));
  page.section("Learned embeddings", picture.units.empty() ? "<p>No unit may use more than one device.</p>\n"
                                                           : embedding_pictures(problem, picture));
  page.section("Origin", report::facts(facts));
  page.html("<footer>Generated by Allot.</footer>\n");
  return page.str();
}

}  // namespace allot::emit
