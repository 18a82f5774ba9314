// SPDX-License-Identifier: Apache-2.0
// Policies without a network: uniform, fair, evolution, exhaustive.
#include <algorithm>
#include <deque>
#include <numeric>
#include <set>

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/sampler.h"
#include "enas/constraint.h"
#include "enas/controller.h"
#include "enas/policy.h"
#include "enas/validate.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x656e706c;
constexpr uint64_t kMostEnumerated = 100'000;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

class Uniform : public Policy {
 public:
  Uniform(const Supergraph& supergraph, uint64_t seed)
      : supergraph_(supergraph), space_(supergraph.space()), seed_(seed) {}

  std::vector<Assignment> sample(size_t count, uint32_t stream, uint32_t step) const override {
    std::vector<Assignment> assignments;
    for (uint32_t i = 0; i < count; ++i)
      assignments.push_back(random_allowed(supergraph_, seed_, kStream + stream, step, i));
    return assignments;
  }
  train::Metrics learn(size_t count, uint32_t step, const Judge& judge) override {
    judge(sample(count, 1, step));
    return {};
  }
  void save(train::Checkpoint&) const override {}
  void restore(const train::Checkpoint&, const std::string&) override {}

 protected:
  const Supergraph& supergraph_;
  const Space& space_;
  const uint64_t seed_;
};

/// Every alternative of a variable once before any twice: in turns, each an order of its own. Subsets are random, and
/// so is what stands for what constraints forbid. Source: Chu, Zhang, Xu, ICCV 2021 (FairNAS), section 3.
class Fair final : public Uniform {
 public:
  using Uniform::Uniform;
  std::vector<Assignment> sample(size_t count, uint32_t stream, uint32_t step) const override {
    std::vector<Assignment> chance = Uniform::sample(count, stream, step);
    return draw_allowed(supergraph_, count,
                        [&](uint32_t attempt) { return attempt == 0 ? in_turns(chance, stream, step) : chance; });
  }

 private:
  std::vector<Assignment> in_turns(std::vector<Assignment> assignments, uint32_t stream, uint32_t step) const {
    const size_t count = assignments.size();
    for (uint32_t v = 0; v < space_.variables.size(); ++v) {
      if (space_.variables[v].kind != Kind::one_of) continue;
      const uint64_t labels = space_.variables[v].size();
      for (size_t i = 0; i < count; ++i) {
        const uint64_t turn = uint64_t{step} * count + i;
        const data::Permutation order(labels, base_key(v), kStream + stream, static_cast<uint32_t>(turn / labels));
        assignments[i][v] = {static_cast<uint32_t>(order[turn % labels])};
      }
    }
    return assignments;
  }
  uint64_t base_key(uint32_t v) const { return seed_ * 0x9E3779B97F4A7C15ull + v; }
};

/// All architectures that constraints allow, one after another.
class Exhaustive final : public Uniform {
 public:
  Exhaustive(const Supergraph& supergraph, uint64_t seed) : Uniform(supergraph, seed) {
    const SpaceSize size = size_of(space_);
    if (!size.exact || *size.exact > kMostEnumerated)
      throw Error(ErrorKind::usage, "--policy.kind exhaustive",
                  fmt::format("the space has 10^{:.1f} architectures, too many to enumerate", size.log10),
                  "take another policy, or a smaller space");
    for (uint64_t i = 0; i < *size.exact; ++i)
      if (keeps_constraints(supergraph, supergraph.child(assignment_at(space_, i)))) allowed_.push_back(i);
    if (allowed_.empty())
      throw Error(ErrorKind::check_failed, "constraints", "are kept by no architecture", "loosen them");
  }
  std::vector<Assignment> sample(size_t count, uint32_t, uint32_t step) const override {
    std::vector<Assignment> assignments;
    for (size_t i = 0; i < count; ++i)
      assignments.push_back(assignment_at(space_, allowed_[(uint64_t{step} * count + i) % allowed_.size()]));
    return assignments;
  }
  std::vector<Assignment> candidates(size_t, uint32_t) const override { return sample(allowed_.size(), 0, 0); }

 private:
  std::vector<uint64_t> allowed_;  // numbers of assignments
};

/// Regularised evolution: the best of a few drawn from the population is changed in one variable, and the oldest goes.
/// Source: Real et al., AAAI 2019.
class Evolution final : public Uniform {
 public:
  Evolution(const PolicyOptions& options, const Supergraph& supergraph, uint64_t seed)
      : Uniform(supergraph, seed), options_(options) {}

