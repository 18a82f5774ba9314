// SPDX-License-Identifier: Apache-2.0
#include "mpl/meta_pseudo_labels.h"

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
                                   uint64_t seed, uint64_t steps)
    : teacher_(teacher),
      student_(student),
      task_(task),
      options_(std::move(options)),
      seed_(seed),
      steps_(steps),
      teacher_leaves_(leaves_of(teacher.network)),
      student_leaves_(leaves_of(student.network)) {
  options_.check(task);
}

Report MetaPseudoLabels::step(const Batch& batch, uint32_t step, Rates rates) {
  Report report;
  const SavedStatistics teacher_statistics(teacher_.network), student_statistics(student_.network);
  const TeacherPass teacher = label(batch, step, report);
  const Gradients g = student_gradients(batch, teacher.label, step, report);
  report.skipped = !std::isfinite(report.student_norm) ||
                   (teacher.supervised.defined() && !std::isfinite(report.supervised_loss)) ||
                   (teacher.consistency.defined() && !std::isfinite(report.consistency_loss));
  Feedback feedback;
  if (!report.skipped) feedback = learn(batch, teacher, g, step, rates.student, report);
  if (!report.skipped) teach(teacher, feedback, step, rates.teacher, report);
  if (report.skipped) {
    teacher_statistics.restore();
    student_statistics.restore();
  }
  return report;
}

MetaPseudoLabels::TeacherPass MetaPseudoLabels::label(const Batch& batch, uint32_t step, Report& report) const {
  const bool from_weak = options_.label_view == "weak", agrees = options_.consistency.weight_at(step) > 0;
  const auto logits =
      logits_of(teacher_.network,
                {options_.supervised > 0 ? &batch.labelled : nullptr, from_weak || agrees ? &batch.weak : nullptr,
                 !from_weak || agrees ? &batch.strong : nullptr},
                {true, true, seed_ ^ kTeacherSeed, step});
  TeacherPass pass;
  if (options_.supervised > 0) pass.supervised = supervised_loss(logits[0], batch.labels, step);
  if (agrees) {
    const Consistency agreement = uda(task_, logits[1], logits[2], options_.consistency, batch.counted);
    pass.consistency = agreement.loss;
    report.mask_rate = agreement.mask_rate;
  }
  pass.logits = from_weak ? logits[1] : logits[2];
  pass.label = pseudo_label(pass.logits.detach(), batch, step);
  report.supervised_loss = number(pass.supervised);
  report.consistency_loss = number(pass.consistency);
  report.diversity = task_.diversity(task_.soft_label(pass.logits.detach()));
  return pass;
}

at::Tensor MetaPseudoLabels::supervised_loss(const at::Tensor& logits, const at::Tensor& labels, uint32_t step) const {
  if (options_.tsa == "none") return task_.loss(logits, labels, options_.label_smoothing);
  const double progress = steps_ > 0 ? std::min(1.0, static_cast<double>(step) / static_cast<double>(steps_)) : 1;
  const double limit = annealed_limit(options_.tsa, progress, logits.size(-1));
  const at::Tensor counts = task_.losses(logits.detach(), labels) >= -std::log(limit);
  const at::Tensor losses = task_.losses(logits, labels, options_.label_smoothing);
  return (losses * counts).sum() / counts.sum().clamp_min(1);
}

at::Tensor MetaPseudoLabels::pseudo_label(const at::Tensor& logits, const Batch& batch, uint32_t step) const {
  const at::Tensor label = options_.pseudo_label == "sample"   ? task_.drawn_label(logits, {seed_, step})
                           : options_.pseudo_label == "argmax" ? task_.hard_label(logits)
                                                               : task_.soft_label(logits);
  return batch.counted.defined() ? task_.only(label, batch.counted) : label;
}

Gradients MetaPseudoLabels::student_gradients(const Batch& batch, const at::Tensor& label, uint32_t step,
                                              Report& report) const {
  const at::Tensor logits = student_.network.logits(batch.strong, {true, true, seed_, step});
  const at::Tensor loss = task_.loss(logits, label, options_.label_smoothing);
  Gradients gradients = gradients_of(loss, student_leaves_);
  report.student_loss = number(loss);
  report.student_norm = norm(gradients);
  return gradients;
}

/// The student's step between two looks at it. The first comes after the pass that made the gradient, so that both see
/// the same running statistics: the difference is that of the parameters alone.
MetaPseudoLabels::Feedback MetaPseudoLabels::learn(const Batch& batch, const TeacherPass& teacher, const Gradients& g,
                                                   uint32_t step, double rate, Report& report) {
  const FeedbackOptions& options = options_.feedback;
  if (options.is("none") || rate == 0) {
    report.skipped = !student_.optimizer.step(g, rate).taken;
    if (!options.is("none")) report.h = 0;
    return {};
  }
  const Look before = options.by_difference() || options.is("dot2") ? look(batch, step, options.is("dot2")) : Look();
  std::vector<at::Tensor> start;
  if (options.is("jvp"))
    for (const at::Tensor& leaf : student_leaves_) start.push_back(leaf.detach().clone());
  const nn::StepReport taken = student_.optimizer.step(g, rate);
  report.skipped = !taken.taken;
  if (report.skipped) return {};
  const Look after = look(batch, step, options.by_gradient());
  const Response response =
      options.by_gradient() && !options.is("cos") ? response_of(student_.optimizer, taken, rate) : Response();
  if (options.by_gradient()) {
    report.probe_norm = norm(after.gradients);
    report.cosine = cosine(after.gradients, g);
  }
  report.h = estimate(g, before, after, response);
  report.skipped = !std::isfinite(report.h);
  if (report.skipped) return {};
  if (options.is("jvp")) {
    const at::Tensor q = task_.soft_label(teacher.logits);
    const Turn turn{start, response.along(after.gradients), response.factor};
    return {options.scale,
            soft_feedback(student_.network, task_, batch.strong, {true, false, seed_, step}, turn,
                          batch.counted.defined() ? task_.only(q, batch.counted) : q, options_.label_smoothing)};
  }
  report.weight = weight_of(report.h, options, baseline_);
  report.baseline = baseline_.value();
  return {report.weight, {}};
}

Look MetaPseudoLabels::look(const Batch& batch, uint32_t step, bool with_gradients) const {
  const bool own = !batch.feedback.empty(), training = options_.feedback.probe_mode == "train-crn";
  return look_at(student_.network, task_, own ? batch.feedback : batch.labelled,
                 own ? batch.feedback_labels : batch.labels, {training, false, seed_, step}, with_gradients);
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

void MetaPseudoLabels::teach(const TeacherPass& teacher, const Feedback& feedback, uint32_t step, double rate,
                             Report& report) {
  at::Tensor sum;
  add(sum, teacher.supervised, options_.supervised);
  add(sum, teacher.consistency, options_.consistency.weight_at(step));
  if (feedback.loss.defined()) {
    add(sum, feedback.loss, feedback.weight);
  } else if (feedback.weight != 0) {
    const at::Tensor own = task_.loss(teacher.logits, teacher.label);
    report.pseudo_loss = number(own);
    add(sum, own, feedback.weight);
  }
  if (!sum.defined()) return;
  const nn::StepReport taken = teacher_.optimizer.step(gradients_of(sum, teacher_leaves_), rate);
  report.teacher_norm = taken.gradient_norm;
  report.skipped = !taken.taken;
}

}  // namespace allot::mpl
