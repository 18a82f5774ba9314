// SPDX-License-Identifier: Apache-2.0
// What is trained, and on what.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "measuring.h"
#include "policy/policy.h"

namespace allot {

/// The one that `from` holds, or else a new one for the models' operators and the first of them.
/// Errors: those of policy::read_policy.
policy::Policy make_policy(const std::string& from, const policy::NetworkSettings& settings,
                           const std::vector<plan::NamedInput>& models, uint64_t seed);

/// By model. `measuring` gives the rewards, or simulation does if it is null. The arguments must outlive the tasks.
std::vector<std::unique_ptr<policy::Task>> make_tasks(const std::vector<plan::NamedInput>& models,
                                                      const policy::Policy& policy, const Measuring* measuring,
                                                      unsigned threads);

/// What a run may be resumed on, by model.
std::vector<std::string> fingerprints(const std::vector<plan::NamedInput>& models);

}  // namespace allot
