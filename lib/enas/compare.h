// SPDX-License-Identifier: Apache-2.0
// Whole searches, and what every search is held against.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "enas/child_training.h"
#include "enas/search.h"
#include "train/run_folder.h"
#include "train/text_table.h"

namespace allot::enas {

struct RunContext {
  uint64_t seed = 0;
  unsigned threads = 0;
  const std::atomic<bool>* stop = nullptr;
  dist::Team* team = nullptr;  // of several ranks, the first alone has a folder
  bool shown = false;          // progress on standard error
  base::Replace replace = base::Replace::own;
};

/// What stands beside a search, and how children are trained alone.
struct BesideOptions {
  std::vector<std::string> beside = {"random", "children"};  // searches with shared weights by chance; children alone
  int64_t retrain_steps = 0;                                 // of children trained alone; 0: as many as the search has
  int64_t recalibration = 100;   // batches that statistics of a child with shared weights are taken over
  int64_t finalists = 0;         // the first children of a ranking, which a training alone puts in order
  int64_t finalist_steps = 100;  // of that training

  void bind(config::Binder& binder);
};

struct Outcome {
  train::Ended ended = train::Ended::budget;
  int64_t steps = 0, judged_items = 0, validation_items = 0;
  double seconds = 0, cpu_seconds = 0;
  std::vector<Judged> ranking;  // best first
};

/// All: trains and ranks. With a folder it leaves there archs.jsonl, best/supergraph.onnx with the trained weights,
/// best/child.onnx with statistics of its own, and best/ranking.json. A search that was stopped ranks nothing.
/// Errors: those of Search and train::Loop.
Outcome run_search(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                   const RunContext& context, const BesideOptions& beside, train::RunFolder* folder);

/// All: brings the first `beside.finalists` of `ranking` in the order of the rewards they earn after a short training
/// alone, each from weights of its own: scores by shared weights tell good children apart only roughly. Stopped, it
/// leaves the ranking as it is. Source: specification of enas-search, 6.4 (iii).
void rank_finalists(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                    const RunContext& context, const BesideOptions& beside, std::vector<Judged>& ranking);

/// The same weights' training with architectures by chance, and as many validation items spent on ranking as the
/// search `of` spent on rewards and ranking.
SearchOptions random_search(const SearchOptions& options, const Outcome& of);

/// One way to come to a child, and how that child does when it is trained alone.
struct Contestant {
  std::string method, child;
  double shared_score = 0;  // quality by shared weights: ranks children, says nothing of their quality
  ChildScores scores;
  double cpu_seconds = 0;  // of the way, without the last training
  int64_t looked_at = 0;   // children that were compared
};

/// All: the search's choice; and, as options say, that of random search with shared weights, and the best of as many
/// random children as can be trained in the search's CPU seconds (at least one), and their mean.
std::vector<Contestant> compare(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options,
                                const RunContext& context, const BesideOptions& beside, const Outcome& outcome);

train::TextTable contestant_table(const std::vector<Contestant>& contestants);
std::string to_json(const Outcome& outcome, const std::vector<Contestant>& contestants);

/// Writes `child` with the weights of `supergraph`, recalibrated on `feed` unless that is null.
void write_child(const Supergraph& supergraph, const Child& child, const Feed* feed, const SearchOptions& options,
                 int64_t recalibration, const std::map<std::string, std::string>& provenance, const std::string& path,
                 base::Replace replace);

/// The supergraph of a file.  Errors: those of onnxio::read, read_space and Supergraph.
Supergraph open_supergraph(const std::string& path, const std::string& space_path = {});

/// All: CPU seconds of the ranks together so far.
double cpu_seconds(dist::Team* team);
/// All: whether none was asked to stop.
bool goes_on(const RunContext& context);

/// A child to be trained alone, from weights drawn by `seed`.
struct Lesson {
  Assignment assignment;
  uint64_t seed = 0;
};
/// All: what becomes of children that are trained alone, dealt to the ranks. Where a rank was asked to stop, scores of
/// children that were not trained to their end.
std::vector<ChildScores> train_each_alone(const Supergraph& supergraph, const Datasets& datasets,
                                          const SearchOptions& options, const RunContext& context, int64_t steps,
                                          const std::vector<Lesson>& lessons);

}  // namespace allot::enas
