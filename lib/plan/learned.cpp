// SPDX-License-Identifier: Apache-2.0
#include "plan/learned.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "base/safetensors.h"
#include "place/given.h"

namespace allot::plan {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

constexpr const char* kMethod = "policy";
constexpr double kMostSeconds = 3600;  // a policy that takes longer is no help
constexpr double kPatienceSeconds =
    0.5;  // for which it is waited even if no time is left: to start and place a small model

std::string yaml_of(InputOptions options) {
  config::Binder binder;
  options.bind(binder);
  options.bind_goal(binder);
  return config::dump_yaml(binder, /*minimal=*/false);
}

std::string request_for(const PolicyOptions& policy, const std::string& model, const InputOptions& options,
                        uint64_t seed, uint32_t threads) {
  return to_json(measure::PlaceRequest{.policy = fs::absolute(policy.policy).string(),
                                       .model = fs::absolute(model).string(),
                                       .options = yaml_of(options),
                                       .samples = static_cast<uint32_t>(policy.samples),
                                       .seed = seed,
                                       .threads = threads});
}

std::optional<place::MoveWeights> moves_of(const std::string& policy) {
  const base::SafeTensors file = base::read_safetensors(policy);
  const auto found = file.tensors.find(place::kMovesTensor);
  if (found == file.tensors.end()) return std::nullopt;
  const auto& [name, dtype, shape, data] = found->second;
  std::vector<double> stored(dtype == "F64" ? data.size() / sizeof(double) : 0);
  std::memcpy(stored.data(), data.data(), stored.size() * sizeof(double));
  return place::move_weights(stored, policy);
}

bool may_be_placed(const place::Problem& problem, const std::vector<uint32_t>& devices) {
  for (graph::UnitId unit = 0; unit < devices.size(); ++unit)
    if (devices[unit] >= problem.devices() || !problem.allowed(unit, devices[unit])) return false;
  return true;
}

template <typename Reply>
void require_same_problem(const Input& input, const Reply& reply,
                          const std::vector<std::vector<uint32_t>>& placements) {
  const auto& problem = *input.problem;
  if (reply.units == problem.graph().num_units() && reply.graph_hash == input.graph_hash &&
      reply.costs_hash == input.costs_hash &&
      std::all_of(placements.begin(), placements.end(), [&](auto& each) { return may_be_placed(problem, each); }))
    return;
  throw Error(ErrorKind::internal, base::printable(input.path), "allot-worker made another problem of it",
              "run it again if the file was changed meanwhile; else please report this");
}

void require_files(const std::string& policy, const std::string& model) {
  if (model == "-")
    throw Error(ErrorKind::usage, "--policy", "needs a model that can be read twice, not standard input",
                "write the model to a file first");
  if (!fs::exists(policy))
    throw Error(ErrorKind::input_missing, base::printable(policy), "no such file", "train one with placer-train");
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
  require_files(policy, model);
}

LearnedPlacer::LearnedPlacer(const PolicyOptions& policy, const std::string& model, const InputOptions& options,
                             uint64_t seed, uint32_t threads)
    : policy_(policy.policy),
      moves_(moves_of(policy.policy)),
      call_(request_for(policy, model, options, seed, threads)) {}

std::vector<place::UnitPlacement> LearnedPlacer::proposals(const Input& input) {
  reply_ = measure::parse_place_reply(call_.answer(measure::deadline_after(kMostSeconds)));
  require_same_problem(input, reply_, reply_.placements);
  base::verbose("{}: {} placements, the likeliest with log-probability {:.1f}", base::printable(policy_),
                reply_.placements.size(), reply_.log_probability[0]);
  std::vector<place::UnitPlacement> placements;
  for (const auto& devices : reply_.placements) placements.emplace_back(devices.begin(), devices.end());
  return placements;
}

void LearnedPlacer::note_groups(const Input& input, Placed& placed) const {
  if (origin_ >= reply_.grouping.size()) return;
  const auto& [methods, best, ending, curve] = placed.comparison;
  const auto policy = std::find_if(methods.begin(), methods.end(), [](auto& m) { return m.method == kMethod; });
  const bool led = std::all_of(methods.begin(), policy, [&](auto& before) { return policy->score < before.score; });
  const auto chosen = methods.begin() + static_cast<std::ptrdiff_t>(best);
  if (chosen == policy || (chosen > policy && led))  // what searches after it begins with the best so far
    plan::note_groups(input, reply_.groupings[reply_.grouping[origin_]], placed);
}

void LearnedPlacer::join_registry(const Input& input) {
  const auto place = [this, &input](const place::Problem& problem, const place::Budget& budget) {
    const auto begin = std::chrono::steady_clock::now();
    if (budget.start && budget.seconds >= 0 &&
        !call_.hears(measure::deadline_after(std::max(kPatienceSeconds, budget.seconds)))) {
      base::info("{}: has no proposal in its part of the time, and is left out", base::printable(policy_));
      call_.give_up();
      return *budget.start;
    }
    auto given = proposals(input);
    place::Budget left = budget;
    const double waited_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (left.seconds > 0) left.seconds = std::max(0.0, left.seconds - waited_s);
    return place::improve_given(problem, std::move(given), left, &origin_);
  };
  place::register_placer({.name = kMethod,
                          .summary = "what a trained policy proposes, improved",
                          .searches = true,
                          .place = place,
                          .leads = true});
}

LearnedEmbeddings::LearnedEmbeddings(const std::string& policy, const std::string& model, const InputOptions& options,
                                     const std::string& output, base::Replace replace)
    : call_([&] {
        require_files(policy, model);
        return to_json(measure::EmbedRequest{.policy = fs::absolute(policy).string(),
                                             .model = fs::absolute(model).string(),
                                             .options = yaml_of(options),
                                             .output = output.empty() ? "" : fs::absolute(output).string(),
                                             .replace = replace == base::Replace::any});
      }()) {}

emit::EmbeddingPicture LearnedEmbeddings::picture(const Input& input) {
  auto reply = measure::parse_embed_reply(call_.answer(measure::deadline_after(kMostSeconds)));
  require_same_problem(input, reply, {reply.picture.devices});
  return std::move(reply.picture);
}

}  // namespace allot::plan
