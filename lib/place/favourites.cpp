// SPDX-License-Identifier: Apache-2.0
#ifdef ALLOT_CLP
#include "place/favourites.h"

#include <algorithm>
#include <memory>

#include <Clp_C_Interface.h>

#include "place/ranks.h"
#include "place/stop.h"

namespace allot::place {
namespace {

using graph::kNone;

constexpr uint32_t kWindow = 1000;  // ops
constexpr double kFavourite = 0.1;  // x below this is a favourite edge
constexpr double kPsPerUnit = 1e6;  // the programme counts in microseconds
constexpr double kInfinity = 1e30;

struct Edge {
  OpId from, to;
  double transfer;
};

/// Least cost where each row is at least its number; written by rows, which Clp wants by column.
class Programme {
 public:
  /// Columns are from 0 on.
  explicit Programme(size_t columns)
      : entries_(columns), cost_(columns, 0), lower_(columns, 0), upper_(columns, kInfinity) {}

  void set_cost(size_t column, double value) { cost_[column] = value; }
  void set_upper(size_t column, double value) { upper_[column] = value; }
  void add(size_t column, double value) { entries_[column].emplace_back(rows(), value); }
  void end_row(double least) { least_.push_back(least); }

  /// Values of the columns, or nothing if Clp found no optimum.
  std::vector<double> solve() const {
    std::vector<CoinBigIndex> start{0};
    std::vector<int> index;
    std::vector<double> value;
    for (const auto& column : entries_) {
      for (const auto& [row, coefficient] : column) index.push_back(row), value.push_back(coefficient);
      start.push_back(static_cast<CoinBigIndex>(index.size()));
    }
    const std::vector<double> most(least_.size(), kInfinity);
    const std::unique_ptr<Clp_Simplex, void (*)(Clp_Simplex*)> model(Clp_newModel(), Clp_deleteModel);
    Clp_setLogLevel(model.get(), 0);
    Clp_loadProblem(model.get(), static_cast<int>(entries_.size()), rows(), start.data(), index.data(), value.data(),
                    lower_.data(), upper_.data(), cost_.data(), least_.data(), most.data());
    Clp_dual(model.get(), 0);
    if (Clp_status(model.get()) != 0) return {};
    const double* const solution = Clp_primalColumnSolution(model.get());
    return {solution, solution + entries_.size()};
  }

 private:
  int rows() const { return static_cast<int>(least_.size()); }

  std::vector<std::vector<std::pair<int, double>>> entries_;  // by column: row, coefficient
  std::vector<double> cost_, lower_, upper_, least_;
};

/// x of each edge. Columns: the start of each op, the makespan, x.
std::vector<double> solve(const Problem& problem, OpId first, OpId last, const std::vector<Edge>& edges) {
  const size_t ops = last - first, makespan = ops, x = ops + 1;
  Programme programme(x + edges.size());
  programme.set_cost(makespan, 1);
  std::vector<std::vector<size_t>> out(ops), in(ops);
  for (size_t i = 0; i < edges.size(); ++i) {
    const auto& [from, to, transfer] = edges[i];
    programme.set_upper(x + i, 1);
    programme.add(to - first, 1);
    programme.add(from - first, -1);
    programme.add(x + i, -transfer);
    programme.end_row(mean_time_ps(problem, from) / kPsPerUnit);
    out[from - first].push_back(x + i);
    in[to - first].push_back(x + i);
  }
  for (OpId op = first; op < last; ++op) {
    programme.add(makespan, 1);
    programme.add(op - first, -1);
    programme.end_row(mean_time_ps(problem, op) / kPsPerUnit);
    for (const auto* ends : {&out[op - first], &in[op - first]}) {
      if (ends->size() < 2) continue;
      for (const size_t column : *ends) programme.add(column, 1);
      programme.end_row(static_cast<double>(ends->size()) - 1);
    }
  }
  std::vector<double> solution = programme.solve();
  if (!solution.empty()) solution.erase(solution.begin(), solution.begin() + static_cast<std::ptrdiff_t>(x));
  return solution;
}

/// An edge for each producer and consumer, with the longest transfer between them.
std::vector<Edge> edges_within(const Problem& problem, OpId first, OpId last, const MeanTransfer& transfer) {
  const auto& graph = problem.graph();
  std::vector<Edge> edges;
  for (OpId op = first; op < last; ++op) {
    for (const graph::TensorId tensor : graph.inputs[op]) {
      const OpId producer = graph.producer[tensor];
      if (producer == kNone || producer < first) continue;
      const double sent = transfer(problem.costs().tensor_bytes[tensor]) / kPsPerUnit;
      if (!edges.empty() && edges.back().from == producer && edges.back().to == op)
        edges.back().transfer = std::max(edges.back().transfer, sent);
      else
        edges.push_back({producer, op, sent});
    }
  }
  return edges;
}

}  // namespace

std::vector<OpId> favourites(const Problem& problem, const Budget& budget) {
  const uint32_t ops = problem.graph().num_ops();
  const MeanTransfer transfer(problem.cluster());
  std::vector<OpId> favourite(ops, kNone), favoured_by(ops, kNone);
  for (OpId first = 0; first < ops; first += std::min(kWindow, ops - first)) {
    end_if_stopped(budget);
    const OpId last = first + std::min(kWindow, ops - first);
    const std::vector<Edge> edges = edges_within(problem, first, last, transfer);
    const std::vector<double> x = solve(problem, first, last, edges);
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i] >= kFavourite) continue;
      const auto [from, to, unused] = edges[i];
      if (favourite[from] != kNone) favoured_by[favourite[from]] = kNone;  // rounding: the last one wins
      if (favoured_by[to] != kNone) favourite[favoured_by[to]] = kNone;
      favourite[from] = to;
      favoured_by[to] = from;
    }
  }
  return favourite;
}

}  // namespace allot::place

#endif
