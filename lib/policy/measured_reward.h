// SPDX-License-Identifier: Apache-2.0
// Placements judged by how long they take when they are run.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "measure/reward.h"
#include "place/evaluator.h"
#include "policy/canonical.h"
#include "policy/reward.h"

namespace allot::policy {

/// Who runs placements, and what they are to it: the device of each main-graph node.
struct Execution {
  measure::Runner* runner;
  std::function<std::vector<place::DeviceId>(const place::UnitPlacement&)> device_of_node;

  /// A mean that no run can take, such as the largest number there is, is a failure, too.
  measure::Measurement measure(const place::UnitPlacement& placement) const;
};

struct MeasuredRewardOptions {
  uint32_t yardstick_every = 8;             // measurements; at least 2
  uint32_t hopeless = 16;                   // placements that fail before one has run
  const std::atomic<bool>* stop = nullptr;  // set to make judge() throw base::Stopped before the next measurement
};

/// Scores are robust means of measured times; a placement that fails has its simulated score, which does not fit.
/// Each canonical placement is measured once.
///
/// Machines drift: clocks, heat and neighbours make all runs slower or faster. So the first placement that runs, to be
/// the incumbent, is the yardstick: it is measured again as every `yardstick_every`-th measurement, and at the end of a
/// call that measured half as many since. Its time over its first time is the level, and the times of the others are
/// divided by the level at their turn, on the line between the readings around them, or at the last one where none
/// follows: all are as if measured when the yardstick first was.
/// The yardstick stays the same when others beat it. One that was chosen for its good time has partly been lucky, would
/// take longer when it is read again, and so make all that follow look better than they are, time after time.
class MeasuredReward : public Reward {
 public:
  /// The problem and runner must outlive it.
  MeasuredReward(const place::Problem& problem, Execution execution, MeasuredRewardOptions options = {});

  /// Errors: also those of the runner; of the kind of the first failure when `hopeless` placements failed and none ran.
  std::vector<Judgement> judge(std::span<const place::UnitPlacement> placements) override;
  uint64_t evaluations() const override { return evaluations_; }
  /// Failures are left out: after a restart they are tried anew. The yardstick is read before anything else.
  std::vector<int64_t> state() const override;
  void restore(std::span<const int64_t> state, const std::string& where) override;
  /// How much longer runs take than when the yardstick was first measured; 1 before.
  double level() const { return level_; }

 private:
  struct Pending {  // measured, not judged yet
    PlacementKey key;
    double seconds;
  };
  void measure_new(const place::UnitPlacement& placement, const PlacementKey& key);
  measure::Measurement measure(const place::UnitPlacement& placement);
  void note_failure(const place::UnitPlacement& placement, const PlacementKey& key, const measure::Measurement& failed);
  void read_yardstick();
  void settle(double level);
  bool knows(const PlacementKey& key) const;

  const place::Problem& problem_;
  const MeasuredRewardOptions options_;
  const Execution execution_;
  const CanonicalForm canonical_;
  place::Evaluator evaluator_;
  std::unordered_map<PlacementKey, Judgement, PlacementKeyHash> known_;
  std::vector<Pending> pending_;
  std::optional<place::UnitPlacement> yardstick_;
  double yardstick_seconds_ = 0, level_ = 1;
  uint64_t evaluations_ = 0;
  uint32_t since_reading_ = 0;  // measurements that did not fail
  uint32_t failures_ = 0;
  measure::Measurement first_failure_;
};

/// Of a measured source that does not work for any placement.
base::Error nothing_ran(size_t placements, const measure::Measurement& first);

}  // namespace allot::policy
