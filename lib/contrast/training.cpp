// SPDX-License-Identifier: Apache-2.0
#include "contrast/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "config/units.h"
#include "contrast/bench.h"
#include "train/owners.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kOrderStream = 0x63746f72;

std::vector<nn::NamedTensor> with_prefix(const std::string& prefix, const std::vector<nn::NamedTensor>& tensors) {
  std::vector<nn::NamedTensor> result;
  for (const auto& [name, tensor] : tensors) result.emplace_back(prefix + name, tensor);
  return result;
}

void append(std::vector<nn::NamedTensor>& to, const std::vector<nn::NamedTensor>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

double number_of(const at::Tensor& scalar) { return scalar.const_data_ptr<double>()[0]; }

}  // namespace

Training::Training(const TowersOptions& towers, const TrainOptions& options, uint64_t seed, unsigned threads,
                   dist::Team* team)
    : options_(options),
      seed_(seed),
      threads_(threads),
      towers_(towers, seed),
      source_(open_pairs(options.data, towers_.get())) {
  if (options.batch > source_->size())
    throw Error(ErrorKind::config, "--batch",
                fmt::format("is {}, while there are {} pairs", options.batch, source_->size()),
                "choose a smaller batch, or give more data");
  if (!options.evaluation.empty()) {
    DataOptions data = options.data;
    data.files = options.evaluation;
    evaluation_ = open_pairs(data, towers_.get());
  }
  std::vector<int64_t> items(static_cast<size_t>(source_->size()));
  std::iota(items.begin(), items.end(), int64_t{0});
  sampler_ = std::make_unique<data::Sampler>(std::move(items), seed, kOrderStream);
  if (options.distinct != "none")
    distinct_ = std::make_unique<DistinctBatches>(*sampler_, *source_, options.distinct, options.batch);
  step_options_.loss = options.loss;
  step_options_.micro_second = options.micro_second;
  step_options_.threads = threads;
  step_options_.team = team;
  choose_micro(options);
  const bool sigmoid = options.loss.kind == "sigmoid";
  log_scale_ = at::tensor({-std::log(options.temperature.initial)}, at::kDouble);
  bias_ = at::tensor({sigmoid ? options.temperature.bias : 0.0}, at::kDouble);
  make_optimizer(options);
  if (options.shard == "weights") divide_weights(options);
  if (options.accumulate == "moments") fold_moments(options);
  if (!options.cache_embeddings.empty()) open_cache(options);
}

void Training::make_optimizer(const TrainOptions& options) {
  std::vector<nn::TrainedTensor> trained;
  for (const Side side : {Side::first, Side::second}) {
    if (side == Side::second && towers_.get().tied()) continue;
    for (nn::TrainedTensor& each : towers_.get().of(side).network().trained()) {
      each.name = fmt::format("{}.{}", side == Side::first ? "image" : "text", each.name);
      trained.push_back(std::move(each));
    }
  }
  trained.push_back({"log_scale", log_scale_, false});
  trained.push_back({"bias", bias_, false});
  dist::Team* const team = step_options_.team;
  std::vector<bool> owned;
  if (options.shard != "none" && team && team->size() > 1) {
    owners_ = train::deal_owners(trained, team->size());
    for (const uint32_t owner : owners_) owned.push_back(owner == team->rank());
  }
  optimizer_ = std::make_unique<nn::Optimizer>(std::move(trained), options.optimizer, std::move(owned));
}

/// Each rank keeps the weights that it steps for.
void Training::divide_weights(const TrainOptions& options) {
  const char* const flag = "--shard";
  if (towers_.get().first.options().segments == 0)
    throw Error(ErrorKind::config, flag, "of weights brings those of a segment at a time, and there are none",
                "cut encoders into segments: --remat 8");
  if (options.optimizer.kind == "sgd" && options.optimizer.weight_decay > 0)
    throw Error(ErrorKind::config, flag, "of weights leaves nobody all of them, which sgd adds to gradients",
                "use --optimizer.weight-decay 0, another optimiser, or --shard optimizer");
  const Towers towers = towers_;
  auto owner = owners_.begin();
  for (const Side side : {Side::first, Side::second}) {
    if (owners_.empty() || !towers.of(side).trains() || (side == Side::second && towers.tied())) continue;
    const exec::Program& program = towers.of(side).network().program();
    const auto end = owner + static_cast<ptrdiff_t>(program.parameters().size());
    divided_.push_back(std::make_unique<train::DividedWeights>(*step_options_.team, program, std::vector(owner, end)));
    (side == Side::first ? step_options_.first_weights : step_options_.second_weights) = divided_.back().get();
    owner = end;
  }
}

