// SPDX-License-Identifier: Apache-2.0
#include "enas/controller.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/rng.h"
#include "enas/constraint.h"
#include "enas/picker.h"

namespace allot::enas {
namespace {

constexpr size_t kFewDecisions = 50;  // tokens of a space that a fast rate suits; specification of enas-search, 5.4

at::Tensor column(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).unsqueeze(1); }

/// log of the probability that the number of chosen alternatives lies within [least, most]; bits are independent with
/// probability p: [samples, alternatives] -> [samples]. By the numbers' distribution, one alternative after another.
at::Tensor log_in_range(const at::Tensor& p, int64_t least, int64_t most) {
  const int64_t n = p.size(1);
  at::Tensor counts = at::cat({at::ones({p.size(0), 1}), at::zeros({p.size(0), n})}, 1);
  for (int64_t i = 0; i < n; ++i) {
    const at::Tensor yes = p.narrow(1, i, 1);
    const at::Tensor moved = at::cat({at::zeros({p.size(0), 1}), counts.narrow(1, 0, n)}, 1);
    counts = counts * (1 - yes) + moved * yes;
  }
  return counts.narrow(1, least, most - least + 1).sum(1).log();
}

size_t decisions(const Space& space) {
  size_t count = 0;
  for (const Variable& variable : space.variables)
    count += variable.kind == Kind::one_of   ? 1
             : variable.kind == Kind::subset ? variable.size()
                                             : static_cast<size_t>(variable.most);
  return count;
}

}  // namespace

/// One pass over all variables, for several samples at a time.
class Controller::Run {
 public:
  Run(const Controller& controller, Picker& picker, size_t count)
      : c_(controller), picker_(picker), samples_(static_cast<int64_t>(count)), state_(c_.cell_.zero_state(samples_)) {
    trace_.assignments.resize(count);
    start_ = c_.start_.expand({samples_, c_.options_.hidden});
    input_ = start_;
  }

  Trace finish() {
    for (const std::string& place : c_.first_places_) complete(place, advance(start_));
    const auto& variables = c_.supergraph_.space().variables;
    for (size_t v = 0; v < variables.size(); ++v) decide(v, variables[v]);
    trace_.log_probability = at::stack(log_probabilities_, 1);
    trace_.entropy = at::stack(entropies_, 1);
    trace_.prior = priors_.empty() ? at::zeros({}) : at::stack(priors_).mean();
    trace_.chosen_share =
        shares_.empty() ? 0
                        : std::accumulate(shares_.begin(), shares_.end(), 0.0) / static_cast<double>(shares_.size());
    return std::move(trace_);
  }

 private:
  at::Tensor advance(const at::Tensor& input) {
    state_ = c_.cell_.step(c_.cell_.project(input), state_);
    return state_.h;
  }

  void complete(const std::string& place, const at::Tensor& h) {
    places_[place] = {h, c_.anchor_key_.defined() ? h.matmul(c_.anchor_key_) : at::Tensor()};
  }

  at::Tensor conditioned(const at::Tensor& u) const { return c_.options_.tanh * (u / c_.options_.temperature).tanh(); }

  /// Scores of alternatives: [samples, alternatives].
  at::Tensor scores(size_t v, const Variable& variable, const at::Tensor& h) const {
    if (variable.anchors.empty()) return h.matmul(c_.heads_[v].weights);
    std::vector<at::Tensor> keys;
    for (const std::string& anchor : variable.anchors) keys.push_back(places_.at(anchor).key);
    return (at::stack(keys, 1) + h.matmul(c_.query_).unsqueeze(1)).tanh().matmul(c_.score_);
  }

  /// What stands for alternatives as an input: [samples, alternatives, hidden].
  at::Tensor embeddings(size_t v, const Variable& variable) const {
    if (variable.anchors.empty()) return c_.heads_[v].embedding.expand({samples_, -1, -1});
    std::vector<at::Tensor> states;
    for (const std::string& anchor : variable.anchors) states.push_back(places_.at(anchor).state);
    return at::stack(states, 1);
  }

