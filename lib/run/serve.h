// SPDX-License-Identifier: Apache-2.0
// What allot-worker does: requests in, answers out; and the answers that are measured runs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

/// How requests of one schema are answered: text in, text out. An error that it throws becomes an answer of `reply`.
struct Service {
  std::string request, reply;  // schemas
  std::function<std::string(const std::string&)> answer;
};
/// allot.run-request/1, by a Server.
Service run_service();

/// Serves frames (docs/formats.md) from one descriptor to another until the end of input. A request that fails is
/// answered with the error; one of a schema that nothing serves, too. Errors: io; malformed for a frame that is longer
/// than kMostFrameBytes or ends early.
void serve(int requests, int answers, std::string_view version, const std::vector<Service>& services);

}  // namespace allot::run
