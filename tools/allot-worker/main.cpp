// SPDX-License-Identifier: Apache-2.0
// allot-worker: runs placed models, and policies, on LibTorch for other programs, which speak to it through a pipe.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/version.h"
#include "config/binder.h"
#include "config/yaml.h"
#include "exec/allocator.h"
#include "measure/place_messages.h"
#include "place/embedding.h"
#include "plan/input.h"
#include "policy/embeddings.h"
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

/// A policy and a model as it reads it. The policy is read first: that takes less time, and tells sooner what is wrong.
struct Question {
  template <typename Request>
  explicit Question(const Request& request)
      : policy(policy::read_policy(request.policy)),
        input(plan::load(request.model, parse_options(request.options))),
        instance(*input->problem, policy.settings(), policy.vocabulary(), plan::tensor_dims(*input)) {}

  template <typename Reply>
  Reply reply() const {
    Reply reply;
    reply.units = input->graph().num_units();
    reply.graph_hash = input->graph_hash;
    reply.costs_hash = input->costs_hash;
    return reply;
  }

  policy::Policy policy;
  std::unique_ptr<plan::Input> input;
  policy::Instance instance;
};

measure::PlaceReply answer(const measure::PlaceRequest& request) {
  const Question about(request);
  auto proposals = policy::propose(about.policy, about.instance, request.samples, request.seed, request.threads);
  auto reply = about.reply<measure::PlaceReply>();
  for (const auto& placement : proposals.placements) reply.placements.emplace_back(placement.begin(), placement.end());
  reply.log_probability = std::move(proposals.log_probability);
  reply.groupings = std::move(proposals.groupings);
  reply.grouping = std::move(proposals.grouping);
  return reply;
}

measure::EmbedReply answer(const measure::EmbedRequest& request) {
  const Question about(request);
  auto learned = policy::learned_embeddings(about.policy, about.instance);
  if (!request.output.empty())
    place::write_embeddings(policy::table_of(about.instance, learned, base::sha256(base::read_text(request.policy))),
                            about.input->graph_hash, 0, request.output,
                            request.replace ? base::Replace::any : base::Replace::own);
  auto reply = about.reply<measure::EmbedReply>();
  reply.picture = std::move(learned.picture);
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
    const run::Service embed_service{measure::kEmbedRequest, measure::kEmbedReply, [](const std::string& text) {
                                       return measure::to_json(answer(measure::parse_embed_request(text)));
                                     }};
    run::serve(STDIN_FILENO, take_standard_output(), cli::version(),
               {run::run_service(), place_service, embed_service});
    return 0;
  } catch (const base::Error& error) {
    std::fprintf(stderr, "allot-worker: %s\n", error.what());
    return base::exit_code(error.kind());
  }
}
