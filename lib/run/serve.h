// SPDX-License-Identifier: Apache-2.0
// What allot-worker does: requests in, measured runs out.
#pragma once

#include <string>
#include <string_view>

#include "ir/model.h"
#include "measure/messages.h"

namespace allot::run {

/// Answers requests one by one. The model of the last one is kept, since searches ask for one model again and again.
class Server {
 public:
  /// Errors: those of reading models and values, and of PlacedProgram.
  measure::Reply run(const measure::Request& request);

 private:
  const ir::Model& model(const std::string& path);

  std::string path_, stamp_;  // stamp_: when that file was changed last, and its size
  ir::Model model_;
};

/// What this worker says of itself.
measure::Hello greeting(std::string_view version);

/// Serves frames (docs/formats.md) from one descriptor to another until the end of input. A request that fails is
/// answered with the error. Errors: io; malformed for a frame that is longer than kMostFrameBytes or ends early.
void serve(int requests, int answers, std::string_view version);

}  // namespace allot::run
