// SPDX-License-Identifier: Apache-2.0
// allot-worker: runs placed models, and policies, on LibTorch for other programs, which speak to it through a pipe.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "cli/version.h"
#include "config/binder.h"
#include "config/yaml.h"
#include "exec/allocator.h"
#include "measure/place_messages.h"
#include "plan/input.h"
#include "policy/propose.h"
#include "run/serve.h"

namespace {

using namespace allot;

// Whatever a library prints must not end up between the answers.
int take_standard_output() {
  const int answers = dup(STDOUT_FILENO);
  if (answers < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    throw base::Error(base::ErrorKind::io, "standard output", std::strerror(errno));
  return answers;
}

plan::InputOptions parse_options(const std::string& yaml) {
  plan::InputOptions options;
  config::Binder binder;
  options.bind(binder);
  options.bind_goal(binder);
  config::apply_yaml(binder, config::parse_yaml(yaml, "options"));
  return options;
}

// The policy is read first: that takes less time than the model, and tells sooner what is wrong.
measure::PlaceReply answer(const measure::PlaceRequest& request) {
  const policy::Policy policy = policy::read_policy(request.policy);
  const auto input = plan::load(request.model, parse_options(request.options));
  const policy::Instance instance(*input->problem, policy.settings(), policy.vocabulary(), plan::tensor_dims(*input));
  const auto proposals = policy::propose(policy, instance, request.samples, request.seed, request.threads);
  measure::PlaceReply reply{input->graph().num_units(), input->graph_hash, input->costs_hash, {}, {}};
  for (const auto& placement : proposals.placements) reply.placements.emplace_back(placement.begin(), placement.end());
  reply.log_probability = proposals.log_probability;
  return reply;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::printf("allot-worker %s\n", cli::build_description().c_str());
    return 0;
  }
  if (argc != 1 || isatty(STDIN_FILENO)) {
    std::fprintf(stderr, "allot-worker: is started by placer-apply and answers its requests; see docs/formats.md\n");
    return base::exit_code(base::ErrorKind::usage);
  }
  try {
    exec::keep_freed_memory();
    const run::Service place_service{measure::kPlaceRequest, measure::kPlaceReply, [](const std::string& text) {
                                       return measure::to_json(answer(measure::parse_place_request(text)));
                                     }};
    run::serve(STDIN_FILENO, take_standard_output(), cli::version(), {run::run_service(), place_service});
    return 0;
  } catch (const base::Error& error) {
    std::fprintf(stderr, "allot-worker: %s\n", error.what());
    return base::exit_code(error.kind());
  }
}
