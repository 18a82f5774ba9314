// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <ATen/ops/arange.h>

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "mpl/self_training.h"

using namespace allot;
using test::Lesson;

namespace {

/// One step of rate 0 or more by `kind`; what it did and said.
struct Step {
  Step(const char* kind, mpl::ConsistencyOptions options, Lesson lesson_, double rate = 0)
      : lesson(std::move(lesson_)),
        task(mpl::make_task("classification")),
        optimizer(nn::trained_tensors(lesson.student.parameters()), lesson.sgd),
        algorithm(kind, {lesson.student, optimizer}, lesson.teacher, *task, options, 0, 3, 4) {
    lesson.batch.items = at::arange(4, at::kLong);
    report = algorithm.step({&lesson.batch, 1}, 0, {0, rate});
  }
  at::Tensor logits(const mpl::Inputs& inputs) const { return lesson.student.logits(inputs, {}); }

  Lesson lesson;
  std::unique_ptr<mpl::Task> task;
  nn::Optimizer optimizer;
  mpl::SelfTraining algorithm;
  mpl::Report report;
};

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

constexpr mpl::ConsistencyOptions kOptions = {.weight = 2, .temperature = 0.5, .threshold = 0.455, .ramp = 0};

}  // namespace

TEST_CASE("supervised training sees labelled items alone") {
  Lesson other(1);
  other.batch.strong = {test::uniform({4, 2}, 50)};
  const Step one("supervised", kOptions, Lesson(1), 0.1), two("supervised", kOptions, other, 0.1);
  CHECK(one.lesson.student.copies()[0].equal(two.lesson.student.copies()[0]));
  CHECK(std::isnan(one.report.consistency_loss));
  const Step uda("uda", kOptions, other, 0.1);
  CHECK_FALSE(one.lesson.student.copies()[0].equal(uda.lesson.student.copies()[0]));
}

TEST_CASE("each kind has its target and its view") {
  const Step fix("fixmatch", kOptions, Lesson(2)), pseudo("pseudo-label", kOptions, Lesson(2)),
      uda("uda", kOptions, Lesson(2)), mean("mean-teacher", kOptions, Lesson(2));
  const at::Tensor weak = fix.logits(fix.lesson.batch.weak), strong = fix.logits(fix.lesson.batch.strong);
  const at::Tensor p = weak.softmax(-1), kept = p.amax(-1) >= kOptions.threshold, sharp = (weak / 0.5).softmax(-1);
  REQUIRE(number(kept.sum()) > 0);
  REQUIRE(number(kept.sum()) < 4);
  const auto mean_loss = [&](const at::Tensor& logits, const at::Tensor& label, const at::Tensor& mask) {
    return number((fix.task->losses(logits, label) * mask).mean());
  };
  CHECK(fix.report.consistency_loss == Approx(mean_loss(strong, weak.argmax(-1), kept)));
  CHECK(fix.report.mask_rate == Approx(number(kept.to(at::kDouble).mean())));
  CHECK(pseudo.report.consistency_loss == Approx(mean_loss(weak, weak.argmax(-1), kept)));
  CHECK(uda.report.consistency_loss == Approx(mean_loss(strong, sharp, sharp.amax(-1) >= kOptions.threshold)));
  const at::Tensor average = mean.lesson.teacher.logits(mean.lesson.batch.weak, {}).softmax(-1);
  CHECK(mean.report.consistency_loss == Approx(number((strong.softmax(-1) - average).square().sum(-1).mean())));
}

TEST_CASE("flexmatch asks less of classes that are learnt worse") {
  Lesson lesson(3);
  mpl::ConsistencyOptions sure = kOptions;
  sure.threshold = 0.999;  // of nothing: no class has a count, and every threshold is 0
  CHECK(Step("flexmatch", sure, lesson).report.mask_rate == 1);
  const Step some("flexmatch", kOptions, lesson), fixed("fixmatch", kOptions, lesson);
  CHECK(some.report.mask_rate >= fixed.report.mask_rate);
  const at::Tensor weak = some.logits(some.lesson.batch.weak).softmax(-1);
  const at::Tensor sure_of = some.algorithm.state()[0].second;
  for (int64_t i = 0; i < 4; ++i)
    CHECK(sure_of[i].item<int64_t>() ==
          (number(weak[i].max()) >= kOptions.threshold ? weak[i].argmax().item<int64_t>() : -1));
}

TEST_CASE("a loss that is not finite changes nothing here, either") {
  Lesson lesson(4);
  lesson.student.with_statistics();
  lesson.batch.labelled[0][0][0] = std::numeric_limits<double>::infinity();
  const auto before = lesson.student.copies();
  const Step step("fixmatch", kOptions, lesson, 1);
  CHECK(step.report.skipped);
  CHECK(before[0].equal(step.lesson.student.copies()[0]));
  CHECK(number(step.lesson.student.buffers()[0].second.abs().sum()) == 0);
}
