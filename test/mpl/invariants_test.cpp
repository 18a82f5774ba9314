// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <ATen/ops/full.h>

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "mpl/views.h"

using namespace allot;
using test::feedback_only;
using test::Lesson;
using test::Mlp;

namespace {

using Tensors = std::vector<at::Tensor>;

Tensors difference(const Tensors& a, const Tensors& b) {
  Tensors result;
  for (size_t i = 0; i < a.size(); ++i) result.push_back(a[i] - b[i]);
  return result;
}

Tensors scaled(const Tensors& a, double factor) {
  Tensors result;
  for (const at::Tensor& tensor : a) result.push_back(tensor * factor);
  return result;
}

/// |a - b| / |b|.
double relative(const Tensors& a, const Tensors& b) { return mpl::norm(difference(a, b)) / mpl::norm(b); }

/// The gradient that moved the teacher by one step of rate 1.
Tensors teacher_gradient(Lesson lesson, const mpl::MetaOptions& options, double student_rate, uint64_t seed = 11,
                         const char* kind = "classification") {
  const Tensors before = lesson.teacher.copies();
  lesson.run(options, {1, student_rate}, 1, seed, kind);
  return difference(before, lesson.teacher.copies());
}

/// The same by differentiating twice: of the labelled loss after a plain step on the teacher's distribution.
Tensors exact_gradient(const Lesson& lesson, double rate, const char* kind = "classification") {
  const auto task = mpl::make_task(kind);
  const Tensors of_teacher = mpl::leaves_of(lesson.teacher), of_student = mpl::leaves_of(lesson.student);
  const at::Tensor q = task->soft_label(Mlp::outputs(of_teacher, lesson.batch.strong[0]));
  const at::Tensor loss = task->loss(Mlp::outputs(of_student, lesson.batch.strong[0]), q);
  const Tensors g = torch::autograd::grad({loss}, of_student, {}, true, true);
  Tensors next;
  for (size_t i = 0; i < g.size(); ++i) next.push_back(of_student[i] - rate * g[i]);
  return mpl::gradients_of(task->loss(Mlp::outputs(next, lesson.batch.labelled[0]), lesson.batch.labels), of_teacher);
}

mpl::MetaOptions everything(const char* kind) {
  mpl::MetaOptions options;
  options.feedback.kind = kind;
  options.consistency.threshold = 0.2;
  return options;
}

bool same(const Tensors& a, const Tensors& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!a[i].equal(b[i])) return false;
  return true;
}

}  // namespace

TEST_CASE("I1: feedback as a number on soft labels would teach nothing, and is refused") {
  Lesson lesson(1);
  const auto task = mpl::make_task("classification");
  const at::Tensor logits = lesson.teacher.logits(lesson.batch.strong, {});
  const Tensors gradient =
      mpl::gradients_of(task->loss(logits, task->soft_label(logits.detach())), mpl::leaves_of(lesson.teacher));
  CHECK(mpl::norm(gradient) < 1e-15);
  for (const char* kind : {"fd", "dot", "dot2", "cos", "inverted-fd"})
    CHECK_THROWS_AS(lesson.run(feedback_only(kind, "soft"), {1, 1}), base::Error);
  CHECK_NOTHROW(lesson.run(feedback_only("jvp", "soft"), {1, 1}));
  CHECK_NOTHROW(lesson.run(feedback_only("none", "soft"), {1, 1}));
}

TEST_CASE("I2: fd and dot differ by the step's second order; dot2 by the third") {
  const auto error = [](double rate, const char* kind) {
    const double fd = Lesson(2).run(feedback_only("fd"), {1, rate}).h;
    return std::abs(fd - Lesson(2).run(feedback_only(kind), {1, rate}).h) / std::abs(fd);
  };
  CHECK(error(1e-1, "dot") > 1e-4);
  for (const double rate : {1e-2, 1e-3})
    CHECK(error(rate, "dot") / error(rate / 10, "dot") == Approx(10).epsilon(0.25));
  CHECK(error(1e-1, "dot2") / error(1e-2, "dot2") == Approx(100).epsilon(0.25));
}

TEST_CASE("I3: with two classes and a student that cannot tell them, the other labels teach the opposite") {
  const auto run = [](bool other, double rate) {
    Lesson lesson(3, 2);
    lesson.batch.labels = at::tensor({0L, 1L, 1L}, at::kLong);
    at::NoGradGuard no_gradients;
    for (const size_t head : {2, 3}) {
      lesson.student.parameter(head).zero_();
      if (other) lesson.teacher.parameter(head).neg_();
    }
    const Tensors before = lesson.student.copies();
    at::AutoGradMode recording(true);
    const double h = lesson.run(feedback_only("dot", "argmax"), {0, rate}).h;
    return std::pair(h, difference(before, lesson.student.copies()));
  };
  const auto [h, moved] = run(false, 1e-7);
  const auto [opposite, moved_back] = run(true, 1e-7);
  CHECK(h != 0);
  CHECK(opposite == Approx(-h).epsilon(1e-5));
  CHECK(relative(moved_back, scaled(moved, -1)) < 1e-9);
}

