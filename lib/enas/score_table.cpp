// SPDX-License-Identifier: Apache-2.0
#include "enas/score_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "base/log.h"
#include "enas/constraint.h"
#include "train/statistics.h"

namespace allot::enas {
namespace {

constexpr const char* kSchema = "allot.nas-table/1";
constexpr uint32_t kStream = 0x656e7461;
constexpr uint64_t kMostChildren = 100'000;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<Assignment> children_of(const Supergraph& supergraph, int64_t samples, uint64_t seed) {
  const Space& space = supergraph.space();
  const SpaceSize size = size_of(space);
  std::vector<Assignment> children;
  if (samples == 0 && (!size.exact || *size.exact > kMostChildren))
    throw base::Error(base::ErrorKind::usage, "table", fmt::format("the space has 10^{:.1f} children", size.log10),
                      "train some of them: --table-samples");
  if (samples == 0 || (size.exact && static_cast<uint64_t>(samples) >= *size.exact)) {
    for (uint64_t i = 0; i < *size.exact; ++i) {
      Assignment assignment = assignment_at(space, i);
      if (keeps_constraints(supergraph, supergraph.child(assignment))) children.push_back(std::move(assignment));
    }
    return children;
  }
  std::set<std::string> seen;
  for (uint32_t i = 0; static_cast<int64_t>(children.size()) < samples && i < 100 * samples; ++i) {
    Assignment assignment = random_allowed(supergraph, seed, kStream, 0, i);
    if (seen.insert(supergraph.child(assignment).name).second) children.push_back(std::move(assignment));
  }
  return children;
}

/// Ranks from 0; equal values share the mean of theirs.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (size_t k = i; k < end; ++k) result[order[k]] = static_cast<double>(i + end - 1) / 2;
    i = end;
  }
  return result;
}

}  // namespace

double TableRow::mean_test() const {
  const auto& scores = !test.empty() && std::isfinite(test[0]) ? test : validation;
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

double ScoreTable::rank(double score) const {
  const auto better =
      std::count_if(rows.begin(), rows.end(), [&](const TableRow& row) { return row.mean_test() > score; });
  return static_cast<double>(better) / static_cast<double>(rows.size());
}

double ScoreTable::best() const {
  double best = -std::numeric_limits<double>::infinity();
  for (const TableRow& row : rows) best = std::max(best, row.mean_test());
  return best;
}

double ScoreTable::agreement() const {
  std::vector<double> correlations;
  for (size_t a = 0; a < static_cast<size_t>(seeds); ++a)
    for (size_t b = a + 1; b < static_cast<size_t>(seeds); ++b) {
      std::vector<double> of_a, of_b;
      for (const TableRow& row : rows) {
        of_a.push_back(row.validation[a]);
        of_b.push_back(row.validation[b]);
      }
      correlations.push_back(spearman(of_a, of_b));
    }
  return correlations.empty() ? kNone : train::summarize(correlations).mean;
}

ScoreTable make_table(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                      int64_t steps, int64_t samples, int64_t seeds, const RunContext& context) {
  const std::vector<Assignment> children = children_of(supergraph, samples, context.seed);
  const SpaceSize size = size_of(supergraph.space());
  ScoreTable table{{}, seeds, size.exact && children.size() == *size.exact};
  const size_t at_once = context.team ? context.team->size() : 1;
  for (size_t begin = 0; begin < children.size() && goes_on(context); begin += at_once) {
    const size_t end = std::min(begin + at_once, children.size());
    std::vector<Lesson> lessons;
    for (size_t i = begin; i < end; ++i)
      for (int64_t seed = 0; seed < seeds; ++seed)
        lessons.push_back({children[i], context.seed + static_cast<uint64_t>(seed)});
    const auto scores = train_each_alone(supergraph, datasets, options, context, steps, lessons);
    for (size_t i = begin, next = 0; i < end; ++i) {
      TableRow row{supergraph.child(children[i]).name, {}, {}};
      for (int64_t seed = 0; seed < seeds; ++seed, ++next) {
        row.validation.push_back(scores[next].validation);
        row.test.push_back(scores[next].test);
      }
      base::verbose("{} of {}: {}", i + 1, children.size(), row.arch);
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::string to_text(const ScoreTable& table) {
  base::JsonWriter json(1);
  json.begin_object().field("schema", kSchema).field("seeds", table.seeds).field("whole", table.whole);
  json.key("children").begin_array();
  for (const TableRow& row : table.rows) {
    json.begin_object(true).field("arch", row.arch).field("validation", row.validation);
    if (!row.test.empty() && std::isfinite(row.test[0])) json.field("test", row.test);
    json.end_object();
  }
  return json.end_array().end_object().str();
}

ScoreTable read_table(const std::string& path) {
  const base::JsonSource source{path, base::read_text(path), "write it with enas-search table"};
  const auto document = base::parse_json(source.text, path);
  const base::JsonObject top(source, document, "", {"schema", "seeds", "whole", "children"});
  if (top.text("schema") != kSchema) top.fail("schema", fmt::format("is not '{}'", kSchema), source.remedy);
  ScoreTable table;
  table.seeds = top.integer("seeds", 1, 1 << 20);
  table.whole = top.truth("whole");
  top.for_each("children", {"arch", "validation"}, {"test"}, [&](const base::JsonObject& row) {
    TableRow read{row.text("arch"), row.list_of_numbers("validation"), {}};
    if (row.has("test")) read.test = row.list_of_numbers("test");
    if (static_cast<int64_t>(read.validation.size()) != table.seeds)
      row.fail("validation", "has another number of scores than there are seeds", source.remedy);
    table.rows.push_back(std::move(read));
  });
  if (table.rows.empty()) top.fail("children", "is empty", source.remedy);
  return table;
}

double kendall_tau(const std::vector<double>& a, const std::vector<double>& b) {
  double agree = 0, tied_a = 0, tied_b = 0, pairs = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = i + 1; j < a.size(); ++j) {
      const double x = a[i] - a[j], y = b[i] - b[j];
      ++pairs;
      tied_a += x == 0;
      tied_b += y == 0;
      if (x != 0 && y != 0) agree += (x > 0) == (y > 0) ? 1 : -1;
    }
  return agree / std::sqrt((pairs - tied_a) * (pairs - tied_b));
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double mean = static_cast<double>(a.size() - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xy / std::sqrt(xx * yy);
}

TableVerdict judge_by(const ScoreTable& table, const std::vector<double>& shared, double score) {
  TableVerdict verdict{table.rank(score), table.best() - score, 0, 0};
  std::vector<double> own;
  for (const TableRow& row : table.rows) own.push_back(row.mean_test());
  verdict.tau = kendall_tau(shared, own);
  std::vector<size_t> order(own.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return own[a] > own[b]; });
  order.resize(std::max<size_t>(2, order.size() / 5));
  std::vector<double> best_shared, best_own;
  for (const size_t i : order) {
    if (i >= own.size()) continue;
    best_shared.push_back(shared[i]);
    best_own.push_back(own[i]);
  }
  verdict.tau_of_best = kendall_tau(best_shared, best_own);
  return verdict;
}

}  // namespace allot::enas
