// SPDX-License-Identifier: Apache-2.0
#include "mixcal/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "dist/wire.h"
#include "nn/threads.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr int64_t kRowsAtOnce = 32;

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

}  // namespace

std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& leaves) {
  return torch::autograd::grad({loss}, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
}

TrainSettings::TrainSettings() {
  loop.steps = 600, loop.evaluate_every = 50, loop.tensorboard = false;
  optimizer.kind = "adamw", optimizer.beta2 = 0.99, optimizer.weight_decay = 0.01, optimizer.clip_norm = 1;
  schedule.rate = 3e-3, schedule.warmup = 0.06, schedule.last = 0.1;
}

void TrainSettings::bind(config::Binder& binder) {
  model.bind(binder);
  loop.bind(binder);
  binder.integer("batch", batch, "sequences a step", 1, 1 << 24);
  binder.integer("shards", shards, "parts of a batch that threads and ranks do side by side; divides the batch", 1,
                 1 << 16);
  binder.integer("evaluation", evaluation, "sequences of each domain that evaluations take", 1, 1 << 24);
  binder.section("optimizer", "how parameters follow gradients", [this](config::Binder& b) { optimizer.bind(b); });
  binder.section("schedule", "of the learning rate", [this](config::Binder& b) { schedule.bind(b); });
}

std::vector<double> evaluate(const LanguageModel& model, const data::TokenStore& store, data::Part part, int64_t most) {
  const at::NoGradGuard no_gradients;
  const Feed feed(store, {part}, model.length(), 0, 0);
  std::vector<double> losses;
  for (size_t domain = 0; domain < feed.domains(); ++domain) {
    const at::Tensor tokens = feed.spread(domain, most);
    double total = 0;
    for (int64_t first = 0; first < tokens.size(0); first += kRowsAtOnce)
      total += model.losses(tokens.narrow(0, first, std::min(kRowsAtOnce, tokens.size(0) - first)))
                   .sum(at::kDouble)
                   .item<double>();
    losses.push_back(total / static_cast<double>(tokens.size(0) * model.predictions()));
  }
  return losses;
}

LanguageJob::LanguageJob(LanguageModel& model, const TrainSettings& settings, const Lesson& lesson)
    : model_(model),
      settings_(settings),
      lesson_(lesson),
      names_(lesson.store.names()),
      feed_(lesson.store, lesson.parts, model.length(), lesson.seed, lesson.stream),
      optimizer_(model.network().trained(), settings.optimizer),
      leaves_(model.network().leaves()) {
  const Feed validation(lesson.store, {data::Part::validation}, model.length(), 0, 0);  // before hours of training
  if (settings.batch % settings.shards != 0)
    throw Error(ErrorKind::config, "--shards",
                fmt::format("{} do not divide a batch of {}", settings.shards, settings.batch), "give a divisor");
}

train::ShardOptions LanguageJob::shard_options() const {
  return {static_cast<size_t>(settings_.shards), lesson_.threads, lesson_.team};
}

at::Tensor LanguageJob::rows_of(const at::Tensor& tokens, size_t shard) const {
  const int64_t rows = settings_.batch / settings_.shards;
  return tokens.narrow(0, static_cast<int64_t>(shard) * rows, rows);
}

train::StepResult LanguageJob::descend(train::Part part, int64_t step, int64_t steps) {
  const double rate = settings_.schedule.at(step, steps);
  const nn::StepReport report = optimizer_.step(part.gradients, rate);
  train::StepResult result{std::move(part.metrics), report.taken};
  result.metrics["gradient_norm"] = report.gradient_norm;
  result.metrics["rate"] = rate;
  return result;
}

train::Evaluation LanguageJob::evaluate() {
  const std::vector<double> losses =
      mixcal::evaluate(model_, lesson_.store, data::Part::validation, settings_.evaluation);
  train::Evaluation evaluation;
  for (size_t i = 0; i < losses.size(); ++i) evaluation.metrics["validation." + names_[i]] = losses[i];
  evaluation.metrics["average"] = mean(losses);
  evaluation.metrics["worst"] = *std::max_element(losses.begin(), losses.end());
  return evaluation;
}

train::Checkpoint LanguageJob::state() const {
  train::Checkpoint state;
  state.metadata["schema"] = kLanguageSchema;
  state.add("model.", model_.network().state());
  state.add("optimizer.", optimizer_.state());
  state.add("feed.", {{"counts", at::tensor(feed_.counts(), at::kLong)}});
  return state;
}

void LanguageJob::restore(const train::Checkpoint& state, const std::string& path) {
  nn::copy_values(state.with_prefix("model."), model_.network().state(), path);
  optimizer_.assign(state.with_prefix("optimizer."), path);
  const at::Tensor counts = at::zeros({static_cast<int64_t>(feed_.domains())}, at::kLong);
  nn::copy_values(state.with_prefix("feed."), {{"counts", counts}}, path);
  feed_.set_counts({counts.const_data_ptr<int64_t>(), feed_.domains()});
}

train::StepResult LanguageJob::step_on(const Weights& weights, int64_t step, int64_t steps) {
  const Feed::Batch batch = feed_.drawn(step, settings_.batch, weights);
  train::Part part = train::mean_over_shards(shard_options(), {}, [&](size_t shard) {
    const at::Tensor loss = model_.losses(rows_of(batch.tokens, shard)).mean();
    return train::Part{gradients_of(loss, leaves_), {{"loss", loss.item<double>()}}};
  });
  return descend(std::move(part), step, steps);
}

/// One shard's losses, with the graph that leads to them.
struct ProxyJob::Forward {
  at::Tensor losses;  // [rows, tokens]
  Excess excess;
  double loss = 0, reference_loss = 0;
};

ProxyJob::ProxyJob(LanguageModel& model, const LanguageModel& reference, const TrainSettings& settings,
                   const Lesson& lesson, const DroOptions& dro, int64_t steps)
    : LanguageJob(model, settings, lesson),
      reference_(reference),
      options_(dro),
      dro_(names_.size(), dro, steps, std::log(static_cast<double>(lesson.store.tokenizer().vocabulary))),
      trajectory_(steps) {
  if (settings.batch < static_cast<int64_t>(names_.size()))
    base::warn("{} sequences a batch are fewer than {} domains; what is absent scores {}", settings.batch,
               names_.size(), dro.absent == "zero" ? "nothing" : "what it scored last");
}

/// Of the shards that this rank does: those of mean_over_shards().
std::vector<ProxyJob::Forward> ProxyJob::forward(const Feed::Batch& batch) {
  const size_t shards = static_cast<size_t>(settings_.shards), ranks = lesson_.team ? lesson_.team->size() : 1;
  const size_t rank = lesson_.team ? lesson_.team->rank() : 0;
  const size_t begin = shards * rank / ranks, end = shards * (rank + 1) / ranks;
  std::vector<Forward> own(end - begin, Forward{{}, Excess(names_.size(), options_.clip)});
  const auto rows = static_cast<size_t>(settings_.batch / settings_.shards);
  base::parallel_for(own.size(), base::resolve_threads(lesson_.threads), [&](size_t i) {
    nn::compute_alone();
    Forward& each = own[i];
    const at::Tensor tokens = rows_of(batch.tokens, begin + i);
    each.losses = model_.losses(tokens);
    const at::NoGradGuard no_gradients;
    const at::Tensor proxy = each.losses.detach().contiguous(), reference = reference_.losses(tokens).contiguous();
    const auto width = static_cast<size_t>(proxy.size(1));
    for (size_t row = 0; row < rows; ++row)
      each.excess.add(batch.domains[(begin + i) * rows + row], {proxy.const_data_ptr<float>() + row * width, width},
                      {reference.const_data_ptr<float>() + row * width, width});
    each.loss = proxy.mean(at::kDouble).item<double>();
    each.reference_loss = reference.mean(at::kDouble).item<double>();
  });
  return own;
}

/// Of the whole batch: shards are added up in their order, whoever did them.
Excess ProxyJob::exchange(const std::vector<Forward>& own) {
  Excess all(names_.size(), options_.clip);
  if (!lesson_.team || lesson_.team->size() == 1) {
    for (const Forward& each : own) all.merge(each.excess);
    return all;
  }
  dist::WireWriter mine;
  for (const Forward& each : own)
    for (size_t i = 0; i < names_.size(); ++i) mine.number(each.excess.sums()[i]), mine.number(each.excess.tokens()[i]);
  for (const std::string& bytes : lesson_.team->gather(mine.take())) {
    dist::WireReader in(bytes);
    while (!in.at_end()) {
      std::vector<double> sums, tokens;
      for (size_t i = 0; i < names_.size(); ++i)
        sums.push_back(in.number<double>()), tokens.push_back(in.number<double>());
      Excess shard(names_.size(), options_.clip);
      shard.assign(std::move(sums), std::move(tokens));
      all.merge(shard);
    }
  }
  return all;
}

train::StepResult ProxyJob::step(int64_t step, int64_t steps) {
  const Feed::Batch batch = feed_.stratified(step, settings_.batch);
  const std::vector<Forward> own = forward(batch);
  const Excess excess = exchange(own);
  dro_.update(excess);
  trajectory_.note(step, dro_.alpha(), dro_.scores());
  const std::vector<double> weights = token_weights(dro_.alpha(), excess.tokens(), options_.norm);
  std::vector<float> by_row;
  for (const size_t domain : batch.domains)
    by_row.push_back(static_cast<float>(weights[domain] * static_cast<double>(settings_.shards)));
  const at::Tensor factors = at::tensor(by_row).unsqueeze(1);
  const size_t ranks = lesson_.team ? lesson_.team->size() : 1, rank = lesson_.team ? lesson_.team->rank() : 0;
  const size_t begin = static_cast<size_t>(settings_.shards) * rank / ranks;
  train::Part part = train::mean_over_shards(shard_options(), {}, [&](size_t shard) {
    const Forward& each = own[shard - begin];
    const at::Tensor loss = (each.losses * rows_of(factors, shard)).sum();
    return train::Part{
        gradients_of(loss, leaves_),
        {{"weighted_loss", loss.item<double>()}, {"loss", each.loss}, {"reference_loss", each.reference_loss}}};
  });
  train::StepResult result = descend(std::move(part), step, steps);
  for (size_t i = 0; i < names_.size(); ++i) {
    result.metrics["alpha." + names_[i]] = dro_.alpha()[i];
    result.metrics["excess." + names_[i]] = dro_.scores()[i];
  }
  result.metrics["largest_alpha"] = *std::max_element(dro_.alpha().begin(), dro_.alpha().end());
  result.metrics["effective_domains"] = effective_domains(dro_.alpha());
  return result;
}

train::Checkpoint ProxyJob::state() const {
  train::Checkpoint state = LanguageJob::state();
  state.add("weights.", {{"state", doubles(dro_.state())}, {"trajectory", doubles(trajectory_.state())}});
  return state;
}

void ProxyJob::restore(const train::Checkpoint& state, const std::string& path) {
  LanguageJob::restore(state, path);
  for (const auto& [name, tensor] : state.with_prefix("weights.")) {
    const std::span<const double> values(tensor.const_data_ptr<double>(), static_cast<size_t>(tensor.numel()));
    if (name == "state") dro_.assign(values, path);
    if (name == "trajectory") trajectory_.assign(values, names_.size());
  }
}

}  // namespace allot::mixcal
