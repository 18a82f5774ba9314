// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "base/rng.h"
#include "dist/local_ranks.h"
#include "scratch_folder.h"

using namespace allot;
using test::content_of;
using test::error_of;
using test::has;
using test::ScratchFolder;

namespace {

/// Adds a random number a step to its weight; `broken` steps are not finite.
class Walk : public train::Job {
 public:
  train::StepResult step(int64_t step, int64_t steps) override {
    seen.emplace_back(step, steps);
    if (on_step) on_step(step);
    if (broken.contains(step)) return {{}, false};
    const double drawn = base::Rng(1, 2, static_cast<uint32_t>(step)).uniform();
    weight.add_(drawn);
    return {{{"loss", drawn}, {"even", static_cast<double>(step % 2)}}};
  }
  train::Evaluation evaluate() override {
    ++evaluations;
    if (scores.empty()) return {};
    const double score = scores[std::min(scores.size(), evaluations) - 1];
    return {{{"accuracy", score}}, score};
  }
  train::Checkpoint state() const override {
    train::Checkpoint state;
    state.metadata["schema"] = "allot.walk/1";
    state.tensors = {{"weight", weight}, {"evaluations", at::full({1}, static_cast<int64_t>(evaluations), at::kLong)}};
    return state;
  }
  void restore(const train::Checkpoint& state, const std::string&) override {
    for (const auto& [name, tensor] : state.tensors) {
      if (name == "weight") weight.copy_(tensor);
      if (name == "evaluations") evaluations = static_cast<size_t>(tensor.item<int64_t>());
    }
  }
  std::vector<nn::NamedTensor> result() const override { return {{"weight", weight}}; }

  at::Tensor weight = at::zeros({1}, at::kDouble);
  std::vector<std::pair<int64_t, int64_t>> seen;
  std::set<int64_t> broken;
  std::vector<double> scores;  // of evaluations, in order; the last one from then on
  size_t evaluations = 0;
  std::function<void(int64_t)> on_step;
};

train::LoopOptions options(int64_t steps) {
  train::LoopOptions options;
  options.steps = steps;
  options.log_every = 4;
  options.evaluate_every = 5;
  return options;
}

struct Run {
  Run(const std::string& path, train::LoopOptions options, bool resume = false, train::LoopContext context = {})
      : folder(path, "steps: 1\n", resume, base::Replace::own) {
    context.schema = "allot.walk/1";
    if (!context.stop) context.stop = &stop;
    loop = std::make_unique<train::Loop>(walk, &folder, options, context);
  }
  std::vector<train::Record> records() const { return train::read_records(folder.file("metrics.jsonl")); }

  Walk walk;
  std::atomic<bool> stop = false;
  train::RunFolder folder;
  std::unique_ptr<train::Loop> loop;
};

/// Lines without what the clock says.
std::vector<std::string> timeless(const std::vector<train::Record>& records) {
  std::vector<std::string> lines;
  for (train::Record record : records) {
    record.seconds = 0;
    record.metrics.erase("steps_per_s");
    lines.push_back(train::to_json(record));
  }
  return lines;
}

}  // namespace

TEST_CASE("a loop takes its steps, and tells means of what they say") {
  const ScratchFolder scratch;
  Run run(scratch / "run", options(10));
  run.walk.scores = {0.5};
  CHECK(run.loop->run() == train::Ended::budget);
  REQUIRE(run.walk.seen.size() == 10);
  CHECK(run.walk.seen[3] == std::pair<int64_t, int64_t>(3, 10));
  const auto records = run.records();
  std::vector<std::pair<std::string, int64_t>> phases;
  for (const auto& record : records) phases.emplace_back(record.phase, record.step);
  const std::vector<std::pair<std::string, int64_t>> expected = {
      {"train", 4}, {"evaluate", 5}, {"train", 8}, {"evaluate", 10}, {"train", 10}};
  CHECK(phases == expected);
  CHECK(records[0].metrics.at("even") == 0.5);
  double sum = 0;
  for (uint32_t step = 4; step < 8; ++step) sum += base::Rng(1, 2, step).uniform();
  CHECK(records[2].metrics.at("loss") == Approx(sum / 4).epsilon(1e-15));
  CHECK(run.walk.evaluations == 2);
}

