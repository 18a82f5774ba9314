// SPDX-License-Identifier: Apache-2.0
#include "enas/search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parallel.h"
#include "nn/threads.h"
#include "train/statistics.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;

// Deviation of rewards below which an update learns nothing, for how many updates in a row.
constexpr double kCollapsed = 1e-9;
constexpr int64_t kCollapsedUpdates = 20;
constexpr size_t kEvaluationItems = 512;  // of a batch in the ranking

std::vector<at::Tensor> rows_of(const std::vector<at::Tensor>& tensors, int64_t first, int64_t count) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& tensor : tensors) parts.push_back(tensor.narrow(0, first, count));
  return parts;
}

train::NetworkOptions network_options() {
  train::NetworkOptions options;
  options.weight_decay = "matrices";
  return options;
}

}  // namespace

LearningOptions::LearningOptions() {
  optimizer.kind = "sgd";
  optimizer.clip_norm = 5;
  schedule.rate = 0.05;
}

void LearningOptions::bind(config::Binder& binder) {
  binder.integer("batch", batch, "items a step", 1, 1 << 24);
  binder.section("optimizer", "how weights follow their gradients", [this](config::Binder& b) { optimizer.bind(b); });
  binder.section("schedule", "how fast", [this](config::Binder& b) { schedule.bind(b); });
}

SearchOptions::SearchOptions() {
  loop.epochs = 30;
  loop.evaluate_every = 0;
}

void SearchOptions::bind(config::Binder& binder) {
  binder.choice("task", task, "what outputs mean", task_names());
  binder.number("perplexity_scale", perplexity_scale, "of token: quality is this over perplexity", 1e-3, 1e9);
  data.bind(binder);
  learning.bind(binder);
  binder.section("policy", "who chooses architectures", [this](config::Binder& b) { policy.bind(b); });
  binder.section("reward", "what counts beside quality", [this](config::Binder& b) { reward.bind(b); });
  binder.text("latencies", latencies, "table of enas-search profile, for --reward.cost latency");
  binder.number("theta_warmup", theta_warmup,
                "part of the steps in which architectures are uniform and the policy rests", 0, 1);
  binder.integer("theta_steps", theta_steps, "updates of the policy after each epoch", 0, 1 << 20);
  binder.integer("theta_batch", theta_batch, "architectures in each", 1, 1 << 16);
  binder.integer("reward_batch", reward_batch, "validation items that a reward is measured on", 1, 1 << 24);
  binder.integer("steps_per_epoch", steps_per_epoch, "between updates of the policy; 0 = every item once", 0,
                 int64_t{1} << 40);
  binder.choice("inactive", inactive,
                "weights that a step does not use: skip leaves them; decay moves them by momentum and decay",
                {"skip", "decay"});
  binder.integer("shards", shards, "of a batch, each normalised by itself; threads share them", 1, 1 << 16);
  binder.integer("samples", samples, "architectures that the best is chosen among in the end", 1, 1 << 24);
  binder.choice("on_collapse", on_collapse, "what follows when rewards no longer differ", {"abort", "warn"});
  loop.bind(binder);
}

Search::Search(const Supergraph& supergraph, const Datasets& datasets, const SearchOptions& options, uint64_t seed,
               unsigned threads, train::MetricsFile* archive, dist::Team* team)
    : options_(options),
      supergraph_(supergraph),
      seed_(seed),
      threads_(threads),
      team_(team),
      task_(task_of(options.task)),
      archive_(archive),
      collapse_(kCollapsed, kCollapsedUpdates) {
  if (options.reward.cost != "none" && options.reward.target <= 0)
    throw Error(ErrorKind::usage, "--reward.target", "is missing", "say how much of --reward.cost a child may take");
  if (options.reward.cost == "latency" && options.latencies.empty())
    throw Error(ErrorKind::usage, "--latencies", "is missing", "name a file of enas-search profile");
  if (!options.latencies.empty()) latencies_ = std::make_unique<LatencyTable>(LatencyTable::read(options.latencies));
  policy_ = make_policy(options.policy, supergraph, seed);
  PolicyOptions uniform = options.policy;
  uniform.kind = "uniform";
  uniform_ = make_policy(uniform, supergraph, seed);
  shared_ = std::make_unique<SharedNetwork>(supergraph, network_options());
  feed_ = std::make_unique<Feed>(datasets, options.data, shared_->network(), seed);
  optimizer_ = std::make_unique<nn::Optimizer>(shared_->network().trained(), options.learning.optimizer);
}

int64_t Search::steps_per_epoch() const {
  if (options_.steps_per_epoch > 0) return options_.steps_per_epoch;
  return std::max<int64_t>(1, static_cast<int64_t>(feed_->training_items()) / options_.learning.batch);
}