TEST_CASE("I4: drawn labels with dot teach on average what jvp does, which is the exact gradient") {
  constexpr double kRate = 1e-3;
  const Lesson lesson(4, 3, 2);
  const Tensors exact = exact_gradient(lesson, kRate);
  CHECK(relative(teacher_gradient(lesson, feedback_only("jvp", "soft"), kRate), exact) < 1e-5);
  CHECK(relative(teacher_gradient(lesson, feedback_only("jvp", "sample"), kRate), exact) < 5e-3);
  mpl::MetaOptions options = feedback_only("dot");
  options.feedback.scale = 2;  // items
  constexpr int kDraws = 10'000;
  const double length = mpl::norm(exact);
  double sum = 0, squares = 0;
  Lesson repeated = lesson;
  const Tensors teacher = lesson.teacher.copies(), student = lesson.student.copies();
  for (int draw = 0; draw < kDraws; ++draw) {
    repeated.run(options, {1, kRate}, 1, static_cast<uint64_t>(draw));
    const at::NoGradGuard no_gradients;
    Tensors gradient;
    for (size_t i = 0; i < teacher.size(); ++i) {
      gradient.push_back(teacher[i] - repeated.teacher.parameter(i));
      repeated.teacher.parameter(i).copy_(teacher[i]);
      repeated.student.parameter(i).copy_(student[i]);
    }
    const double along = mpl::dot(gradient, exact) / (length * length);
    sum += along;
    squares += along * along;
  }
  const double mean = sum / kDraws, deviation = std::sqrt((squares / kDraws - mean * mean) / kDraws);
  CHECK(deviation < 0.1);
  CHECK(std::abs(mean - 1) < 3 * deviation + 5e-3);
}

TEST_CASE("jvp is the exact gradient for every task") {
  constexpr double kRate = 0.3;
  Lesson lesson(5);
  SECTION("classification") {
    CHECK(relative(teacher_gradient(lesson, feedback_only("jvp", "soft"), kRate), exact_gradient(lesson, kRate)) <
          1e-5);
  }
  SECTION("multilabel") {
    lesson.batch.labels = at::tensor({0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0}, at::kDouble).view({3, 3});
    CHECK(relative(teacher_gradient(lesson, feedback_only("jvp", "soft"), kRate, 1, "multilabel"),
                   exact_gradient(lesson, kRate, "multilabel")) < 1e-5);
  }
  SECTION("regression") {
    lesson.batch.labels = test::uniform({3, 3}, 9);
    CHECK(relative(teacher_gradient(lesson, feedback_only("jvp", "soft"), kRate, 1, "regression"),
                   exact_gradient(lesson, kRate, "regression")) < 1e-5);
    CHECK_THROWS_AS(lesson.run(feedback_only("cos"), {1, 1}, 1, 1, "regression"), base::Error);
  }
}

TEST_CASE("I5: a student that does not move gives no feedback") {
  for (const char* kind : {"fd", "dot", "dot2", "cos", "jvp"}) {
    Lesson lesson(6);
    const Tensors teacher = lesson.teacher.copies(), student = lesson.student.copies();
    CHECK(lesson.run(feedback_only(kind), {1, 0}, 3).h == 0);
    CHECK(same(teacher, lesson.teacher.copies()));
    CHECK(same(student, lesson.student.copies()));
  }
}

TEST_CASE("I6: labelled items reach the teacher through one number alone") {
  Lesson one(7), other(7);
  other.batch.labelled = {test::uniform({3, 2}, 70)};
  const double h = one.run(feedback_only("none"), {1, 0.1}).h;
  CHECK(std::isnan(h));
  CHECK(same(one.teacher.copies(), Lesson(7).teacher.copies()));
  for (const char* kind : {"fd", "dot", "cos"}) {
    const auto options = feedback_only(kind);
    Lesson a(7), b(7);
    b.batch.labelled = other.batch.labelled;
    const Tensors before = a.teacher.copies();
    const double of_a = a.run(options, {1, 0.1}).weight, of_b = b.run(options, {1, 0.1}).weight;
    CHECK(std::abs(of_a - of_b) > 1e-6);
    CHECK(relative(scaled(difference(before, a.teacher.copies()), 1 / of_a),
                   scaled(difference(before, b.teacher.copies()), 1 / of_b)) < 1e-9);
  }
}