/// All ranks, before any needs all weights.
void Training::make_whole() const {
  for (const auto& weights : divided_) weights->make_whole();
}

/// Noise is told from differences of parts, which hence have to be alike.
void Training::refuse_unequal_parts(const char* flag, int64_t rows, int64_t micro) const {
  const int64_t ranks = step_options_.team ? step_options_.team->size() : 1;
  if (rows % (2 * micro * ranks) != 0)
    throw Error(ErrorKind::config, flag,
                fmt::format("is {}, of which two{} do not divide a batch of {}", micro,
                            ranks > 1 ? fmt::format(" on each of {} ranks", ranks) : "", rows),
                "choose one that does, or --accumulate exact");
}

void Training::fold_moments(const TrainOptions& options) {
  const char* const flag = "--accumulate";
  if (towers_.get().tied())
    throw Error(ErrorKind::config, flag, "cannot be moments of one encoder for both sides, whose gradients differ",
                "give two encoders, or --accumulate exact");
  if (source_->negatives() > 0)
    throw Error(ErrorKind::config, flag,
                "cannot be moments with hard negatives, whose gradients differ from those of pairs",
                "leave --negative-array out, or --accumulate exact");
  for (const Side side : {Side::first, Side::second}) {
    if (!towers_.get().of(side).trains()) continue;
    const bool own = side == Side::second && step_options_.micro_second > 0;
    refuse_unequal_parts(own ? "--micro-text" : "--micro", options.batch,
                         own ? step_options_.micro_second : step_options_.micro);
  }
  fold_ = std::make_unique<nn::MomentFold>(*optimizer_);
  const size_t of_first = towers_.get().first.network().trained().size();
  step_options_.take_parts = [this, of_first](Side side, const auto& parts, int64_t groups) {
    fold_->fold(side == Side::first ? 0 : of_first, parts, groups);
  };
}

void Training::open_cache(const TrainOptions& options) {
  const Towers towers = towers_;
  if (towers.first.trains() && towers.second.trains())
    throw Error(ErrorKind::config, "--cache-embeddings", "has nothing to keep, as both encoders are trained",
                "freeze one: --freeze image");
  const Side side = towers.first.trains() ? Side::second : Side::first;
  if (side == Side::second && source_->negatives() > 0)
    throw Error(ErrorKind::config, "--cache-embeddings", "does not hold hard negatives of the frozen side",
                "leave one of --cache-embeddings and --negative-array out");
  cache_ = std::make_unique<EmbeddingCache>(
      towers, *source_, side,
      CacheOptions{options.cache_embeddings, step_options_.micro, threads_, step_options_.team});
}

void Training::choose_micro(const TrainOptions& options) {
  if (options.micro != "auto") {
    step_options_.micro = std::min(config::parse_integer(options.micro, 1, int64_t{1} << 32), options.batch);
    return;
  }
  const SourceBatch batch(*source_, items_of(0), false);
  step_options_.micro = fastest_micro(towers_, batch, threads_, static_cast<int64_t>(options.micro_memory));
  if (dist::Team* const team = step_options_.team; team && team->size() > 1) {  // clocks differ
    dist::WireWriter out;
    out.number(step_options_.micro);
    const std::string bytes = team->from_first(out.take());
    step_options_.micro = dist::WireReader(bytes).number<int64_t>();
  }
  base::info("--micro auto chose {}", step_options_.micro);
}

/// The batch of a step; the last one of an epoch may reach into the next, where its items come again.
std::vector<int64_t> Training::items_of(int64_t step) {
  if (distinct_) return distinct_->batch(step);
  return sampler_->batch(static_cast<uint64_t>(step), static_cast<size_t>(options_.batch));
}

train::StepResult Training::step(int64_t step, int64_t steps) {
  const SourceBatch batch(*source_, items_of(step), options_.deduplicate, cache_.get());
  for (const auto& weights : divided_) weights->divide();
  const Towers towers = towers_;
  const StepGradient gradient =
      two_pass(towers, batch, temperature(), step_options_, seed_, static_cast<uint32_t>(step));
  note_weight_bytes();
  train::StepResult result;
  result.metrics["loss"] = gradient.loss;
  result.metrics["scale"] = std::exp(number_of(log_scale_));
  result.metrics["recall_1.in_batch"] = static_cast<double>(gradient.hits) / static_cast<double>(batch.pairs());
  result.metrics["seconds_of.pass_1"] = gradient.pass1_s;
  result.metrics["seconds_of.loss"] = gradient.loss_s;
  result.metrics["seconds_of.pass_2"] = gradient.pass2_s;
  if (options_.deduplicate)
    result.metrics["duplicates"] = static_cast<double>(batch.duplicates()) / static_cast<double>(batch.pairs());
  if (!std::isfinite(gradient.loss)) return {{}, false};
  const double rate = options_.schedule.at(step, steps);
  const nn::StepReport report = change_weights(gradient, rate);
  if (!report.taken) return {{}, false};
  share_changes();
  const at::NoGradGuard no_gradients;
  log_scale_.clamp_max_(std::log(options_.temperature.most));
  if (!fold_) result.metrics["gradient_norm"] = report.gradient_norm;
  result.metrics["rate"] = rate;
  return result;
}

