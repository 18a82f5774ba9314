// SPDX-License-Identifier: Apache-2.0
// Times of ops and copies that were measured, kept from one command to the next (allot.op-times/1).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace allot::measure {

/// Of one processor with so many threads and one LibTorch.
struct OpTimes {
  std::string device, libtorch;
  std::map<std::string, double> op_us;  // by what makes an op: a hash of operator, attributes and types
  std::map<int64_t, double> copy_us;    // between two workers, by bytes

  /// <folder>/op-times-<hash of device and libtorch>.json.
  std::string path(const std::string& folder) const;
  /// Adds what that file knows, if it is there. Errors: malformed.
  void read(const std::string& folder);
  /// Errors: cannot_create, io.
  void write(const std::string& folder) const;
};

/// allot in XDG_CACHE_HOME, or else in ~/.cache; "" without a home.
std::string default_cache();

}  // namespace allot::measure