  std::vector<Assignment> sample(size_t count, uint32_t stream, uint32_t step) const override {
    if (population_.size() < static_cast<size_t>(options_.population)) return Uniform::sample(count, stream, step);
    return draw_allowed(supergraph_, count, [&](uint32_t attempt) {
      std::vector<Assignment> assignments;
      for (uint32_t i = 0; i < count; ++i)
        assignments.push_back(mutated(seed_of_attempt(seed_, attempt), stream, step, i));
      return assignments;
    });
  }
  train::Metrics learn(size_t count, uint32_t step, const Judge& judge) override {
    const std::vector<Assignment> assignments = sample(count, 1, step);
    const std::vector<double> rewards = judge(assignments);
    for (size_t i = 0; i < count; ++i) {
      population_.push_back({assignments[i], rewards[i]});
      if (population_.size() > static_cast<size_t>(options_.population)) population_.pop_front();
    }
    std::vector<double> living;
    for (const Member& member : population_) living.push_back(member.reward);
    return {{"policy.population", mean_of(living)}};
  }
  std::vector<Assignment> candidates(size_t count, uint32_t step) const override {
    std::vector<Assignment> assignments;
    for (const Member& member : population_) assignments.push_back(member.assignment);
    if (assignments.size() >= count) return assignments;
    for (Assignment& more : sample(count - assignments.size(), 2, step)) assignments.push_back(std::move(more));
    return assignments;
  }

  void save(train::Checkpoint& state) const override {
    std::string text;
    std::vector<double> rewards;
    for (const Member& member : population_) {
      text += text_of(space_, member.assignment) + "\n";
      rewards.push_back(member.reward);
    }
    state.metadata["policy.population"] = text;
    if (!rewards.empty()) state.add("policy.", {{"rewards", at::tensor(rewards, at::kDouble)}});
  }
  void restore(const train::Checkpoint& state, const std::string& where) override {
    population_.clear();
    const std::string& text = state.text("policy.population", where);
    const auto tensors = state.with_prefix("policy.");
    size_t begin = 0;
    for (int64_t i = 0; begin < text.size(); ++i) {
      const size_t end = text.find('\n', begin);
      if (end == std::string::npos || tensors.size() != 1 || tensors[0].second.numel() <= i)
        throw Error(ErrorKind::malformed, where, "holds no population of evolution", "begin anew with --force");
      population_.push_back({parse_assignment(space_, std::string_view(text).substr(begin, end - begin)),
                             tensors[0].second.const_data_ptr<double>()[i]});
      begin = end + 1;
    }
  }

 private:
  struct Member {
    Assignment assignment;
    double reward = 0;
  };

  Assignment mutated(uint64_t seed, uint32_t stream, uint32_t step, uint32_t item) const {
    base::Rng rng(seed, kStream + 16 + stream, step, item);
    const auto living = static_cast<uint32_t>(population_.size());
    const Member* best = &population_[rng.below(living)];
    for (int64_t i = 1; i < options_.tournament; ++i)
      if (const Member& other = population_[rng.below(living)]; other.reward > best->reward) best = &other;
    Assignment child = best->assignment;
    const uint32_t v = rng.below(static_cast<uint32_t>(child.size()));
    child[v] = random_assignment(space_, seed, kStream + 32 + stream, step, item)[v];
    return child;
  }

  PolicyOptions options_;
  std::deque<Member> population_;
};

}  // namespace

void PolicyOptions::bind(config::Binder& binder) {
  binder.choice("kind", kind, "who chooses architectures", policy_names());
  binder.integer("hidden", hidden, "units of the controller", 1, 1 << 14);
  binder.number("init", init, "bound of the controller's first weights", 0, 100);
  binder.number("tanh", tanh, "bound of logits", 1e-3, 1e3);
  binder.number("temperature", temperature, "logits are divided by it first", 1e-3, 1e3);
  binder.number("rate", rate, "learning rate of the controller; 0 = 3.5e-3, for 50 decisions and more 1e-3", 0, 10);
  binder.number("beta1", beta1, "of the controller's Adam", 0, 1);
  binder.number("epsilon", epsilon, "of the controller's Adam", 1e-12, 1);
  binder.number("baseline", baseline, "decay of the moving mean of rewards", 0, 1);
  binder.number("entropy", entropy, "weight of the policy's entropy", 0, 1e3);
  binder.choice("entropy_mode", entropy_mode, "where it counts: in rewards, or with its exact gradient in the loss",
                {"reward", "loss"});
  binder.number("clip_ratio", clip_ratio, "of ppo", 0, 1);
  binder.integer("passes", passes, "of ppo over each batch", 1, 1000);
  binder.integer("population", population, "of evolution", 2, 1 << 20);
  binder.integer("tournament", tournament, "of evolution: how many compete to be a parent", 1, 1 << 20);
}

std::vector<std::string> policy_names() { return {"reinforce", "ppo", "uniform", "fair", "evolution", "exhaustive"}; }

std::unique_ptr<Policy> make_policy(const PolicyOptions& options, const Supergraph& supergraph, uint64_t seed) {
  if (options.kind == "reinforce" || options.kind == "ppo")
    return std::make_unique<Controller>(options, supergraph, seed);
  if (options.kind == "uniform") return std::make_unique<Uniform>(supergraph, seed);
  if (options.kind == "fair") return std::make_unique<Fair>(supergraph, seed);
  if (options.kind == "evolution") return std::make_unique<Evolution>(options, supergraph, seed);
  if (options.kind == "exhaustive") return std::make_unique<Exhaustive>(supergraph, seed);
  throw Error(ErrorKind::usage, "--policy.kind", fmt::format("'{}' is none", base::printable(options.kind)),
              base::suggestion(options.kind, policy_names()));
}

}  // namespace allot::enas
