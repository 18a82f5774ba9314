// SPDX-License-Identifier: Apache-2.0
// What a search left in its folder, read back.
#pragma once

#include <string>
#include <vector>

#include "cli/app.h"
#include "enas/score_table.h"
#include "options.h"

namespace allot {

/// The options that a run had. Errors: those of config::load_yaml and config::apply_yaml.
struct StoredRun {
  explicit StoredRun(const std::string& folder);
  cli::CommonOptions common;
  Options options;
};

// Errors of all: input_missing; malformed with file and line.
enas::Outcome read_outcome(const std::string& folder);  // budgets alone
std::vector<enas::Contestant> read_contestants(const std::string& folder);
std::vector<enas::Judged> read_ranking(const std::string& folder, const enas::Supergraph& supergraph);
/// The `place`-th best, from 1. Errors: usage where there are fewer.
std::string ranked_architecture(const std::string& folder, int64_t place);

/// By the run's weights, the table's children are scored on its validation items.
enas::TableVerdict judge_run(const StoredRun& run, const enas::Supergraph& supergraph, const enas::ScoreTable& table,
                             const std::vector<enas::Contestant>& contestants);
std::string verdict_text(const enas::TableVerdict& verdict, const enas::ScoreTable& table);
std::string verdict_json(const enas::TableVerdict& verdict);

}  // namespace allot