TEST_CASE("a run that was stopped and resumed gives what an uninterrupted one gives") {
  const ScratchFolder scratch;
  Run whole(scratch / "whole", options(23));
  whole.walk.scores = {0.1, 0.7, 0.3};
  whole.walk.broken = {6, 13};
  whole.loop->run();
  for (const int64_t where : {1, 6, 7, 10, 14, 22}) {
    INFO(where);
    const std::string path = scratch / ("parts" + std::to_string(where));
    {
      Run first(path, options(23));
      first.walk.scores = whole.walk.scores;
      first.walk.broken = whole.walk.broken;
      first.walk.on_step = [&](int64_t step) { first.stop = step == where; };
      CHECK(first.loop->run() == train::Ended::stopped);
      CHECK(first.walk.seen.back().first == where);
    }
    Run second(path, options(23), true);
    second.walk.scores = whole.walk.scores;
    second.walk.broken = whole.walk.broken;
    CHECK(second.loop->run() == train::Ended::budget);
    CHECK(second.walk.seen.size() == static_cast<size_t>(22 - where));
    CHECK(at::equal(second.walk.weight, whole.walk.weight));
    CHECK(timeless(second.records()) == timeless(whole.records()));
    CHECK(second.loop->skipped() == 2);
    CHECK(content_of(path + "/best/network.safetensors") == content_of(scratch / "whole/best/network.safetensors"));
  }
}

TEST_CASE("a killed run goes on from its last checkpoint, and loses the lines after it") {
  const ScratchFolder scratch;
  Run whole(scratch / "whole", options(20));
  whole.loop->run();
  auto saving = options(20);
  saving.save_every_s = 0;  // after every step
  {
    Run first(scratch / "parts", saving);
    first.walk.on_step = [](int64_t step) {
      if (step == 9) throw std::runtime_error("killed");
    };
    CHECK_THROWS(first.loop->run());
    first.folder.metric(R"({"phase":"train","step":9,"seconds":1})");
  }
  Run second(scratch / "parts", saving, true);
  second.loop->run();
  CHECK(second.walk.seen.front().first == 9);
  CHECK(timeless(second.records()) == timeless(whole.records()));
}

TEST_CASE("the best network is kept, and evaluation without a better one ends the run") {
  const ScratchFolder scratch;
  auto early = options(1000);
  early.patience = 3;
  Run run(scratch / "run", early);
  run.walk.scores = {0.2, 0.6, 0.6, std::numeric_limits<double>::quiet_NaN(), 0.5};
  at::Tensor at_best;
  run.walk.on_step = [&](int64_t step) {
    if (step == 10) at_best = run.walk.weight.clone();
  };
  CHECK(run.loop->run() == train::Ended::patience);
  CHECK(run.loop->step() == 25);
  CHECK(run.loop->best_step() == 10);
  CHECK(run.loop->best_score() == 0.6);
  CHECK_FALSE(at::equal(run.walk.weight, at_best));
  run.loop->take_best();
  CHECK(at::equal(run.walk.weight, at_best));
}