  void decide(size_t v, const Variable& variable) {
    at::Tensor h;
    if (variable.kind == Kind::subset) {
      h = advance(input_);
      decide_subset(v, variable, h);
    } else {
      at::Tensor log_probability, entropy;
      std::vector<int64_t> last(static_cast<size_t>(samples_), -1);
      for (int64_t pick = 0; pick < variable.most; ++pick) {
        h = advance(input_);
        const auto [one, its_entropy] = decide_one(v, variable, h, pick, last);
        log_probability = pick == 0 ? one : log_probability + one;
        entropy = pick == 0 ? its_entropy : entropy + its_entropy;
      }
      log_probabilities_.push_back(log_probability);
      entropies_.push_back(entropy);
    }
    if (!variable.anchor.empty()) complete(variable.anchor, h);
  }

  std::pair<at::Tensor, at::Tensor> decide_one(size_t v, const Variable& variable, const at::Tensor& h, int64_t pick,
                                               std::vector<int64_t>& last) {
    at::Tensor logits = conditioned(scores(v, variable, h));
    const auto labels = static_cast<int64_t>(variable.size());
    if (variable.kind == Kind::k_of) logits = logits + ascending(variable, pick, last);
    const at::Tensor log_p = logits.log_softmax(1), p = log_p.exp();
    const at::Tensor host = p.detach().contiguous();
    for (int64_t m = 0; m < samples_; ++m) {
      const auto s = static_cast<size_t>(m);
      const std::span<const float> row(host.const_data_ptr<float>() + m * labels, static_cast<size_t>(labels));
      last[s] = static_cast<int64_t>(picker_.one(s, v, static_cast<size_t>(pick), row));
      auto& assignment = trace_.assignments[s];
      if (assignment.size() == v) assignment.emplace_back();
      assignment[v].push_back(static_cast<uint32_t>(last[s]));
    }
    const at::Tensor chosen = column(last);
    input_ = embeddings(v, variable).gather(1, chosen.unsqueeze(2).expand({-1, 1, c_.options_.hidden})).squeeze(1);
    // What cannot be chosen has probability 0, and adds nothing.
    const at::Tensor entropy = -(p * log_p.clamp_min(-1e4)).sum(1);
    return {log_p.gather(1, chosen).squeeze(1), entropy};
  }

  /// 0 where a pick may fall, given the last one and how many are to come; otherwise far below.
  at::Tensor ascending(const Variable& variable, int64_t pick, const std::vector<int64_t>& last) const {
    const auto labels = static_cast<int64_t>(variable.size());
    at::Tensor mask = at::zeros({samples_, labels});
    float* data = mask.mutable_data_ptr<float>();
    for (int64_t m = 0; m < samples_; ++m) {
      const int64_t before = last[static_cast<size_t>(m)];
      const int64_t first = before < 0 ? 0 : variable.repeats ? before : before + 1;
      const int64_t end = variable.repeats ? labels : labels - (variable.most - pick - 1);
      for (int64_t i = 0; i < labels; ++i)
        if (i < first || i >= end) data[m * labels + i] = -1e9f;
    }
    return mask;
  }

  void decide_subset(size_t v, const Variable& variable, const at::Tensor& h) {
    const auto labels = static_cast<int64_t>(variable.size());
    const at::Tensor logits = 2 * conditioned(scores(v, variable, h)), p = logits.sigmoid();
    const at::Tensor host = p.detach().contiguous();
    const at::Tensor bits = at::zeros({samples_, labels});
    for (int64_t m = 0; m < samples_; ++m) {
      const auto s = static_cast<size_t>(m);
      const std::span<const float> row(host.const_data_ptr<float>() + m * labels, static_cast<size_t>(labels));
      trace_.assignments[s].push_back(picker_.some(s, v, variable, row));
      for (const uint32_t i : trace_.assignments[s].back()) bits.mutable_data_ptr<float>()[m * labels + i] = 1;
    }
    const at::Tensor yes = at::log_sigmoid(logits), no = at::log_sigmoid(-logits);
    at::Tensor log_probability = (bits * yes + (1 - bits) * no).sum(1);
    if (variable.least > 0 || variable.most < labels)
      log_probability = log_probability - log_in_range(p, variable.least, variable.most);
    log_probabilities_.push_back(log_probability);
    entropies_.push_back(-(p * yes + (1 - p) * no).sum(1));
    const at::Tensor sum = bits.unsqueeze(1).matmul(embeddings(v, variable)).squeeze(1);
    input_ = sum / (1 + bits.sum(1, true));
    if (variable.prior_weight <= 0) return;
    const double rho = variable.prior;
    const at::Tensor kl = p * (yes - std::log(rho)) + (1 - p) * (no - std::log(1 - rho));
    priors_.push_back(variable.prior_weight * kl.sum(1).mean());
    shares_.push_back(p.detach().mean().item<double>());
  }