std::string Search::fingerprint() const {
  base::Sha256 hash;
  hash.add_field(feed_->fingerprint());
  if (supergraph_.model().file) hash.add_field(supergraph_.model().file->view());
  return hash.hex();
}

train::Part Search::gradient(const SubNetwork& sub, const Batch& batch, uint32_t step, size_t shard) const {
  const int64_t items = batch.labels.size(0), shards = options_.shards;
  const int64_t first = items * static_cast<int64_t>(shard) / shards,
                end = items * static_cast<int64_t>(shard + 1) / shards;
  const at::Tensor logits = shared_->logits(sub, rows_of(batch.inputs, first, end - first), seed_, step);
  const at::Tensor loss = loss_of(task_, logits, batch.labels.narrow(0, first, end - first));
  const std::vector<at::Tensor> leaves = shared_->network().leaves();
  std::vector<at::Tensor> used;
  for (const uint32_t i : sub.variant.parameters()) used.push_back(leaves[i]);
  const auto found = torch::autograd::grad({loss}, used, {}, false, false, true);
  train::Part part;
  part.gradients.resize(leaves.size());
  for (size_t i = 0; i < used.size(); ++i) part.gradients[sub.variant.parameters()[i]] = found[i];
  part.metrics["loss"] = loss.item<double>();
  return part;
}

/// One step of the weights under a fresh architecture; false: something was not finite. Source: 1.4.
bool Search::train_weights(int64_t step, int64_t steps, train::Metrics& metrics) {
  const bool warm = static_cast<double>(step) < options_.theta_warmup * static_cast<double>(steps);
  const Policy& who = warm ? *uniform_ : *policy_;
  const auto number = static_cast<uint32_t>(step);
  const auto sub = shared_->get(who.sample(1, 0, number)[0]);
  const Batch batch = feed_->training(number, static_cast<size_t>(options_.learning.batch));
  train::Part mean =
      train::mean_over_shards({.shards = static_cast<size_t>(options_.shards), .threads = threads_, .team = team_}, {},
                              [&](size_t shard) { return gradient(*sub, batch, number, shard); });
  if (!std::isfinite(mean.metrics.at("loss"))) return false;
  if (options_.inactive == "decay") {
    const std::vector<at::Tensor> leaves = shared_->network().leaves();
    for (size_t i = 0; i < leaves.size(); ++i)
      if (!mean.gradients[i].defined()) mean.gradients[i] = at::zeros_like(leaves[i]).detach();
  }
  const double rate = options_.learning.schedule.at(step, steps);
  const nn::StepReport report = optimizer_->step(mean.gradients, rate);
  if (!report.taken) return false;
  metrics["loss"] = mean.metrics.at("loss");
  metrics["rate"] = rate;
  metrics["gradient_norm"] = report.gradient_norm;
  metrics["active_parameters"] = static_cast<double>(sub->variant.parameters().size());
  return true;
}

std::vector<Judged> Search::judge(const std::vector<Assignment>& assignments, const std::vector<Batch>& batches,
                                  const std::atomic<bool>* stop) {
  std::vector<std::shared_ptr<SubNetwork>> subs;
  const bool counts = options_.reward.cost != "none";
  for (const Assignment& assignment : assignments) {
    subs.push_back(shared_->get(assignment));
    if (counts) shared_->costs(*subs.back(), latencies_.get());
  }
  std::vector<double> qualities(assignments.size());
  const std::vector<size_t> own = dist::dealt(team_, qualities.size());
  base::parallel_for(own.size(), threads_, [&](size_t piece) {
    if (stop && stop->load()) return;
    nn::compute_alone();
    const at::NoGradGuard no_gradients;
    const size_t i = own[piece];
    Tally tally(task_, options_.perplexity_scale);
    for (const Batch& batch : batches) tally.add(shared_->logits(*subs[i], batch.inputs, seed_, 0), batch.labels);
    qualities[i] = tally.quality();
  });
  dist::exchange(
      team_, qualities, [](dist::WireWriter& out, double quality) { out.number(quality); },
      [](dist::WireReader& in) { return in.number<double>(); });
  std::vector<Judged> judged(assignments.size());
  for (size_t i = 0; i < judged.size(); ++i) {
    const double known = std::isfinite(qualities[i]) ? qualities[i] : 0;
    const Costs costs = subs[i]->costs.value_or(Costs());
    const double cost = counts ? costs.at(options_.reward.cost) : 0;
    judged[i] = {assignments[i], subs[i]->child.name, known, reward_of(known, cost, options_.reward), costs};
  }
  return judged;
}

void Search::note(uint32_t update, const std::vector<Judged>& judged) {
  if (!archive_) return;
  for (const Judged& each : judged) {
    base::JsonWriter json(0);
    json.begin_object(true).field("update", update).field("arch", each.name).field("quality", each.quality);
    json.field("reward", each.reward);
    for (const auto& [name, cost] : each.costs) json.field(name, cost);
    archive_->append(json.end_object().str());
  }
}