TEST_CASE("labels that helped become likelier, and with the inverted sign less likely") {
  for (const char* kind : {"fd", "dot", "dot2", "cos", "inverted-fd"}) {
    Lesson lesson(8);
    const auto task = mpl::make_task("classification");
    const at::Tensor before = lesson.teacher.logits(lesson.batch.strong, {});
    const at::Tensor label = task->drawn_label(before, {11, 0});
    const auto report = lesson.run(feedback_only(kind), {1e-2, 0.1});
    const double change =
        (task->loss(lesson.teacher.logits(lesson.batch.strong, {}), label) - task->loss(before, label)).item<double>();
    CHECK(report.h != 0);
    CHECK(change * report.h < 0);
    const double helped = Lesson(8).run(feedback_only("fd"), {1e-2, 0.1}).h;
    CHECK((report.h > 0) == ((helped > 0) != (std::string(kind) == "inverted-fd")));
  }
}

TEST_CASE("I10: over a fixed labelled batch, fd adds up to the fall of the labelled loss") {
  Lesson lesson(9);
  const auto task = mpl::make_task("classification");
  const auto loss = [&] {
    return task->loss(lesson.student.logits(lesson.batch.labelled, {}), lesson.batch.labels).item<double>();
  };
  nn::OptimizerOptions momentum{.momentum = 0.9, .nesterov = true, .weight_decay = 0.01, .clip_norm = 0.5};
  nn::Optimizer of_teacher(nn::trained_tensors(lesson.teacher.parameters()), momentum),
      of_student(nn::trained_tensors(lesson.student.parameters()), momentum);
  mpl::MetaPseudoLabels meta({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, feedback_only("fd"), 1);
  const double start = loss();
  double sum = 0;
  for (uint32_t step = 0; step < 50; ++step) sum += meta.step({&lesson.batch, 1}, step, {0.1, 0.1}).h;
  CHECK(std::abs(start - loss()) > 1e-3);
  CHECK(sum == Approx(start - loss()).margin(1e-9));
}

TEST_CASE("I11: both ways to probe agree where a network runs alike in training") {
  for (const char* kind : {"fd", "dot", "cos", "jvp"}) {
    mpl::MetaOptions eval = feedback_only(kind), training = eval;
    training.feedback.probe_mode = "train-crn";
    CHECK(Lesson(10).run(eval, {1, 0.1}, 3).h == Lesson(10).run(training, {1, 0.1}, 3).h);
    Lesson dropped(10);
    dropped.student.drop = true;
    Lesson also = dropped;
    CHECK(dropped.run(eval, {1, 0.1}).h != also.run(training, {1, 0.1}).h);
  }
}

TEST_CASE("two looks at a student differ by its parameters alone") {
  for (const char* mode : {"eval", "train-crn"}) {
    Lesson lesson(12);
    lesson.student.drop = true;
    lesson.student.with_statistics();
    mpl::MetaOptions options = feedback_only("fd");
    options.feedback.probe_mode = mode;
    CHECK(std::abs(lesson.run(options, {0, 1e-9}).h) < 1e-8);  // other statistics or masks would make it 0.1
    const at::Tensor once = lesson.student.buffers()[0].second.clone();
    Lesson without(12);
    without.student.drop = true;
    without.student.with_statistics();
    without.run(feedback_only("none"), {0, 1e-9});
    CHECK(once.equal(without.student.buffers()[0].second));  // probes update nothing
  }
}

TEST_CASE("what is not finite changes nothing") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  enum class Where { labelled, unlabelled, feedback };
  for (const char* kind : {"cos", "fd", "jvp"})
    for (const Where where : {Where::labelled, Where::unlabelled, Where::feedback}) {
      INFO(kind << " " << static_cast<int>(where));
      Lesson lesson(13);
      lesson.student.with_statistics();
      lesson.teacher.with_statistics();
      lesson.sgd = {.momentum = 0.9, .nesterov = true};
      if (where == Where::feedback) {  // the student has made its step by then
        lesson.batch.feedback = {at::full({3, 2}, kNan, at::kDouble)};
        lesson.batch.feedback_labels = lesson.batch.labels;
      } else {
        (where == Where::labelled ? lesson.batch.labelled : lesson.batch.strong)[0][0][0] = kNan;
      }
      const Tensors teacher = lesson.teacher.copies(), student = lesson.student.copies();
      CHECK(lesson.run(everything(kind), {1, 1}).skipped);
      CHECK(same(teacher, lesson.teacher.copies()));
      CHECK(same(student, lesson.student.copies()));
      CHECK(lesson.student.buffers()[0].second.abs().sum().item<double>() == 0);
      CHECK(lesson.teacher.buffers()[0].second.abs().sum().item<double>() == 0);
    }
}