  const Controller& c_;
  Picker& picker_;
  int64_t samples_;
  nn::LstmCell::State state_;
  at::Tensor start_, input_;
  std::map<std::string, Place> places_;
  std::vector<at::Tensor> log_probabilities_, entropies_, priors_;
  std::vector<double> shares_;
  Trace trace_;
};

Controller::Controller(const PolicyOptions& options, const Supergraph& supergraph, uint64_t seed)
    : options_(options),
      supergraph_(supergraph),
      seed_(seed),
      parameters_(seed),
      cell_(parameters_, "lstm", options.hidden, options.hidden),
      start_(parameters_.uniform("start", {1, options.hidden}, options.init)) {
  make_heads();
  // The published controllers have no biases, and all their weights begin uniform within a bound.
  nn::Parameters begin(seed);
  const at::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : parameters_.all()) {
    at::Tensor own = tensor;
    if (name == "lstm.forget_bias")
      own.zero_();
    else
      own.copy_(begin.uniform(name, tensor.sizes().vec(), options.init));
  }
  nn::OptimizerOptions adam;
  adam.kind = "adamw";
  adam.beta1 = options.beta1;
  adam.beta2 = 0.999;
  adam.epsilon = options.epsilon;
  optimizer_ = std::make_unique<nn::Optimizer>(nn::trained_tensors(parameters_.all()), adam);
  rate_ = options.rate > 0 ? options.rate : decisions(supergraph.space()) < kFewDecisions ? 3.5e-3 : 1e-3;
}

void Controller::make_heads() {
  std::set<std::string> completed, anchors;
  std::map<std::string, Head> shared;
  const int64_t hidden = options_.hidden;
  for (const Variable& variable : supergraph_.space().variables) {
    for (const std::string& anchor : variable.anchors)
      if (!completed.contains(anchor) && anchors.insert(anchor).second) first_places_.push_back(anchor);
    if (!variable.anchor.empty()) completed.insert(variable.anchor);
    Head head;
    if (variable.anchors.empty()) {
      // Variables share a table when they are of one vocabulary and as large.
      const std::string key = fmt::format(
          "{}.{}", variable.vocabulary.empty() ? "own." + variable.name : variable.vocabulary, variable.size());
      if (const auto found = shared.find(key); found != shared.end()) {
        head = found->second;
      } else {
        const auto labels = static_cast<int64_t>(variable.size());
        head = {parameters_.uniform(key + ".weights", {hidden, labels}, options_.init),
                parameters_.uniform(key + ".embedding", {labels, hidden}, options_.init)};
        shared.emplace(key, head);
      }
    }
    heads_.push_back(std::move(head));
  }
  const bool attends = std::any_of(supergraph_.space().variables.begin(), supergraph_.space().variables.end(),
                                   [](const Variable& variable) { return !variable.anchors.empty(); });
  if (!attends) return;
  anchor_key_ = parameters_.uniform("attention.anchor", {hidden, hidden}, options_.init);
  query_ = parameters_.uniform("attention.query", {hidden, hidden}, options_.init);
  score_ = parameters_.uniform("attention.score", {hidden}, options_.init);
}

Trace Controller::draw(size_t count, uint32_t stream, uint32_t step, uint32_t attempt) const {
  RandomPicker picker(seed_of_attempt(seed_, attempt), stream, step, count);
  return Run(*this, picker, count).finish();
}

Trace Controller::trace(const std::vector<Assignment>& assignments) const {
  GivenPicker picker(assignments);
  return Run(*this, picker, assignments.size()).finish();
}

std::vector<Assignment> Controller::sample(size_t count, uint32_t stream, uint32_t step) const {
  const at::NoGradGuard no_gradients;
  return draw_allowed(supergraph_, count,
                      [&](uint32_t attempt) { return draw(count, stream, step, attempt).assignments; });
}

at::Tensor Controller::active_mask(const std::vector<Assignment>& assignments) const {
  const auto variables = static_cast<int64_t>(supergraph_.space().variables.size());
  at::Tensor mask = at::zeros({static_cast<int64_t>(assignments.size()), variables});
  float* data = mask.mutable_data_ptr<float>();
  for (const Assignment& assignment : assignments)
    for (const char active : supergraph_.child(assignment).active_variables) *data++ = active ? 1 : 0;
  return mask;
}

at::Tensor Controller::log_probability(const Trace& trace) const {
  return (trace.log_probability * active_mask(trace.assignments)).sum(1);
}

