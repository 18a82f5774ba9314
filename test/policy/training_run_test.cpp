// SPDX-License-Identifier: Apache-2.0
#include "policy/training_run.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <optional>

#include <catch2/catch.hpp>

#include "policy/baselines.h"
#include "policy/page.h"
#include "policy/simulated_reward.h"
#include "report/well_formed.h"
#include "support/random_problem.h"
#include "train/scratch_folder.h"

using namespace allot;
using base::Replace;
using policy::Metric;
using test::error_of;
using test::has;

namespace {

policy::Settings small_settings() {
  policy::Settings settings = policy::preset("boost");
  settings.network.hidden = 16;
  settings.network.rounds = 1;
  settings.learning.imitation = 4;
  settings.learning.placements = 8;
  settings.learning.groupings = 1;
  settings.learning.polished = 1;
  return settings;
}

/// One part of a run: from begin() on.
struct Part {
  Part(const std::vector<const place::Problem*>& problems, const std::string& path, bool resume,
       policy::RunBudget budget, double final_search = 0, unsigned threads = 1, const std::string& fingerprint = "f",
       const std::vector<const place::Problem*>& validation = {})
      : settings(small_settings()),
        policy(settings.network, policy::Vocabulary({"a"}), {}, 5),
        trainer(policy, settings.learning, tasks(problems, threads), {.seed = 5, .threads = threads, .stop = &stop}),
        folder(path, "policy: boost\n", resume, Replace::own),
        run(policy, trainer, &folder,
            {.budget = budget,
             .final_search = final_search,
             .save_every_s = 0,
             .stop = &stop,
             .fingerprints = {fingerprint},
             .validation = tasks(validation, threads),
             .validate_every = 3}) {
    run.begin();
  }
  std::vector<std::unique_ptr<policy::Task>> tasks(const std::vector<const place::Problem*>& problems,
                                                   unsigned threads) const {
    std::vector<std::unique_ptr<policy::Task>> result;
    for (const auto* problem : problems)
      result.push_back(std::make_unique<policy::Task>(
          "m" + std::to_string(result.size()), *problem, std::vector<std::vector<int64_t>>{}, policy.settings(),
          policy.vocabulary(),
          std::make_unique<policy::SimulatedReward>(*problem, policy::SimulatedRewardOptions{.threads = threads})));
    return result;
  }

  std::atomic<bool> stop = false;
  policy::Settings settings;
  policy::Policy policy;
  policy::Trainer trainer;
  train::RunFolder folder;
  policy::TrainingRun run;
};

/// Everything but times.
bool same(const Metric& a, const Metric& b) {
  Metric x = a, y = b;
  x.seconds = x.model_seconds = y.seconds = y.model_seconds = 0;
  return policy::to_json(x) == policy::to_json(y);
}

bool same(const std::vector<Metric>& a, const std::vector<Metric>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return same(x, y); });
}

bool same_parameters(const policy::Policy& a, const policy::Policy& b) {
  const auto x = a.checkpoint().tensors, y = b.checkpoint().tensors;
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& one, const auto& other) {
    return one.first == other.first && at::equal(one.second, other.second);
  });
}

std::vector<Metric> metrics_of(const Part& part) { return policy::read_metrics(part.folder.file("metrics.jsonl")); }

}  // namespace

TEST_CASE("a run in two parts is the run in one, at any number of threads") {
  const test::ScratchFolder scratch;
  const auto first = test::random_problem({.ops = 24, .devices = 3, .seed = 1});
  const auto second = test::random_problem({.ops = 30, .devices = 2, .seed = 2});
  std::optional<Part> whole(std::in_place, std::vector{&first, &second}, scratch / "whole", false,
                            policy::RunBudget{.updates = 14});
  whole->run.go_on({});
  CHECK(whole->trainer.updates() == 14);
  {
    Part part({&first, &second}, scratch / "parts", false, {.updates = 9}, 0.4, 2);
    part.run.go_on({});
    part.folder.metric("{\"a line\": \"after the checkpoint\"}");
  }
  Part part({&first, &second}, scratch / "parts", true, {.updates = 14}, 0, 2);
  part.run.go_on({});
  CHECK(part.trainer.updates() == 14);
  CHECK(same_parameters(part.policy, whole->policy));
  const auto metrics = metrics_of(part);
  CHECK(metrics.size() == 2 + 14);
  CHECK(same(metrics, metrics_of(*whole)));
  CHECK(metrics[2].phase == "imitation");
  CHECK(metrics.back().phase == "policy");
  CHECK(metrics.back().model == "m1");
  CHECK(part.run.seconds() == Approx(metrics.back().seconds));
}

