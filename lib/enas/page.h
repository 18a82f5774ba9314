// SPDX-License-Identifier: Apache-2.0
// What a search shows of itself.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "enas/compare.h"
#include "enas/score_table.h"
#include "train/record.h"

namespace allot::enas {

/// A line of archs.jsonl.
struct Seen {
  int64_t update = 0;
  std::string arch;
  double quality = 0, reward = 0;
  Costs costs;
};
/// Errors: malformed with file and line; input_missing.
std::vector<Seen> read_archive(const std::string& path);

struct SearchPage {
  const Supergraph* supergraph = nullptr;
  std::vector<Judged> ranking;
  std::vector<Contestant> contestants;
  std::vector<Seen> archive;
  std::optional<TableVerdict> verdict;
  std::optional<ScoreTable> table;
  std::vector<train::Record> records;
  std::vector<std::pair<std::string, std::string>> facts;
};

/// How often each alternative was decided for in the last third of the updates, the most frequent first.
train::TextTable decision_table(const Supergraph& supergraph, const std::vector<Seen>& archive);

/// The result, what it is held against, the best children, decisions, the Pareto set, the chosen child's places and
/// what they take, and curves.
std::string page_of(const SearchPage& page);

}  // namespace allot::enas