at::Tensor Controller::entropy(const Trace& trace) const {
  return (trace.entropy * active_mask(trace.assignments)).sum(1);
}

at::Tensor Controller::loss(const Trace& trace, const std::vector<double>& rewards, double baseline) const {
  const at::Tensor mask = active_mask(trace.assignments);
  const at::Tensor entropy = (trace.entropy * mask).sum(1);
  at::Tensor advantage = at::tensor(rewards, at::kDouble).to(at::kFloat) - baseline;
  if (options_.entropy_mode == "reward") advantage = advantage + options_.entropy * entropy.detach();
  at::Tensor loss = -(advantage * (trace.log_probability * mask).sum(1)).mean() + trace.prior;
  if (options_.entropy_mode == "loss") loss = loss - options_.entropy * entropy.mean();
  return loss;
}

/// The first mean is where the baseline begins: with 0 all first advantages would be of one sign.
void Controller::take_up(double mean_reward) {
  baseline_ = has_baseline_ ? options_.baseline * baseline_ + (1 - options_.baseline) * mean_reward : mean_reward;
  has_baseline_ = true;
}

void Controller::descend(const at::Tensor& loss, train::Metrics& metrics) {
  const auto gradients = torch::autograd::grad({loss}, parameters_.tensors(), {}, false, false, true);
  const nn::StepReport report = optimizer_->step(gradients, rate_);
  metrics["policy.gradient_norm"] = report.gradient_norm;
}

train::Metrics Controller::learn(size_t count, uint32_t step, const Judge& judge) {
  const bool ppo = options_.kind == "ppo";
  const bool free = supergraph_.space().constraints.empty();
  const Trace first = free ? draw(count, 1, step) : trace(sample(count, 1, step));
  const std::vector<double> rewards = judge(first.assignments);
  const at::Tensor entropy = this->entropy(first).detach();
  double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(count);
  if (options_.entropy_mode == "reward") mean += options_.entropy * entropy.mean().item<double>();
  if (!has_baseline_) take_up(mean);
  train::Metrics metrics{{"policy.entropy", entropy.mean().item<double>()}, {"policy.baseline", baseline_}};
  if (first.chosen_share > 0) metrics["policy.skip_rate"] = first.chosen_share;
  if (!ppo) {
    descend(loss(first, rewards, baseline_), metrics);
  } else {
    const at::Tensor before = log_probability(first).detach();
    const at::Tensor advantage = at::tensor(rewards, at::kDouble).to(at::kFloat) - baseline_;
    for (int64_t pass = 0; pass < options_.passes; ++pass) {
      const Trace now = pass == 0 ? first : trace(first.assignments);
      const at::Tensor ratio = (log_probability(now) - before).exp();
      const at::Tensor clipped = ratio.clamp(1 - options_.clip_ratio, 1 + options_.clip_ratio);
      descend(-at::minimum(ratio * advantage, clipped * advantage).mean() + now.prior -
                  options_.entropy * this->entropy(now).mean(),
              metrics);
    }
  }
  take_up(mean);
  return metrics;
}

void Controller::save(train::Checkpoint& state) const {
  std::vector<nn::NamedTensor> own;
  for (const auto& [name, tensor] : parameters_.all()) own.emplace_back(name, tensor.detach());
  state.add("policy.", own);
  state.add("policy.optimizer.", optimizer_->state());
  state.add("policy.", {{"baseline", at::tensor({baseline_, has_baseline_ ? 1.0 : 0.0}, at::kDouble)}});
}

void Controller::restore(const train::Checkpoint& state, const std::string& where) {
  const at::NoGradGuard no_gradients;
  std::vector<nn::NamedTensor> own;
  const at::Tensor baseline = at::zeros({2}, at::kDouble);
  std::vector<nn::NamedTensor> targets = {{"baseline", baseline}};
  for (const auto& [name, tensor] : parameters_.all()) targets.emplace_back(name, tensor.detach());
  for (auto& [name, tensor] : state.with_prefix("policy."))
    if (!name.starts_with("optimizer.")) own.emplace_back(name, tensor);
  nn::copy_values(own, targets, where);
  optimizer_->assign(state.with_prefix("policy.optimizer."), where);
  baseline_ = baseline.const_data_ptr<double>()[0];
  has_baseline_ = baseline.const_data_ptr<double>()[1] != 0;
}

}  // namespace allot::enas
