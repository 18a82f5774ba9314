// SPDX-License-Identifier: Apache-2.0
// Children trained alone, which searches are held against: how good their choice and their ranking are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "enas/compare.h"

namespace allot::enas {

struct TableRow {
  std::string arch;
  std::vector<double> validation, test;  // quality by seed

  double mean_test() const;  // of validation where there is no test
};

struct ScoreTable {
  std::vector<TableRow> rows;
  int64_t seeds = 0;
  bool whole = false;  // every child of the space

  /// Share of rows with a better mean than `score`, in [0, 1].
  double rank(double score) const;
  double best() const;
  /// Spearman's correlation of two seeds' scores, the mean over pairs; NaN for one seed: the table's own noise.
  double agreement() const;
};

/// `samples` random children, or all of them if that is 0, each trained alone for `steps` steps with each seed from
/// `seed` on. Errors: usage for all of more than 100,000; those of train_alone.
ScoreTable make_table(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                      int64_t steps, int64_t samples, int64_t seeds, const RunContext& context);

/// allot.nas-table/1 (JSON).
std::string to_text(const ScoreTable& table);
/// Errors: malformed with file and line.
ScoreTable read_table(const std::string& path);

/// Kendall's tau-b: agreement of two orders, from -1 to 1; NaN where one says nothing.
double kendall_tau(const std::vector<double>& a, const std::vector<double>& b);
double spearman(const std::vector<double>& a, const std::vector<double>& b);

/// How a search did by a table.
struct TableVerdict {
  double rank = 0, regret = 0;      // of the chosen child: share of better ones; best score less its own
  double tau = 0, tau_of_best = 0;  // of shared and own scores, over all rows and over the best fifth
};
/// `shared`: scores of the rows by shared weights; `score`: the chosen child's, trained alone.
TableVerdict judge_by(const ScoreTable& table, const std::vector<double>& shared, double score);

}  // namespace allot::enas
