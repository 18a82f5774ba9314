// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/progress.h"
#include "train/tensor_wire.h"

namespace allot::train {
namespace {

using base::Error;
using base::ErrorKind;
constexpr int64_t kMany = int64_t{1} << 40;  // steps, of a budget of seconds before any was spent
constexpr const char* kFingerprint = "fingerprint";
constexpr const char* kMeans = "loop.means";

/// Since 1970.
double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool is_due(int64_t step, int64_t every) { return every > 0 && step % every == 0; }

std::string text_of(const Metrics& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics) text += fmt::format("{}{} {:.4g}", text.empty() ? "" : "  ", name, value);
  return text;
}

/// The tensors of a checkpoint from the first rank to all.
Checkpoint from_first(dist::Team* team, Checkpoint checkpoint) {
  if (!team || team->size() == 1) return checkpoint;
  dist::WireWriter out;
  write(out, checkpoint);
  const std::string bytes = team->from_first(out.take());
  dist::WireReader in(bytes);
  return read_checkpoint(in);
}

/// The number that the first rank has: all go by its clock.
template <typename Number>
Number from_first(dist::Team* team, Number number) {
  if (!team || team->size() == 1) return number;
  dist::WireWriter out;
  out.number(number);
  const std::string bytes = team->from_first(out.take());
  return dist::WireReader(bytes).number<Number>();
}

}  // namespace

void LoopOptions::bind(config::Binder& binder) {
  constexpr int64_t kMost = int64_t{1} << 40;
  binder.integer("steps", steps, "to train for; 0 = no limit", 0, kMost);
  binder.number("epochs", epochs, "passes over the data to train for; 0 = no limit", 0, 1e9);
  binder.number("seconds", seconds, "to train for; -1 = no limit", -1, 1e9);
  binder.integer("log_every", log_every, "steps between lines of metrics.jsonl", 1, kMost);
  binder.integer("evaluate_every", evaluate_every, "steps between evaluations; 0 = at the end alone", 0, kMost);
  binder.number("save_every", save_every_s, "time between checkpoints", 0, 1e9, config::Unit::seconds);
  binder.integer("patience", patience, "evaluations without a better one that end the run; 0 = any number", 0, kMost);
  binder.integer("most_skipped", most_skipped, "steps in a row that may be skipped as not finite", 0, kMost);
  binder.flag("tensorboard", tensorboard, "write an event file for TensorBoard, too");
}

Loop::Loop(Job& job, RunFolder* folder, LoopOptions options, LoopContext context)
    : job_(job), folder_(folder), options_(options), context_(std::move(context)) {
  if (options_.steps == 0 && options_.epochs == 0 && options_.seconds < 0)
    throw Error(ErrorKind::usage, "", "training would never end", "give --steps, --epochs or --seconds");
}

double Loop::seconds() const { return earlier_seconds_ + seconds_since(started_); }

/// How many steps there will be in all.
int64_t Loop::plan() {
  int64_t steps = options_.steps > 0 ? options_.steps : kMany;
  if (options_.epochs > 0)
    steps = std::min<int64_t>(steps,
                              std::llround(std::ceil(options_.epochs * static_cast<double>(context_.steps_per_epoch))));
  if (steps < kMany || options_.seconds < 0 || step_ == 0) return steps;
  const double affordable = static_cast<double>(step_) * options_.seconds / seconds();
  steps = std::max<int64_t>(step_, std::llround(std::min(affordable, static_cast<double>(kMany))));
  return from_first(context_.team, steps);
}

bool Loop::budget_left() {
  planned_ = plan();
  const bool improves = options_.patience == 0 || since_best_ < options_.patience;
  return improves && step_ < planned_ && (options_.seconds < 0 || seconds() < options_.seconds);
}

/// Whether the first rank wants to, and none was asked to stop.
bool Loop::all_go_on(bool wanted) {
  if (context_.team) return context_.team->goes_on(wanted);
  return wanted && !(context_.stop && context_.stop->load(std::memory_order_relaxed));
}

bool Loop::save_is_due() {
  const bool due = seconds_since(saved_) >= options_.save_every_s;
  return job_.state_is_divided() ? from_first(context_.team, due) : due;
}

Ended Loop::run() {
  started_ = saved_ = logged_ = Clock::now();
  take_up();
  begin_events();
  timed_step_ = step_;
  cli::Progress progress("training", 0);
  while (all_go_on(budget_left())) {
    one_step();
    if (is_due(step_, options_.log_every)) log();
    if (is_due(step_, options_.evaluate_every)) evaluate();
    if (save_is_due()) save();
    if (!context_.shown) continue;
    if (planned_ < kMany) progress.set_total(static_cast<uint64_t>(planned_));
    progress.update(static_cast<uint64_t>(step_), best_score_ ? fmt::format("{:.4g}", *best_score_) : "");
  }
  save();  // before what only ends bring, which a run that is resumed with a larger budget does not have
  if (!all_go_on(true)) return Ended::stopped;
  log();
  evaluate();
  return options_.patience > 0 && since_best_ >= options_.patience ? Ended::patience : Ended::budget;
}