TEST_CASE("a run that is stopped goes on where it was") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 24, .devices = 3, .seed = 1});
  Part whole({&problem}, scratch / "whole", false, {.updates = 10});
  whole.run.go_on({});
  {
    Part part({&problem}, scratch / "parts", false, {.updates = 10});
    part.run.go_on([&](size_t, const Metric& step) { part.stop = step.update == 6; });
    CHECK(part.trainer.updates() == 7);
  }
  Part part({&problem}, scratch / "parts", true, {.updates = 10});
  part.run.go_on({});
  CHECK(same(metrics_of(part), metrics_of(whole)));
  CHECK(same_parameters(part.policy, whole.policy));
}

TEST_CASE("evaluations are spent on learning and then on searching, and not many more") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 40, .devices = 3, .seed = 3});
  Part part({&problem}, scratch / "run", false, {.evaluations = 6000}, 0.5);
  std::vector<Metric> shown;
  part.run.go_on([&](size_t, const Metric& step) { shown.push_back(step); });
  REQUIRE(shown.back().phase == "search");
  const Metric learned = shown[shown.size() - 2];
  CHECK(learned.evaluations >= 3000);
  CHECK(learned.evaluations < 3000 + 8 + 20 * 40 + 50);
  CHECK(shown.back().evaluations > 5500);
  CHECK(shown.back().evaluations <= 6000);
  CHECK(part.run.share_spent() > 0.9);
  place::Score best = shown.front().best;
  for (const Metric& step : shown) {
    CHECK(step.best <= best);
    best = step.best;
  }
  CHECK(best == part.trainer.tasks()[0]->elites.best().score);
  CHECK(policy::read_policy(part.folder.file("best/policy.safetensors")).vocabulary().types() ==
        std::vector<std::string>{"a"});
}

TEST_CASE("a policy that finds nothing new any more has settled, in one part or in two") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 4, .devices = 2, .seed = 1});  // 16 placements at most
  const policy::RunBudget budget{.evaluations = 1000, .updates = 2000};
  Part whole({&problem}, scratch / "whole", false, budget, 0.5);
  whole.run.go_on({});
  CHECK(whole.trainer.updates() >= 50);
  CHECK(whole.trainer.updates() < 500);
  CHECK(whole.trainer.tasks()[0]->evaluations > 16);  // what is left went to the search
  {
    Part part({&problem}, scratch / "parts", false, budget, 0.5);
    part.run.go_on([&](size_t, const Metric& step) { part.stop = step.update == 30; });
  }
  Part part({&problem}, scratch / "parts", true, budget, 0.5);
  part.run.go_on({});
  CHECK(part.trainer.updates() == whole.trainer.updates());
}

TEST_CASE("a policy is seen on tasks that it is not trained on, which changes nothing else") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 24, .devices = 3, .seed = 1});
  const auto unseen = test::random_problem({.ops = 30, .devices = 2, .seed = 2});
  Part part({&problem}, scratch / "run", false, {.updates = 9}, 0, 1, "f", {&unseen});
  Part without({&problem}, scratch / "without", false, {.updates = 9});
  part.run.go_on({});
  without.run.go_on({});
  CHECK(same_parameters(part.policy, without.policy));
  CHECK(part.run.evaluations() == without.run.evaluations());
  const auto quick = place::compare(unseen, "auto", {.seconds = 0});
  size_t seen = 0;
  for (const Metric& metric : metrics_of(part)) {
    if (metric.phase != "validation") continue;
    CHECK(metric.update == 3 * ++seen - 1);
    CHECK(metric.best.value >= unseen.bounds().best());
    CHECK(metric.of_quick ==
          Approx(static_cast<double>(metric.best.value) / static_cast<double>(quick.methods[quick.best].score.value)));
  }
  CHECK(seen == 3);
}

