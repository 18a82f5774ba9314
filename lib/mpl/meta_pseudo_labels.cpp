// SPDX-License-Identifier: Apache-2.0
#include "mpl/meta_pseudo_labels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "mpl/views.h"

namespace allot::mpl {
namespace {

constexpr uint64_t kTeacherSeed = 0x7465616368657273;  // dropout of a teacher from the student's file is another

double number(const at::Tensor& scalar) { return scalar.defined() ? scalar.item<double>() : kNone; }

void add(at::Tensor& sum, const at::Tensor& term, double weight) {
  if (!term.defined() || weight == 0) return;
  const at::Tensor weighted = weight == 1 ? term : term * weight;
  sum = sum.defined() ? sum + weighted : weighted;
}

/// How sure the teacher may be of a labelled item's class for the item to count, between chance and 1.
/// Source: Xie et al., NeurIPS 2020, section 3.2.
double annealed_limit(const std::string& kind, double progress, int64_t classes) {
  const double share = kind == "linear" ? progress
                       : kind == "log"  ? 1 - std::exp(-5 * progress)
                                        : std::exp(5 * (progress - 1));
  const double chance = 1 / static_cast<double>(std::max<int64_t>(1, classes));
  return share * (1 - chance) + chance;
}

}  // namespace

void MetaOptions::bind(config::Binder& binder) {
  binder.choice("pseudo_label", pseudo_label, "what the student learns of the teacher's distribution",
                {"sample", "argmax", "soft"});
  binder.choice("label_view", label_view, "of an unlabelled item, which the teacher labels", {"strong", "weak"});
  binder.number("label_smoothing", label_smoothing, "of the teacher's supervised loss and the student's", 0, 1);
  binder.number("supervised_weight", supervised, "of the teacher's loss on labelled items", 0, 1e6);
  binder.choice("tsa", tsa, "training-signal annealing: how fast labelled items come to count of which it is sure",
                {"none", "linear", "log", "exp"});
  feedback.bind(binder);
  binder.section("consistency", "agreement of two views", [this](config::Binder& b) { consistency.bind(b); });
}

void MetaOptions::check(const Task& task) const {
  const bool one_number = !feedback.is("jvp") && !feedback.is("none");
  if (one_number && (pseudo_label == "soft" || !task.draws()))
    throw base::Error(base::ErrorKind::config, "--feedback",
                      fmt::format("'{}' teaches nothing about soft labels: the teacher's cross-entropy with its own "
                                  "distribution has no gradient",
                                  feedback.kind),
                      "use jvp, or labels that are drawn");
}

MetaPseudoLabels::MetaPseudoLabels(Learner teacher, Learner student, const Task& task, MetaOptions options,
                                   uint64_t seed, uint64_t steps, train::ShardOptions shared)
    : teacher_(teacher),
      student_(student),
      task_(task),
      options_(std::move(options)),
      seed_(seed),
      steps_(steps),
      shared_(shared),
      teacher_leaves_(leaves_of(teacher.network)),
      student_leaves_(leaves_of(student.network)),
      before_(student),
      scale_(at::ones({1}, at::kDouble)) {
  options_.check(task);
}

Report MetaPseudoLabels::step(std::span<const Batch> shards, uint32_t step, Rates rates) {
  ALLOT_ASSERT(shards.size() == shared_.shards);
  Iteration it{shards, step, rates, std::vector<TeacherPass>(shards.size()), {}, {}};
  const SavedStatistics teacher_statistics(teacher_.network);
  const at::Tensor baseline = baseline_.state().clone();
  before_.keep();
  const Gradients g = learn_labels(it);
  bool& skipped = it.report.skipped;
  skipped = !std::isfinite(it.report.student_norm) ||
            (options_.supervised > 0 && !std::isfinite(it.report.supervised_loss)) ||
            (options_.consistency.weight_at(step) > 0 && !std::isfinite(it.report.consistency_loss));
  Feedback feedback;
  if (!skipped) feedback = follow(it, g);
  if (!skipped) teach(it, feedback);
  if (skipped) {
    teacher_statistics.restore();
    before_.restore();
    baseline_.restore(baseline);
  }
  return it.report;
}

/// The student's gradient on the teacher's labels, over all shards.
Gradients MetaPseudoLabels::learn_labels(Iteration& it) const {
  std::vector<nn::NamedTensor> statistics = teacher_.network.buffers();
  for (const nn::NamedTensor& named : student_.network.buffers()) statistics.push_back(named);
  const auto [first, end] = train::own_shards(shared_);
  const bool keeps = end - first == 1;
  train::Part part =
      train::mean_over_shards(shared_, statistics, [&](size_t shard) { return learn_labels(it, shard, keeps); });
  it.report.diversity = task_.diversity(part.gradients.back());
  part.gradients.pop_back();
  it.report.student_loss = part.metrics.at("student_loss");
  it.report.supervised_loss = part.metrics.at("supervised_loss");
  it.report.consistency_loss = part.metrics.at("consistency_loss");
  it.report.mask_rate = part.metrics.at("mask_rate");
  it.report.student_norm = norm(part.gradients);
  return std::move(part.gradients);
}

/// Of one shard; behind the gradients the mean label. `keeps`: what the teacher computed, to differentiate it later.
train::Part MetaPseudoLabels::learn_labels(Iteration& it, size_t shard, bool keeps) const {
  const Batch& batch = it.shards[shard];
  TeacherPass pass;
  {
    const at::AutoGradMode recording(keeps);
    pass = ask_teacher(batch, it.step, true);
  }
  pass.label = pseudo_label(pass.logits.detach(), batch, it.step);
  const at::Tensor logits = student_.network.logits(batch.strong, {true, true, batch.key(seed_), it.step});
  const at::Tensor loss = shard_loss(task_, logits, pass.label, options_.label_smoothing, batch.unlabelled_share);
  train::Part part{gradients_of(loss, student_leaves_),
                   {{"student_loss", number(loss)},
                    {"supervised_loss", number(pass.supervised)},
                    {"consistency_loss", number(pass.consistency)},
                    {"mask_rate", pass.mask_rate}}};
  part.gradients.push_back(mean_label(task_.soft_label(pass.logits.detach())));
  it.passes[shard].label = pass.label;
  if (keeps) it.passes[shard] = std::move(pass);
  return part;
}

MetaPseudoLabels::TeacherPass MetaPseudoLabels::ask_teacher(const Batch& batch, uint32_t step,
                                                            bool update_statistics) const {
  const bool from_weak = options_.label_view == "weak", agrees = options_.consistency.weight_at(step) > 0;
  const auto logits =
      logits_of(teacher_.network,
                {options_.supervised > 0 ? &batch.labelled : nullptr, from_weak || agrees ? &batch.weak : nullptr,
                 !from_weak || agrees ? &batch.strong : nullptr},
                {true, update_statistics, batch.key(seed_ ^ kTeacherSeed), step});
  TeacherPass pass;
  if (options_.supervised > 0) pass.supervised = supervised_loss(logits[0], batch, step);
  if (agrees) {
    const Consistency agreement = uda(task_, logits[1], logits[2], options_.consistency, batch.counted);
    pass.consistency = batch.unlabelled_share == 1 ? agreement.loss : agreement.loss * batch.unlabelled_share;
    pass.mask_rate = agreement.mask_rate * batch.unlabelled_share;
  }
  pass.logits = from_weak ? logits[1] : logits[2];
  return pass;
}

at::Tensor MetaPseudoLabels::supervised_loss(const at::Tensor& logits, const Batch& batch, uint32_t step) const {
  if (options_.tsa == "none")
    return shard_loss(task_, logits, batch.labels, options_.label_smoothing, batch.labelled_share);
  const double progress = steps_ > 0 ? std::min(1.0, static_cast<double>(step) / static_cast<double>(steps_)) : 1;
  const double limit = annealed_limit(options_.tsa, progress, logits.size(-1));
  const at::Tensor counts = task_.losses(logits.detach(), batch.labels) >= -std::log(limit);
  const at::Tensor losses = task_.losses(logits, batch.labels, options_.label_smoothing);
  return (losses * counts).sum() / counts.sum().clamp_min(1);
}

at::Tensor MetaPseudoLabels::pseudo_label(const at::Tensor& logits, const Batch& batch, uint32_t step) const {
  const at::Tensor label = options_.pseudo_label == "sample"   ? task_.drawn_label(logits, {seed_, step, batch.first})
                           : options_.pseudo_label == "argmax" ? task_.hard_label(logits)
                                                               : task_.soft_label(logits);
  return batch.counted.defined() ? task_.only(label, batch.counted) : label;
}

/// The student's step between two looks at it. The first comes after the pass that made the gradient, so that both see
/// the same running statistics: the difference is that of the parameters alone.
MetaPseudoLabels::Feedback MetaPseudoLabels::follow(Iteration& it, const Gradients& g) {
  const FeedbackOptions& options = options_.feedback;
  Report& report = it.report;
  const double rate = it.rates.student;
  if (options.is("none") || rate == 0) {
    report.skipped = !student_.optimizer.step(g, rate).taken;
    if (!options.is("none")) report.h = 0;
    return {};
  }
  const Look before = options.by_difference() || options.is("dot2") ? look(it, options.is("dot2")) : Look();
  const nn::StepReport taken = student_.optimizer.step(g, rate);
  report.skipped = !taken.taken;
  if (report.skipped) return {};
  const Look after = look(it, options.by_gradient());
  const Response response =
      options.by_gradient() && !options.is("cos") ? response_of(student_.optimizer, taken, rate) : Response();
  if (options.by_gradient()) {
    report.probe_norm = norm(after.gradients);
    report.cosine = cosine(after.gradients, g);
  }
  report.h = estimate(g, before, after, response);
  report.skipped = !std::isfinite(report.h);
  if (report.skipped) return {};
  const double scale = scale_.const_data_ptr<double>()[0];
  if (options.is("jvp")) return {scale * options.scale, turn(it, response, after.gradients)};
  report.weight = scale * weight_of(report.h, options, baseline_);
  report.baseline = baseline_.value();
  return {report.weight, 0};
}

/// What the student says of its items on either side of where it began, along what labelled items ask for.
double MetaPseudoLabels::turn(Iteration& it, const Response& response, const Gradients& direction) const {
  it.sides.resize(it.shards.size());
  const auto own = train::own_shards(shared_);
  return look_aside(
      student_.network, {before_.parameters(), response.along(direction), response.factor}, [&](size_t side) {
        for (size_t shard = own.first; shard < own.second; ++shard) {
          const Batch& batch = it.shards[shard];
          it.sides[shard][side] = student_.network.logits(batch.strong, {true, false, batch.key(seed_), it.step});
        }
      });
}

Look MetaPseudoLabels::look(const Iteration& it, bool with_gradients) const {
  const bool training = options_.feedback.probe_mode == "train-crn";
  train::Part part = train::mean_over_shards(shared_, {}, [&](size_t shard) {
    const Batch& batch = it.shards[shard];
    const Pass pass{training, false, batch.key(seed_), it.step};
    const bool own = !batch.feedback.empty();
    Look one = own ? look_at(student_.network, task_, batch.feedback, batch.feedback_labels, pass, with_gradients,
                             batch.feedback_share)
                   : look_at(student_.network, task_, batch.labelled, batch.labels, pass, with_gradients,
                             batch.labelled_share);
    return train::Part{std::move(one.gradients), {{"loss", one.loss}}};
  });
  return {part.metrics.at("loss"), std::move(part.gradients)};
}

double MetaPseudoLabels::estimate(const Gradients& g, const Look& before, const Look& after,
                                  const Response& response) const {
  const FeedbackOptions& options = options_.feedback;
  if (options.is("fd")) return before.loss - after.loss;
  if (options.is("inverted-fd")) return after.loss - before.loss;
  if (options.is("cos")) return cosine(after.gradients, g);
  const double end = response.factor * dot(response.along(after.gradients), g);
  return options.is("dot2") ? (end + response.factor * dot(response.along(before.gradients), g)) / 2 : end;
}

void MetaPseudoLabels::teach(Iteration& it, const Feedback& feedback) {
  if (options_.supervised == 0 && options_.consistency.weight_at(it.step) == 0 && feedback.weight == 0) return;
  const train::Part part =
      train::mean_over_shards(shared_, {}, [&](size_t shard) { return teach(it, shard, feedback); });
  const nn::StepReport taken = teacher_.optimizer.step(part.gradients, it.rates.teacher);
  it.report.pseudo_loss = part.metrics.at("pseudo_loss");
  it.report.teacher_norm = taken.gradient_norm;
  it.report.skipped = !taken.taken;
}

train::Part MetaPseudoLabels::teach(Iteration& it, size_t shard, const Feedback& feedback) const {
  const Batch& batch = it.shards[shard];
  TeacherPass pass = std::move(it.passes[shard]);
  if (!pass.logits.defined()) {
    const at::Tensor label = pass.label;
    pass = ask_teacher(batch, it.step, false);
    pass.label = label;
  }
  at::Tensor sum, own;
  add(sum, pass.supervised, options_.supervised);
  add(sum, pass.consistency, options_.consistency.weight_at(it.step));
  if (feedback.weight != 0 && !it.sides.empty()) {
    const at::Tensor q = task_.soft_label(pass.logits);
    const at::Tensor counted = batch.counted.defined() ? task_.only(q, batch.counted) : q;
    add(sum,
        soft_feedback(task_, it.sides[shard], feedback.slope, counted, options_.label_smoothing,
                      batch.unlabelled_share),
        feedback.weight);
  } else if (feedback.weight != 0) {
    own = shard_loss(task_, pass.logits, pass.label, 0, batch.unlabelled_share);
    add(sum, own, feedback.weight);
  }
  return {gradients_of(sum, teacher_leaves_), {{"pseudo_loss", number(own)}}};
}

bool MetaPseudoLabels::relieve(Relief relief) {
  if (options_.feedback.is("none")) return false;
  if (relief == Relief::reduce_scale)
    scale_.mul_(0.5);
  else
    baseline_.restore(Baseline().state());
  return true;
}

}  // namespace allot::mpl
