// SPDX-License-Identifier: Apache-2.0
#include "policy/learner.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/parallel.h"
#include "nn/threads.h"
#include "policy/rank_wire.h"

namespace allot::policy {
namespace {

constexpr int64_t kMostTogether = 32;  // samples of a shard without groups
constexpr uint32_t kFreshActions = 0x80000000;

at::Tensor weights(const std::vector<double>& values) {
  std::vector<float> floats(values.begin(), values.end());
  return at::tensor(floats);
}

/// The clipped objective of each decision, to be descended: old and new log-probability [samples, steps]; worth
/// [samples, 1].
at::Tensor clipped(const at::Tensor& now, const at::Tensor& old, const at::Tensor& worth, double clip) {
  const auto ratio = (now - old).exp();
  return -at::minimum(ratio * worth, ratio.clamp(1 - clip, 1 + clip) * worth);
}

void add(std::vector<at::Tensor>& sums, const std::vector<at::Tensor>& gradients) {
  for (size_t i = 0; i < sums.size(); ++i)
    if (gradients[i].defined()) sums[i] = sums[i].defined() ? sums[i] + gradients[i] : gradients[i];
}

}  // namespace

Learner::Learner(Network& network, const LearningSettings& settings, unsigned threads, dist::Team* team)
    : network_(network),
      settings_(settings),
      threads_(threads),
      team_(team),
      optimizer_(nn::trained_tensors(network.parameters().all()), {.kind = "adamw", .clip_norm = settings.clip_norm}) {}

std::vector<Samples> Learner::draw(const Instance& instance, uint64_t seed, uint32_t update, bool hierarchical) const {
  Draw draw{.seed = seed, .update = update};
  if (updates_ < settings_.noise_until)
    draw.noise = settings_.noise_amplitude, draw.noise_relative = settings_.noise_relative;
  std::vector<Draw> draws;
  const int64_t all = settings_.groupings * settings_.placements;
  for (int64_t first = 0; first < all; first += draw.count) {
    draw.first = static_cast<uint32_t>(first);
    draw.count = hierarchical ? settings_.placements : std::min(kMostTogether, all - first);
    draws.push_back(draw);
  }
  nn::compute_alone();
  const c10::NoGradGuard no_gradient;
  const at::Tensor embeddings = network_.embed(instance);
  std::vector<Samples> shards(draws.size());
  const auto mine = dist::dealt(team_, shards.size());
  base::parallel_for(mine.size(), threads_, [&](size_t i) {
    nn::compute_alone();
    shards[mine[i]] = network_.sample(instance, embeddings, draws[mine[i]]);
  });
  dist::exchange(team_, shards, kWrite, read_samples);
  return shards;
}

double Learner::learning_rate() const {
  const int64_t late = updates_ - settings_.decay_after;
  const double times =
      late > 0 ? std::floor(static_cast<double>(late) / static_cast<double>(settings_.decay_every)) : 0;
  return settings_.learning_rate * std::pow(settings_.decay, times);
}

double Learner::entropy_weight() const {
  const double left = 1 - static_cast<double>(updates_) / static_cast<double>(settings_.entropy_until);
  return settings_.entropy * std::max(0.0, left);
}

/// What samples are descended by. Those that are not kept have weight 0 throughout.
at::Tensor Learner::taught(const Scores& scores, const Lesson& lesson, size_t shard, double kept) const {
  std::vector<double> weight = lesson.advantage[shard];
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = lesson.kept[shard][i] ? weight[i] / kept : 0.0;
  if (settings_.algorithm == "reinforce") return (weights(weight) * scores.joint()).sum();
  const Samples& samples = lesson.shards[shard];
  const auto worth = -weights(weight).unsqueeze(1);
  std::vector<double> counts;
  for (const char k : lesson.kept[shard]) counts.push_back(k ? 1 / kept : 0.0);
  auto loss = clipped(scores.log_probability, samples.log_probability, worth, settings_.clip_ratio).mean(1).sum() -
              entropy_weight() * (scores.entropy.mean(1) * weights(counts)).sum();
  if (scores.group_log_probability.defined())  // all placements of a grouping speak for it
    loss = loss + clipped(scores.group_log_probability.unsqueeze(0), samples.group_log_probability.unsqueeze(0),
                          worth.sum().reshape({1, 1}), settings_.clip_ratio)
                      .mean();
  return loss;
}

namespace {

double count_kept(const Lesson& lesson) {
  double kept = 0;
  for (const auto& shard : lesson.kept) kept += static_cast<double>(std::count(shard.begin(), shard.end(), 1));
  return kept;
}

/// What a shard adds to an update.
struct Part {
  std::vector<at::Tensor> gradients;  // by parameter, then of the embeddings
  double entropy = 0;                 // its part of the mean
};

void write_part(dist::WireWriter& out, const Part& part) {
  write(out, part.gradients);
  out.number(part.entropy);
}

Part read_part(dist::WireReader& in) {
  Part part{read_tensors(in)};
  part.entropy = in.number<double>();
  return part;
}

at::Tensor cross_entropy(const Scores& scores) {
  const auto devices = -scores.log_probability.mean();
  return scores.group_log_probability.defined() ? devices - scores.group_log_probability.mean() : devices;
}

/// What is scored at once: a shard, decisions to be imitated, or both.
struct Piece {
  Samples samples;
  size_t shard = 0;    // number of it
  int64_t taught = 0;  // rows that are the shard's; the rest is imitated
};

/// A batch of one takes half as long as one of 32, so that what is imitated is scored as a row of the last shard where
/// nothing but the row tells them apart: no grouping, no noise.
std::vector<Piece> pieces_of(const Lesson& lesson, bool teaches) {
  std::vector<Piece> pieces;
  if (teaches)
    for (size_t i = 0; i < lesson.shards.size(); ++i)
      pieces.push_back({lesson.shards[i], i, lesson.shards[i].devices.size(0)});
  const bool plain =
      !pieces.empty() && !pieces.back().samples.groups.defined() && pieces.back().samples.draw.noise == 0;
  if (plain && lesson.imitated.size() == 1) {
    at::Tensor& rows = pieces.back().samples.devices;
    rows = at::cat({rows, lesson.imitated.front().devices});
  } else {
    for (const Samples& imitated : lesson.imitated) pieces.push_back({imitated});
  }
  return pieces;
}

Scores rows_of(const Scores& scores, int64_t first, int64_t end) {
  Scores rows = scores;
  rows.log_probability = scores.log_probability.narrow(0, first, end - first);
  rows.entropy = scores.entropy.narrow(0, first, end - first);
  return rows;
}

}  // namespace

std::vector<at::Tensor> Learner::gradient(const Instance& instance, const Lesson& lesson, double* entropy) const {
  const auto parameters = network_.parameters().tensors();
  const double kept = count_kept(lesson);
  const double weight = lesson.imitation_weight / static_cast<double>(std::max<size_t>(1, lesson.imitated.size()));
  const std::vector<Piece> pieces = pieces_of(lesson, kept > 0);
  nn::compute_alone();
  const at::Tensor embeddings = network_.embed(instance);
  std::vector<Part> parts(pieces.size());
  const auto mine = dist::dealt(team_, parts.size());
  base::parallel_for(mine.size(), threads_, [&](size_t number) {
    nn::compute_alone();
    const auto& [samples, shard, taught_rows] = pieces[mine[number]];
    Part& part = parts[mine[number]];
    std::vector<at::Tensor> leaves = parameters, descended;
    leaves.push_back(embeddings.detach().set_requires_grad(true));
    const Scores scores = network_.score(instance, leaves.back(), samples);
    const int64_t rows = samples.devices.size(0);
    if (taught_rows > 0) {
      const Scores of_shard = rows_of(scores, 0, taught_rows);
      part.entropy = of_shard.entropy.mean().item<double>() / static_cast<double>(lesson.shards.size());
      descended.push_back(taught(of_shard, lesson, shard, kept));
    }
    if (taught_rows < rows) descended.push_back(cross_entropy(rows_of(scores, taught_rows, rows)) * weight);
    part.gradients = torch::autograd::grad(descended, leaves, {}, std::nullopt, false, /*allow_unused=*/true);
  });
  dist::exchange(team_, parts, write_part, read_part);
  std::vector<at::Tensor> sums(parameters.size() + 1);
  for (const Part& part : parts) add(sums, part.gradients);
  const at::Tensor of_embeddings = sums.back();
  sums.pop_back();
  if (of_embeddings.defined() && embeddings.requires_grad())
    add(sums, torch::autograd::grad({embeddings}, parameters, {of_embeddings}, std::nullopt, false, true));
  if (entropy) {
    *entropy = 0;
    for (const Part& part : parts) *entropy += part.entropy;
  }
  return sums;
}

LearningReport Learner::apply(const std::vector<at::Tensor>& gradients) {
  LearningReport report;
  nn::compute_alone();
  report.learning_rate = learning_rate();
  const nn::StepReport step = optimizer_.step(gradients, report.learning_rate);
  report.gradient_norm = step.gradient_norm;
  if (!step.taken)
    throw base::Error(base::ErrorKind::check_failed, fmt::format("update {}", updates_),
                      "the gradient is not a finite number",
                      "lower the learning rate, and resume from the last checkpoint");
  report.stepped = true;
  return report;
}

LearningReport Learner::learn(const Instance& instance, const Lesson& lesson) {
  LearningReport report;
  const Lesson* learned = &lesson;
  Lesson fresh;
  if (network_.defects().fresh_actions) {
    fresh = lesson;
    for (Samples& shard : fresh.shards) {
      Draw other = shard.draw;
      other.update ^= kFreshActions;
      shard = network_.sample(instance, other);
    }
    learned = &fresh;
  }
  const int64_t epochs = settings_.algorithm == "ppo" ? settings_.epochs : 1;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    double entropy = 0;
    auto gradients = gradient(instance, *learned, &entropy);
    if (std::none_of(gradients.begin(), gradients.end(), [](const at::Tensor& g) { return g.defined(); })) break;
    report = apply_ ? apply_(gradients) : apply(gradients);
    report.entropy = entropy;
  }
  ++updates_;
  return report;
}

LearningReport Learner::imitate(const Instance& instance, const std::vector<Samples>& samples) {
  Lesson lesson;
  lesson.imitated = samples;
  auto gradients = gradient(instance, lesson);
  const LearningReport report = apply_ ? apply_(gradients) : apply(gradients);
  ++updates_;
  return report;
}

std::vector<nn::NamedTensor> Learner::state() const {
  auto state = optimizer_.state();
  state.emplace_back("updates", at::tensor({updates_}, at::kLong));
  return state;
}

void Learner::assign(const std::vector<nn::NamedTensor>& state, const std::string& where) {
  std::vector<nn::NamedTensor> of_optimizer;
  for (const auto& named : state)
    if (named.first == "updates")
      updates_ = named.second.item<int64_t>();
    else
      of_optimizer.push_back(named);
  optimizer_.assign(of_optimizer, where);
}

}  // namespace allot::policy