void Search::watch(const std::vector<double>& rewards) {
  if (rewards.size() < 2 || !collapse_.observe(train::summarize(rewards).deviation)) return;
  const std::string what = fmt::format("all rewards were the same for {} updates of the policy", kCollapsedUpdates);
  const char* remedy =
      "train weights for longer first (--theta-warmup), or measure rewards on more items (--reward-batch)";
  if (options_.on_collapse == "abort") throw Error(ErrorKind::check_failed, "policy", what, remedy);
  base::warn("{}; {}", what, remedy);
}

void Search::train_policy(int64_t epoch, train::Metrics& metrics) {
  train::RunningMeans means;
  for (int64_t i = 0; i < options_.theta_steps; ++i) {
    const auto update = static_cast<uint32_t>(epoch * options_.theta_steps + i);
    const std::vector<Batch> batch = {feed_->validation(update, static_cast<size_t>(options_.reward_batch))};
    train::Metrics of_update =
        policy_->learn(static_cast<size_t>(options_.theta_batch), update, [&](const auto& assignments) {
          const std::vector<Judged> judged = judge(assignments, batch);
          note(update, judged);
          judged_items_ += static_cast<int64_t>(judged.size()) * batch[0].labels.size(0);
          std::vector<double> rewards;
          for (const Judged& each : judged) rewards.push_back(each.reward);
          watch(rewards);
          means.add({{"reward.mean", train::summarize(rewards).mean},
                     {"reward.deviation", train::summarize(rewards).deviation}});
          return rewards;
        });
    means.add(of_update);
  }
  metrics.merge(means.means());
}

train::StepResult Search::step(int64_t step, int64_t steps) {
  train::StepResult result;
  result.taken = train_weights(step, steps, result.metrics);
  const bool ends_epoch = (step + 1) % steps_per_epoch() == 0;
  const bool warm = static_cast<double>(step + 1) <= options_.theta_warmup * static_cast<double>(steps);
  if (ends_epoch && !warm) train_policy(step / steps_per_epoch(), result.metrics);
  return result;
}

std::vector<Judged> Search::rank(const std::vector<Assignment>& assignments, const std::atomic<bool>* stop) {
  std::vector<Assignment> distinct;
  std::set<std::string> seen;
  for (const Assignment& assignment : assignments)
    if (seen.insert(supergraph_.child(assignment).name).second) distinct.push_back(assignment);
  std::vector<Judged> judged = judge(distinct, feed_->whole_validation(kEvaluationItems), stop);
  if (options_.reward.cost != "none" && options_.reward.combine == "filter")
    std::erase_if(judged,
                  [&](const Judged& each) { return each.costs.at(options_.reward.cost) > options_.reward.target; });
  std::stable_sort(judged.begin(), judged.end(), [](const Judged& a, const Judged& b) {
    return a.reward != b.reward ? a.reward > b.reward : a.name < b.name;
  });
  return judged;
}

std::vector<Judged> Search::choose(size_t count, const std::atomic<bool>* stop) {
  std::vector<Judged> judged = rank(policy_->candidates(count, 0), stop);
  if (judged.empty() && !(stop && stop->load()))
    throw Error(ErrorKind::check_failed, "--reward.target", fmt::format("none of {} architectures keeps to it", count),
                "raise the target, or give more --samples");
  return judged;
}

train::Checkpoint Search::state() const {
  train::Checkpoint state;
  state.metadata["schema"] = kSearchSchema;
  state.add("weights.", shared_->network().state());
  state.add("weights.optimizer.", optimizer_->state());
  policy_->save(state);
  const auto archived = static_cast<int64_t>(archive_ ? archive_->bytes() : 0);
  if (archive_) archive_->flush();
  state.add("search.", {{"counts", at::tensor({judged_items_, collapse_.low_steps(), archived}, at::kLong)}});
  return state;
}

void Search::restore(const train::Checkpoint& state, const std::string& path) {
  const at::NoGradGuard no_gradients;
  std::vector<nn::NamedTensor> weights;
  for (auto& [name, tensor] : state.with_prefix("weights."))
    if (!name.starts_with("optimizer.")) weights.emplace_back(name, tensor);
  nn::copy_values(weights, shared_->network().state(), path);
  optimizer_->assign(state.with_prefix("weights.optimizer."), path);
  policy_->restore(state, path);
  const at::Tensor counts = at::zeros({3}, at::kLong);
  nn::copy_values(state.with_prefix("search."), {{"counts", counts}}, path);
  judged_items_ = counts.const_data_ptr<int64_t>()[0];
  collapse_.set_low_steps(counts.const_data_ptr<int64_t>()[1]);
  if (archive_) archive_->cut(static_cast<uint64_t>(counts.const_data_ptr<int64_t>()[2]));
}

}  // namespace allot::enas