TEST_CASE("seconds end a run") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 24, .devices = 3, .seed = 3});
  Part part({&problem}, scratch / "run", false, {.seconds = 0.5}, 0.5);
  part.run.go_on({});
  CHECK(part.run.seconds() > 0.4);
  CHECK(part.run.seconds() < 5);
  CHECK(metrics_of(part).back().phase == "search");
}

TEST_CASE("a run is not resumed on another problem") {
  const test::ScratchFolder scratch;
  const auto problem = test::random_problem({.ops = 24, .devices = 3, .seed = 1});
  { Part part({&problem}, scratch / "run", false, {.updates = 1}); }
  CHECK(has(error_of([&] { Part({&problem}, scratch / "run", true, {.updates = 2}, 0, 1, "other"); }),
            "the models, their costs or the cluster are not those that the run began with; give the same ones"));
}

TEST_CASE("metrics are read as they were written, and damage is told with its line") {
  const test::ScratchFolder scratch;
  Metric metric{"policy", "a \"model\"", 7, 1234, 1.5, 2.25, {1, 2, 3}, 64, 60, 1.25, 1.125, 0.5, 10, 3e-4, 2, 0.25, 1.5};
  test::put(scratch / "m", policy::to_json(metric) + "\n" + policy::to_json(metric) + "\n");
  const auto read = policy::read_metrics(scratch / "m");
  REQUIRE(read.size() == 2);
  CHECK(policy::to_json(read[1]) == policy::to_json(metric));
  CHECK(read[1].best == metric.best);
  test::put(scratch / "m", policy::to_json(metric) + "\n{\"phase\": 1}\n");
  const std::string error = error_of([&] { policy::read_metrics(scratch / "m"); });
  CHECK(error.starts_with("65 "));
  CHECK(has(error, "line 2"));
}

TEST_CASE("the page shows curves, comparison and names as they are stored") {
  const auto problem = test::random_problem({.ops = 24, .devices = 3, .seed = 1});
  const place::UnitPlacement on_first(problem.graph().num_units(), 0);
  policy::Baseline heft{policy::Budgeted::evaluations, {}};
  heft.result.method = "auto";
  heft.result.placement = on_first;
  heft.result.score = place::Evaluator(problem).score_as_written(on_first);
  const auto comparison = policy::compare(problem, on_first, "boost", {.evaluations = 900, .seconds = 2}, {heft, heft});
  CHECK(comparison.best == 0);  // the first of equals
  CHECK(comparison.methods[1].method == "auto (equal evaluations)");
  std::vector<Metric> metrics;
  for (uint32_t update = 0; update < 5; ++update)
    metrics.push_back({"policy", "<b>.onnx", update, 100 * (update + 1), 0.5 * (update + 1), 0.5 * (update + 1),
                       heft.result.score, 8, 8, 2.0 - 0.1 * update, 1, 0.4, 3, 1e-3, 0, 0, 0});
  metrics.push_back(metrics.back());
  metrics.back().phase = "validation";
  metrics.back().of_quick = 1.1;
  const std::string page =
      policy::learning_page({{"<b>.onnx", problem, comparison, "best/b.html"}}, metrics, {{"Policy", "boost"}});
  CHECK(test::malformation(page) == "");
  for (const char* part : {"&lt;b&gt;.onnx", "auto (equal evaluations)", "entropy of a decision", "seconds",
                           "best/b.html", "Above lower bound", "generated by allot"})
    CHECK(has(page, part));
  CHECK_FALSE(has(page, "<b>.onnx"));
}
