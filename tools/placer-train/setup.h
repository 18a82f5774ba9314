// SPDX-License-Identifier: Apache-2.0
// What is trained, and on what.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "dist/team.h"
#include "measuring.h"
#include "policy/policy.h"

namespace allot {

/// Every model on --cluster, and on each of `clusters` under the name "<model>@<cluster>".
std::vector<plan::NamedInput> load_models(const std::vector<std::string>& paths, const plan::InputOptions& options,
                                          const std::vector<std::string>& clusters);

/// The one that `from` holds, or else a new one for the models' operators and the first of them.
/// Errors: those of policy::read_policy.
policy::Policy make_policy(const std::string& from, const policy::NetworkSettings& settings,
                           const std::vector<plan::NamedInput>& models, uint64_t seed);

/// How placements are judged: by `measuring`, or by simulation if it is null, on the threads of all ranks of `team`, or
/// of this one.
struct Judging {
  const Measuring* measuring = nullptr;
  unsigned threads = 0;
  dist::Team* team = nullptr;
  const std::atomic<bool>* stop = nullptr;
};

/// By model. The arguments must outlive the tasks.
std::vector<std::unique_ptr<policy::Task>> make_tasks(const std::vector<plan::NamedInput>& models,
                                                      const policy::Policy& policy, const Judging& judging);

/// What a run may be resumed on, by model.
std::vector<std::string> fingerprints(const std::vector<plan::NamedInput>& models);

}  // namespace allot