TEST_CASE("a skipped step leaves momentum and baseline as they were") {
  const auto run = [](bool with_bad_step) {
    Lesson lesson(14);
    nn::Optimizer of_teacher(nn::trained_tensors(lesson.teacher.parameters())),
        of_student(nn::trained_tensors(lesson.student.parameters()));
    const auto task = mpl::make_task("classification");
    mpl::MetaPseudoLabels meta({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, everything("fd"), 1);
    const auto step = [&](uint32_t number) { return meta.step({&lesson.batch, 1}, number, {0.1, 0.1}); };
    step(0);
    if (with_bad_step) {
      const mpl::Batch good = lesson.batch;
      lesson.batch.feedback = {at::full({3, 2}, std::numeric_limits<double>::infinity(), at::kDouble)};
      lesson.batch.feedback_labels = lesson.batch.labels;
      CHECK(step(7).skipped);
      lesson.batch = good;
    }
    step(1);
    Tensors all = lesson.student.copies();
    for (const at::Tensor& tensor : lesson.teacher.copies()) all.push_back(tensor);
    all.push_back(meta.state()[0].second.clone());
    return all;
  };
  CHECK(same(run(true), run(false)));
}

TEST_CASE("training-signal annealing leaves out labelled items that the teacher is sure of") {
  for (const char* kind : {"linear", "log", "exp"})
    for (const uint32_t step : {0, 5, 10}) {
      INFO(kind << " " << step);
      Lesson lesson(15);
      mpl::MetaOptions options = feedback_only("none");
      options.supervised = 1;
      options.tsa = kind;
      nn::Optimizer of_teacher(nn::trained_tensors(lesson.teacher.parameters()), lesson.sgd),
          of_student(nn::trained_tensors(lesson.student.parameters()), lesson.sgd);
      const auto task = mpl::make_task("classification");
      mpl::MetaPseudoLabels meta({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, options, 1, 10);
      const at::Tensor losses = task->losses(lesson.teacher.logits(lesson.batch.labelled, {}), lesson.batch.labels);
      const double progress = step / 10.0;
      const double share = std::string(kind) == "linear" ? progress
                           : std::string(kind) == "log"  ? 1 - std::exp(-5 * progress)
                                                         : std::exp(5 * (progress - 1));
      const at::Tensor counts = (-losses).exp() <= share * (1 - 1.0 / 3) + 1.0 / 3;
      const double number = counts.sum().item<double>();
      if (step == 0) {
        CHECK(number > 0);
        CHECK(number < 3);
      }
      const double expected = number > 0 ? (losses * counts).sum().item<double>() / number : 0;
      CHECK(meta.step({&lesson.batch, 1}, step, {0.1, 0.1}).supervised_loss == Approx(expected));
    }
}

TEST_CASE("relief halves the scale of feedback, or begins its baseline anew") {
  Lesson lesson(16);
  nn::Optimizer of_teacher(nn::trained_tensors(lesson.teacher.parameters()), lesson.sgd),
      of_student(nn::trained_tensors(lesson.student.parameters()), lesson.sgd);
  const auto task = mpl::make_task("classification");
  mpl::MetaPseudoLabels meta({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, feedback_only("fd"), 1);
  const auto step = [&] { return meta.step({&lesson.batch, 1}, 0, {0, 0.1}); };
  const mpl::Report whole = step();
  CHECK(whole.weight == Approx(whole.h));
  CHECK(meta.relieve(mpl::Relief::reduce_scale));
  const mpl::Report half = step();
  CHECK(half.weight == Approx(half.h / 2));
  CHECK(meta.state()[1].second.item<double>() == 0.5);
  mpl::MetaOptions with_baseline = feedback_only("fd");
  with_baseline.feedback.baseline = true;
  mpl::MetaPseudoLabels other({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, with_baseline, 1);
  for (int i = 0; i < 3; ++i) other.step({&lesson.batch, 1}, 0, {0, 0.1});
  CHECK(other.relieve(mpl::Relief::reset_baseline));
  const mpl::Report anew = other.step({&lesson.batch, 1}, 0, {0, 0.1});
  CHECK(anew.baseline == anew.h);
  CHECK(anew.weight == 0);
  mpl::MetaPseudoLabels deaf({lesson.teacher, of_teacher}, {lesson.student, of_student}, *task, feedback_only("none"),
                             1);
  CHECK_FALSE(deaf.relieve(mpl::Relief::reduce_scale));
}
