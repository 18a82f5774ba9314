// SPDX-License-Identifier: Apache-2.0
#include "nn/schedule.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

nn::Schedule schedule(const char* shape) { return {.rate = 2, .shape = shape, .wait = 10, .warmup = 20}; }

}  // namespace

TEST_CASE("a learning rate waits, warms up, and falls") {
  const nn::Schedule cosine = schedule("cosine");
  CHECK(cosine.at(0, 130) == 0);
  CHECK(cosine.at(9, 130) == 0);
  CHECK(cosine.at(10, 130) == 0);
  CHECK(cosine.at(15, 130) == Approx(0.5));
  CHECK(cosine.at(30, 130) == Approx(2));
  CHECK(cosine.at(55, 130) == Approx(2 * 0.853553391));  // a quarter of the way: (1 + cos(pi / 4)) / 2
  CHECK(cosine.at(80, 130) == Approx(1));
  CHECK(cosine.at(130, 130) == Approx(0).margin(1e-12));
  CHECK(cosine.at(500, 130) == Approx(0).margin(1e-12));
  CHECK(schedule("linear").at(55, 130) == Approx(1.5));
  CHECK(schedule("constant").at(129, 130) == 2);
  CHECK(schedule("exponential").at(80, 130) == Approx(0.2));
  CHECK(schedule("rsqrt").at(90, 130) == Approx(1));  // 80 steps since the wait, four times the warm-up
  nn::Schedule step = schedule("step");
  step.drop_every = 25;
  CHECK(step.at(54, 130) == 2);
  CHECK(step.at(55, 130) == Approx(0.2));
  CHECK(step.at(80, 130) == Approx(0.02));
}

TEST_CASE("what is left at the end") {
  nn::Schedule schedule = {.rate = 2, .shape = "cosine", .last = 0.1};
  CHECK(schedule.at(100, 100) == Approx(0.2));
  CHECK(schedule.at(0, 100) == 2);
  schedule.shape = "linear";
  CHECK(schedule.at(50, 100) == Approx(1.1));
  schedule.shape = "exponential";
  CHECK(schedule.at(100, 100) == Approx(0.2));
}

TEST_CASE("numbers below 1 are parts of all steps, as far as these are known") {
  const nn::Schedule schedule = {.rate = 1, .shape = "cosine", .wait = 0.1, .warmup = 0.2};
  CHECK(schedule.at(99, 1000) == 0);
  CHECK(schedule.at(200, 1000) == Approx(0.5));
  CHECK(schedule.at(300, 1000) == Approx(1));
  CHECK(schedule.at(0, 0) == 1);
  CHECK(schedule.at(1'000'000, 0) == 1);
}