/// What each rank's own steps came to; divided weights stay where they are.
void Training::share_changes() const {
  if (owners_.empty()) return;
  const auto& all = optimizer_->tensors();
  const auto begin = divided_.empty() ? 0 : static_cast<ptrdiff_t>(all.size()) - 2;  // scale and bias
  train::share_owned(*step_options_.team, {all.begin() + begin, all.end()}, {owners_.begin() + begin, owners_.end()});
}

void Training::note_weight_bytes() {
  weight_bytes_ = {};
  for (const auto& weights : divided_) weight_bytes_.kept += weights->bytes();
  if (divided_.empty())
    for (size_t i = 0; i + 2 < optimizer_->tensors().size(); ++i)
      weight_bytes_.kept += static_cast<int64_t>(optimizer_->tensors()[i].tensor.nbytes());
  weight_bytes_.most = weight_bytes_.kept;
  for (const auto& weights : divided_)  // one encoder runs at a time
    weight_bytes_.most = std::max(weight_bytes_.most, weight_bytes_.kept - weights->bytes() + weights->most_bytes());
}

nn::StepReport Training::change_weights(const StepGradient& gradient, double rate) {
  const bool learnt = options_.temperature.learnt, sigmoid = options_.loss.kind == "sigmoid";
  const at::Tensor log_scale = learnt ? at::tensor({gradient.log_scale}, at::kDouble) : at::Tensor();
  const at::Tensor bias = learnt && sigmoid ? at::tensor({gradient.bias}, at::kDouble) : at::Tensor();
  if (fold_) {  // it has the gradients of weights already
    const size_t scalars = optimizer_->tensors().size() - 2;
    if (log_scale.defined()) fold_->take(scalars, log_scale);
    if (bias.defined()) fold_->take(scalars + 1, bias);
    fold_->finish(rate);
    return {};
  }
  std::vector<at::Tensor> all;
  if (towers_.get().first.trains()) all = gradient.first;
  all.insert(all.end(), gradient.second.begin(), gradient.second.end());
  all.push_back(log_scale);
  all.push_back(bias);
  return optimizer_->step(all, rate);
}

train::Evaluation Training::evaluate() {
  make_whole();
  if (!evaluation_) return {};
  const Retrieval found = retrieval(towers_, *evaluation_, step_options_.micro, threads_);
  return {found.metrics(), found.score()};
}

Temperature Training::temperature() const { return {number_of(log_scale_), number_of(bias_)}; }

int64_t Training::steps_per_epoch() const { return std::max<int64_t>(1, source_->size() / options_.batch); }

int64_t Training::optimizer_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : optimizer_->state()) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

std::string Training::fingerprint() const {
  base::Sha256 hash;
  hash.add_field(source_->fingerprint());
  for (const Side side : {Side::first, Side::second})
    if (const auto& file = towers_.get().of(side).network().model().file) hash.add_field(file->view());
  return hash.hex();
}

std::vector<nn::NamedTensor> Training::result() const {
  const Towers towers = towers_;
  std::vector<nn::NamedTensor> tensors = with_prefix("image.", towers.first.network().state());
  if (!towers.tied()) append(tensors, with_prefix("text.", towers.second.network().state()));
  append(tensors, {{"temperature.log_scale", log_scale_}, {"temperature.bias", bias_}});
  return tensors;
}

train::Checkpoint Training::state() const {
  make_whole();
  train::Checkpoint state;
  state.metadata["schema"] = kTrainingSchema;
  state.add("network.", result());
  const auto own = optimizer_->state();
  state.add("optimizer.", owners_.empty() ? own : train::on_first(*step_options_.team, own));
  return state;
}

void Training::restore(const train::Checkpoint& state, const std::string& path) {
  const at::NoGradGuard no_gradients;
  nn::copy_values(state.with_prefix("network."), result(), path);
  optimizer_->assign(state.with_prefix("optimizer."), path);
}

}  // namespace allot::contrast
