// SPDX-License-Identifier: Apache-2.0
// How models are run to be measured, whoever runs them.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace allot::measure {

struct RunSettings {
  std::string inputs = {}, outputs = {};  // files; "" = inputs made up from `seed`, outputs not written
  bool replace = false;                   // `outputs` may replace a file that is not ours
  std::map<std::string, int64_t> dims =
      {};  // symbols bound, for inputs that are made up; "x:0" where a dimension has none
  uint64_t seed = 0;
  uint32_t threads = 0;  // of all CPU devices of the cluster together; 0 = all cores
  bool training = false;
  bool emulate = false;  // every device is a CPU worker
  uint32_t warm_up = 2, repeat = 20;
  bool check = true, timeline = true;
  double timeout_seconds = 600;  // of a whole measurement
};

}  // namespace allot::measure
