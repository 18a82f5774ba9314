// SPDX-License-Identifier: Apache-2.0
// A machine that takes known times, with drift, noise and failures.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "measure/reward.h"
#include "place/problem.h"
#include "policy/measured_reward.h"

namespace allot::test {

class FakeRunner : public measure::Runner {
 public:
  using Placement = std::vector<cluster::DeviceId>;
  std::function<double(const Placement&)> seconds;                           // what it takes
  std::function<double(uint64_t run)> drift = [](uint64_t) { return 1.0; };  // times this
  double noise = 0;                                                          // standard deviation, of 1
  std::function<const char*(const Placement&)> failure = [](const Placement&) { return ""; };
  base::ErrorKind kind = base::ErrorKind::check_failed;
  uint64_t seed = 0;
  std::vector<Placement> log = {};  // what was run

  policy::Execution execution() {
    return {this, [](const place::UnitPlacement& units) { return units; }};
  }

 protected:
  std::vector<double> run(const Placement& placement) override {
    const uint64_t number = log.size();
    log.push_back(placement);
    if (const std::string what = failure(placement); !what.empty()) throw base::Error(kind, "worker", what);
    base::Rng rng(seed, 1, static_cast<uint32_t>(number));
    return {seconds(placement) * drift(number) * std::exp(noise * rng.normal())};
  }
};

}  // namespace allot::test
