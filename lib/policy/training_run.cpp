// SPDX-License-Identifier: Apache-2.0
#include "policy/training_run.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/stopped.h"
#include "policy/rank_wire.h"

namespace allot::policy {
namespace {

constexpr const char* kFingerprint = "tasks";
// A policy has settled once updates of each task that evaluate nothing new outnumber those that do by so many, where one of the
// latter makes up for several of the former: a settled policy still samples a placement that is new now and then.
constexpr uint64_t kIdleUpdates = 50;
constexpr uint64_t kMadeUpFor = 10;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string fingerprint_of(const std::vector<std::string>& fingerprints) {
  base::Sha256 hash;
  for (const std::string& each : fingerprints) hash.add_field(each);
  return hash.hex();
}

}  // namespace

TrainingRun::TrainingRun(Policy& policy, Trainer& trainer, train::RunFolder* folder, RunOptions options)
    : policy_(policy), trainer_(trainer), folder_(folder), options_(std::move(options)) {
  seconds_.resize(trainer.tasks().size());
}

void TrainingRun::begin() {
  const Stopwatch watch;
  trainer_.seed();
  for (const auto& task : options_.validation) {
    const auto quick = place::compare(task->problem, "auto", {.seconds = 0, .stop = trainer_.stop_in_between()});
    quick_.push_back(quick.methods[quick.best].score.value);
    policy_.network(task->instance);  // serves it, or says why not
  }
  if (take_up()) return;
  for (double& seconds : seconds_) seconds = watch.seconds() / static_cast<double>(seconds_.size());
  for (size_t task = 0; task < seconds_.size(); ++task) report(task, "seeds", nullptr, {});
  save();
}

/// What a run depends on that is resumed: the first rank reads it for all. Empty where it begins anew.
std::string TrainingRun::stored_state() const {
  if (!folder_ || !folder_->resumed()) return {};
  const train::Checkpoint state = folder_->restore(kTrainingSchema);
  if (state.text(kFingerprint, folder_->file("checkpoint")) != fingerprint_of(options_.fingerprints))
    throw base::Error(base::ErrorKind::config, base::printable(folder_->path()),
                      "the models, their costs or the cluster are not those that the run began with",
                      "give the same ones, or begin anew with --force");
  dist::WireWriter out;
  write(out, state);
  return out.take();
}

/// Whether the run goes on where an earlier part of it ended.
bool TrainingRun::take_up() {
  const std::string stored = trainer_.team() ? trainer_.team()->from_first(stored_state()) : stored_state();
  if (stored.empty()) return false;
  const std::string path = folder_ ? folder_->file("checkpoint") : "checkpoint";
  dist::WireReader in(stored);
  const train::Checkpoint state = read_checkpoint(in);
  trainer_.restore(state, path);
  std::map<std::string, at::Tensor> stored_run;
  for (const auto& [name, tensor] : state.with_prefix("run.")) stored_run[name] = tensor;
  const at::Tensor &times = stored_run["seconds"], &idle = stored_run["idle"];
  if (!times.defined() || times.scalar_type() != at::kDouble || times.numel() != static_cast<int64_t>(seconds_.size()) ||
      !idle.defined() || idle.scalar_type() != at::kLong || idle.numel() != 1)
    throw base::Error(base::ErrorKind::malformed, base::printable(path), "has no times of the tasks",
                      "begin anew with --force");
  const double* seconds = times.const_data_ptr<double>();
  seconds_.assign(seconds, seconds + seconds_.size());
  idle_ = static_cast<uint64_t>(*idle.const_data_ptr<int64_t>());
  return true;
}

double TrainingRun::seconds() const { return std::accumulate(seconds_.begin(), seconds_.end(), 0.0); }

uint64_t TrainingRun::evaluations() const {
  uint64_t all = 0;
  for (const auto& task : trainer_.tasks()) all += task->evaluations;
  return all;
}

TrainingRun::Shares TrainingRun::shares() const {
  const auto& [evaluations_limit, updates_limit, seconds_limit] = options_.budget;
  Shares shares;
  if (evaluations_limit > 0)
    shares.searchable = static_cast<double>(evaluations()) / static_cast<double>(evaluations_limit * seconds_.size());
  if (seconds_limit >= 0)
    shares.searchable = std::max(shares.searchable, seconds_limit > 0 ? seconds() / seconds_limit : 1);
  if (updates_limit > 0) shares.updates = static_cast<double>(trainer_.updates()) / static_cast<double>(updates_limit);
  return shares;
}

double TrainingRun::share_spent() const {
  const auto [searchable, updates] = shares();
  return std::min(1.0, std::max(searchable, updates));
}

/// Whether all ranks that are in step go on: the first one's clock counts, and nobody was asked to stop.
bool TrainingRun::goes_on(dist::Team* team, bool wanted) const {
  return team ? team->goes_on(wanted) : wanted && !stopped();
}

bool TrainingRun::may_learn() const {
  const auto [searchable, updates] = shares();
  return goes_on(trainer_.in_step(), searchable < 1 - options_.final_search && updates < 1);
}

void TrainingRun::go_on(const Show& show) {
  if (trainer_.is_controller())
    trainer_.control();
  else
    learn(show);
  if (trainer_.is_server()) trainer_.end_control();
  save();
  search(show);
  save();
}

void TrainingRun::learn(const Show& show) {
  Stopwatch since_saved;
  while (may_learn() && idle_ < kIdleUpdates * seconds_.size()) {
    const Stopwatch watch;
    const uint64_t before = evaluations();
    UpdateReport update;
    try {
      update = trainer_.update();
    } catch (const base::Stopped&) {  // in the midst of an update, which changed nothing
      return;
    }
    if (update.imitation || evaluations() > before)
      idle_ -= std::min(idle_, kMadeUpFor);
    else
      ++idle_;
    seconds_[update.task] += watch.seconds();
    report(update.task, update.imitation ? "imitation" : "policy", &update, show);
    if (trainer_.updates() % options_.validate_every == 0) validate(show);
    if (since_saved.seconds() < options_.save_every_s) continue;
    save();
    since_saved = {};
  }
}

void TrainingRun::search(const Show& show) {
  if (options_.final_search == 0) return;
  const size_t tasks = seconds_.size(), ranks = trainer_.team() ? trainer_.team()->size() : 1;
  const size_t together = options_.budget.evaluations > 0 ? ranks : 1;
  for (size_t first = 0; first < tasks && goes_on(trainer_.team(), true); first += together) {
    std::vector<SearchLimits> limits;
    for (size_t task = first; task < std::min(tasks, first + together); ++task)
      if (const auto left = left_for(task)) limits.push_back(*left);
    for (const auto& [task, seconds] : trainer_.search(limits)) {
      seconds_[task] += seconds;
      report(task, "search", nullptr, show);
    }
  }
}

/// What of its budget annealing may spend on a task, if anything is left.
std::optional<SearchLimits> TrainingRun::left_for(size_t task) const {
  const RunBudget& budget = options_.budget;
  const uint64_t spent = trainer_.tasks()[task]->evaluations;
  const uint64_t evaluations = budget.evaluations > spent ? budget.evaluations - spent : 0;
  const double seconds = budget.seconds / static_cast<double>(seconds_.size()) - seconds_[task];
  if (budget.evaluations > 0 ? evaluations == 0 : seconds <= 0) return std::nullopt;
  return SearchLimits{task, evaluations, budget.seconds >= 0 ? std::max(0.0, seconds) : -1};
}

void TrainingRun::validate(const Show& show) {
  std::vector<place::Score> scores(options_.validation.size());
  for (const size_t i : dist::dealt(trainer_.in_step(), scores.size())) {
    Task& task = *options_.validation[i];
    const Network& network = policy_.network(task.instance);
    const auto placements = network.placements(task.instance, network.sample(task.instance, {.greedy = true}));
    scores[i] = task.reward->judge(placements).front().score;
  }
  dist::exchange(trainer_.in_step(), scores, kWrite, read_score);
  for (size_t i = 0; i < scores.size(); ++i) {
    const Task& task = *options_.validation[i];
    Metric metric;
    metric.phase = "validation";
    metric.model = task.name;
    metric.update = trainer_.updates() - 1;
    metric.seconds = seconds();
    metric.best = scores[i];
    metric.of_quick = static_cast<double>(metric.best.value) / static_cast<double>(std::max<int64_t>(1, quick_[i]));
    note(i, metric, show);
  }
}

void TrainingRun::report(size_t task, std::string phase, const UpdateReport* update, const Show& show) {
  const Task& about = *trainer_.tasks()[task];
  Metric metric;
  metric.phase = std::move(phase);
  metric.model = about.name;
  metric.update = trainer_.updates();
  metric.evaluations = about.evaluations;
  metric.model_seconds = seconds_[task];
  metric.seconds = seconds();
  metric.best = about.elites.best().score;
  if (update) {
    metric.update = update->update;
    metric.samples = update->samples;
    metric.executed = update->executed;
    metric.mean_cost = update->mean_cost;
    metric.best_cost = update->best_cost;
    metric.entropy = std::max(0.0, update->learning.entropy);
    metric.gradient_norm = update->learning.gradient_norm;
    metric.learning_rate = update->learning.learning_rate;
    metric.rank = update->rank;
    metric.staleness = update->staleness;
  }
  note(task, metric, show);
}

void TrainingRun::note(size_t task, const Metric& metric, const Show& show) {
  if (folder_) folder_->metric(to_json(metric));
  if (show) show(task, metric);
}

void TrainingRun::save() {
  if (!folder_) return;
  train::Checkpoint state = trainer_.state();
  state.add("run.", {{"seconds", at::tensor(seconds_, at::kDouble)},
                     {"idle", at::tensor(static_cast<int64_t>(idle_), at::kLong)}});
  state.metadata[kFingerprint] = fingerprint_of(options_.fingerprints);
  folder_->save(std::move(state));
  train::write_checkpoint(policy_.checkpoint(), folder_->file("best/policy.safetensors"), base::Replace::own);
}

}  // namespace allot::policy