TEST_CASE("epochs and seconds are budgets, too") {
  const ScratchFolder scratch;
  train::LoopOptions epochs = options(0);
  epochs.epochs = 2.5;
  Run passes(scratch / "epochs", epochs, false, {.steps_per_epoch = 4});
  passes.loop->run();
  CHECK(passes.loop->step() == 10);

  train::LoopOptions seconds = options(0);
  seconds.seconds = 0.2;
  Run timed(scratch / "seconds", seconds);
  timed.walk.on_step = [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  timed.loop->run();
  CHECK(timed.loop->step() <= 20);
  CHECK(timed.loop->step() >= 2);
  CHECK(timed.walk.seen.front().second > 1'000'000'000);
  CHECK(timed.walk.seen.back().second >= timed.loop->step());  // a guess, better the nearer the end
  CHECK(timed.walk.seen.back().second <= 2 * timed.loop->step());
  CHECK(has(error_of([&] { Run(scratch / "none", options(0)); }), "training would never end"));
}

TEST_CASE("steps that are not finite are skipped, but not for ever") {
  const ScratchFolder scratch;
  auto few = options(50);
  few.most_skipped = 3;
  Run run(scratch / "run", few);
  run.walk.broken = {1, 2, 3, 5, 6, 7, 8, 20};
  const std::string error = error_of([&] { run.loop->run(); });
  CHECK(has(error, "1 step 9: the last 4 steps were skipped"));
  CHECK(run.loop->skipped() == 7);
}

TEST_CASE("a resumed run must find the same inputs") {
  const ScratchFolder scratch;
  { Run(scratch / "run", options(4), false, {.fingerprint = "a"}).loop->run(); }
  Run other(scratch / "run", options(4), true, {.fingerprint = "b"});
  CHECK(has(error_of([&] { other.loop->run(); }), "are not those that the run began with"));
}

TEST_CASE("a full disk ends a run with its last checkpoint whole") {
  const ScratchFolder scratch;
  auto saving = options(200);
  saving.save_every_s = 0;
  saving.log_every = 1;
  saving.tensorboard = false;
  {
    Run run(scratch / "run", saving);
    const test::FullDisk full(5'000);
    CHECK(has(error_of([&] { run.loop->run(); }), "74 "));
  }
  saving.save_every_s = 60;
  Run resumed(scratch / "run", saving, true);
  resumed.loop->run();
  CHECK(resumed.walk.seen.front().first > 10);
  CHECK(resumed.loop->step() == 200);
}

TEST_CASE("ranks train in step, stop together, and take up what the first one stored") {
  const ScratchFolder scratch;
  Run whole(scratch / "whole", options(23));
  whole.walk.scores = {0.1, 0.7, 0.3};
  whole.loop->run();
  whole.loop->take_best();
  constexpr uint32_t kRanks = 2;
  const auto train = [&](bool resume, int64_t stop_at, train::Ended expected) {
    std::vector<double> weights(kRanks);
    test::run_ranks(kRanks, [&](test::LocalRank& rank, test::Wires&) {
      std::atomic<bool> stop = false;
      dist::Team team(rank, {.stop = &stop, .stop_code = [&] { return stop ? 143 : 0; }});
      Walk walk;
      walk.scores = whole.walk.scores;
      walk.on_step = [&](int64_t step) { stop = rank.rank() == 1 && step == stop_at; };
      std::unique_ptr<train::RunFolder> folder;
      if (team.is_first())
        folder = std::make_unique<train::RunFolder>(scratch / "ranks", "steps: 1\n", resume, base::Replace::own);
      train::Loop loop(walk, folder.get(), options(23), {.schema = "allot.walk/1", .team = &team});
      if (loop.run() != expected) throw std::runtime_error("ended otherwise");
      if (expected == train::Ended::budget) loop.take_best();
      weights[rank.rank()] = walk.weight.item<double>();
    });
    CHECK(weights[1] == weights[0]);
    return weights[0];
  };
  train(false, 12, train::Ended::stopped);
  CHECK(train(true, -1, train::Ended::budget) == whole.walk.weight.item<double>());
  CHECK(timeless(train::read_records(scratch / "ranks/metrics.jsonl")) == timeless(whole.records()));
}

TEST_CASE("ranks with a budget of seconds plan by the first one's clock") {
  const ScratchFolder scratch;
  std::vector<Walk> walks(3);
  test::run_ranks(3, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    Walk& walk = walks[rank.rank()];
    walk.on_step = [&](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(2 + 3 * rank.rank())); };
    train::LoopOptions seconds = options(0);
    seconds.seconds = 0.3;
    train::Loop loop(walk, nullptr, seconds, {.schema = "allot.walk/1", .team = &team});
    loop.run();
  });
  CHECK(walks[0].seen.size() > 3);
  CHECK(walks[1].seen == walks[0].seen);
  CHECK(walks[2].seen == walks[0].seen);
}