void Loop::one_step() {
  const StepResult result = job_.step(step_, planned_);
  ++step_;
  if (result.taken) {
    means_.add(result.metrics);
    skipped_in_row_ = 0;
    return;
  }
  ++skipped_;
  if (++skipped_in_row_ <= options_.most_skipped) return;
  throw Error(
      ErrorKind::check_failed, fmt::format("step {}", step_),
      fmt::format("the last {} steps were skipped, since a loss or gradient was not a finite number", skipped_in_row_),
      "lower the learning rate or clip gradients; the last checkpoint is from before");
}

void Loop::log() {
  if (step_ == logged_step_) return;
  Record record{"train", step_, seconds(), means_.means()};
  record.metrics["skipped"] = static_cast<double>(skipped_);
  record.metrics["steps_per_s"] = static_cast<double>(step_ - timed_step_) / std::max(1e-9, seconds_since(logged_));
  note(record);
  means_.clear();
  logged_step_ = timed_step_ = step_;
  logged_ = Clock::now();
}

void Loop::evaluate() {
  if (step_ == evaluated_step_) return;
  const Evaluation evaluation = job_.evaluate();
  evaluated_step_ = step_;
  if (!evaluation.metrics.empty()) note({"evaluate", step_, seconds(), evaluation.metrics});
  if (!evaluation.score) return;
  ++since_best_;
  if (!std::isfinite(*evaluation.score) || (best_score_ && *evaluation.score <= *best_score_)) return;
  best_score_ = evaluation.score;
  best_step_ = step_;
  since_best_ = 0;
  keep_best();
}

void Loop::keep_best() {
  if (!folder_) return;
  write_checkpoint({{{"schema", kNetworkSchema}, {"step", std::to_string(best_step_)}}, job_.result()}, best_path(),
                   base::Replace::own);
}

void Loop::take_best() {
  const bool first_has = folder_ && best_score_;
  const Checkpoint best =
      from_first(context_.team, first_has ? read_checkpoint(best_path(), kNetworkSchema) : Checkpoint{});
  if (!best.tensors.empty()) nn::copy_values(best.tensors, job_.result(), "best/network.safetensors");
}

void Loop::note(const Record& record) {
  base::verbose("{} {}: {}", record.phase, record.step, text_of(record.metrics));
  if (!folder_) return;
  folder_->metric(to_json(record));
  if (!events_) return;
  events_->append(record, now_s() - seconds());
  events_->flush();
}

/// Events of an earlier part of the run are written anew.
void Loop::begin_events() {
  if (!folder_ || !options_.tensorboard) return;
  events_ = std::make_unique<EventFile>(folder_->file("events.out.tfevents.allot"));
  const std::string metrics = folder_->file("metrics.jsonl");
  for (const Record& record : read_records(metrics)) events_->append(record, now_s() - seconds());
  events_->flush();
}

void Loop::save() {
  saved_ = Clock::now();
  if (!folder_ && !job_.state_is_divided()) return;
  Checkpoint state = job_.state();
  if (!folder_) return;
  const double best = best_score_.value_or(std::numeric_limits<double>::quiet_NaN());
  state.add(
      "loop.",
      {{"counts", at::tensor({step_, skipped_, skipped_in_row_, logged_step_, evaluated_step_, best_step_, since_best_},
                             at::kLong)},
       {"numbers", at::tensor({seconds(), best}, at::kDouble)}});
  state.metadata[kMeans] = means_.state();
  state.metadata[kFingerprint] = context_.fingerprint;
  folder_->save(std::move(state));
}

void Loop::restore(const Checkpoint& state, const std::string& path) {
  const at::Tensor counts = at::zeros({7}, at::kLong), numbers = at::zeros({2}, at::kDouble);
  nn::copy_values(state.with_prefix("loop."), {{"counts", counts}, {"numbers", numbers}}, path);
  size_t next = 0;
  for (int64_t* count :
       {&step_, &skipped_, &skipped_in_row_, &logged_step_, &evaluated_step_, &best_step_, &since_best_})
    *count = counts.const_data_ptr<int64_t>()[next++];
  earlier_seconds_ = numbers.const_data_ptr<double>()[0];
  if (const double best = numbers.const_data_ptr<double>()[1]; !std::isnan(best)) best_score_ = best;
  means_.restore(state.text(kMeans, path), path);
}

/// What an earlier part of the run left, if it is resumed.
void Loop::take_up() {
  Checkpoint stored;
  const bool reads = folder_ && folder_->resumed();
  if (reads) stored = folder_->restore(context_.schema);
  const std::string path = reads ? base::printable(folder_->file("checkpoint")) : "checkpoint";
  if (reads && stored.text(kFingerprint, path) != context_.fingerprint)
    throw Error(ErrorKind::config, path, "the networks or data are not those that the run began with",
                "give the same ones, or begin anew with --force");
  stored = from_first(context_.team, std::move(stored));
  if (stored.metadata.empty()) return;
  restore(stored, path);
  job_.restore(stored, path);
}

}  // namespace allot::train
