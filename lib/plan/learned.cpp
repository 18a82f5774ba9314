// SPDX-License-Identifier: Apache-2.0
#include "plan/learned.h"

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "place/given.h"

namespace allot::plan {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

constexpr const char* kMethod = "policy";
constexpr double kMostSeconds = 3600;  // a policy that takes longer is no help

std::string yaml_of(InputOptions options) {
  config::Binder binder;
  options.bind(binder);
  options.bind_goal(binder);
  return config::dump_yaml(binder, /*minimal=*/false);
}

measure::PlaceRequest request_for(const PolicyOptions& policy, const std::string& model, const InputOptions& options,
                                  uint64_t seed, uint32_t threads) {
  return {.policy = fs::absolute(policy.policy).string(),
          .model = fs::absolute(model).string(),
          .options = yaml_of(options),
          .samples = static_cast<uint32_t>(policy.samples),
          .seed = seed,
          .threads = threads};
}

void require_same_problem(const Input& input, const measure::PlaceReply& reply) {
  const auto& problem = *input.problem;
  bool same = reply.units == problem.graph().num_units() && reply.graph_hash == input.graph_hash &&
              reply.costs_hash == input.costs_hash;
  for (const auto& placement : reply.placements)
    for (graph::UnitId unit = 0; same && unit < placement.size(); ++unit)
      same =
          placement[unit] < problem.devices() && problem.allowed(unit, static_cast<place::DeviceId>(placement[unit]));
  if (!same)
    throw Error(ErrorKind::internal, base::printable(input.path), "allot-worker made another problem of it",
                "run it again if the file was changed meanwhile; else please report this");
}

}  // namespace

void PolicyOptions::bind(config::Binder& binder) {
  binder.text("policy", policy, "also place as this policy (.safetensors) does, which placer-train made");
  binder.integer("samples", samples, "placements that the policy proposes: its likeliest, and others drawn", 1, 4096);
}

void PolicyOptions::check(const std::string& model, const SearchOptions& search) const {
  if (policy.empty()) {
    if (search.method == kMethod)
      throw Error(ErrorKind::usage, "--method policy", "needs a policy", "add --policy policy.safetensors");
    return;
  }
  if (search.method != kMethod && search.method != "auto")
    throw Error(ErrorKind::usage, "--policy", fmt::format("has no part in --method {}", search.method),
                "use --method policy, or auto, which searches on from what the policy finds");
  if (model == "-")
    throw Error(ErrorKind::usage, "--policy", "needs a model that can be read twice, not standard input",
                "write the model to a file first");
  if (!fs::exists(policy))
    throw Error(ErrorKind::input_missing, base::printable(policy), "no such file", "train one with placer-train");
}

LearnedPlacer::LearnedPlacer(const PolicyOptions& policy, const std::string& model, const InputOptions& options,
                             uint64_t seed, uint32_t threads)
    : policy_(policy.policy), call_(request_for(policy, model, options, seed, threads)) {}

std::vector<place::UnitPlacement> LearnedPlacer::proposals(const Input& input) {
  const measure::PlaceReply reply = call_.answer(measure::deadline_after(kMostSeconds));
  require_same_problem(input, reply);
  base::verbose("{}: {} placements, the likeliest with log-probability {:.1f}", base::printable(policy_),
                reply.placements.size(), reply.log_probability[0]);
  std::vector<place::UnitPlacement> placements;
  for (const auto& devices : reply.placements) placements.emplace_back(devices.begin(), devices.end());
  return placements;
}

void LearnedPlacer::join_registry(const Input& input) {
  const auto place = [this, &input](const place::Problem& problem, const place::Budget& budget) {
    const auto begin = std::chrono::steady_clock::now();
    auto given = proposals(input);
    place::Budget left = budget;
    const double waited_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (left.seconds > 0) left.seconds = std::max(0.0, left.seconds - waited_s);
    return place::improve_given(problem, std::move(given), left);
  };
  place::register_placer({.name = kMethod,
                          .summary = "what a trained policy proposes, improved",
                          .searches = true,
                          .place = place,
                          .leads = true});
}

}  // namespace allot::plan
