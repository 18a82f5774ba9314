// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "base/error.h"
#include "data/generate.h"
#include "data/read_numpy.h"
#include "enas/compare.h"
#include "enas/derive.h"
#include "enas/page.h"
#include "enas/profile.h"
#include "enas/score_table.h"
#include "nn/threads.h"
#include "onnxio/reader.h"
#include "spaces.h"
#include "train/scratch_folder.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

/// Glyphs of three classes in a file, and settings of a short search.
struct Glyphs {
  Glyphs() {
    nn::compute_alone();
    const std::string path = folder / "glyphs.npz";
    data::write_npz(path, data::generate({.task = "glyphs", .per_class = 60, .classes = 3, .size = 8, .seed = 1}),
                    base::Replace::own);
    options.data.data = path;
    options.data.validation_share = "60";
    options.learning.batch = 20;
    options.steps_per_epoch = 5;
    options.loop.epochs = 0;
    options.loop.steps = 20;
    options.theta_steps = 3;
    options.theta_batch = 4;
    options.samples = 8;
    datasets = enas::read_datasets(options.data, enas::TaskKind::classification);
  }
  test::ScratchFolder folder;
  enas::SearchOptions options;
  std::shared_ptr<const enas::Datasets> datasets;
};

enas::Supergraph images(const std::string& space = "macro") {
  enas::GenerateOptions options = test::small(space);
  options.input = "1x8x8";
  return test::supergraph_of(options);
}

}  // namespace

TEST_CASE("weights that a step does not use stay, or move by momentum and decay alone") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  for (const char* inactive : {"skip", "decay"}) {
    glyphs.options.inactive = inactive;
    glyphs.options.learning.optimizer.weight_decay = 0.1;
    enas::Search search(supergraph, *glyphs.datasets, glyphs.options, 1, 1, nullptr);
    std::vector<at::Tensor> before;
    for (const auto& [name, tensor] : search.result()) before.push_back(tensor.clone());
    const auto taken = search.step(0, 20);
    REQUIRE(taken.taken);
    enas::PolicyOptions uniform;
    uniform.kind = "uniform";
    const enas::Child child = supergraph.child(enas::make_policy(uniform, supergraph, 1)->sample(1, 0, 0)[0]);
    const ir::Model alone = enas::derive(supergraph, child);
    std::set<std::string> used;
    for (const ir::Tensor& tensor : alone.graph.initializers) used.insert(std::string(tensor.name));
    size_t moved = 0, others = 0, i = 0;
    for (const auto& [name, tensor] : search.result())
      if (!tensor.equal(before[i++])) ++(used.contains(name) ? moved : others);
    // A gradient may be 0: of what a Relu or a maximum hides.
    CHECK(static_cast<double>(moved) >= 0.9 * taken.metrics.at("active_parameters"));
    CHECK((others > 0) == (std::string(inactive) == "decay"));
  }
}

TEST_CASE("a search that is interrupted and resumed is the one that was not, byte by byte") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  enas::BesideOptions beside;
  const auto run = [&](const std::string& name, int64_t steps, bool resume) {
    enas::SearchOptions options = glyphs.options;
    options.theta_warmup = 0;
    options.loop.steps = 20;
    train::RunFolder folder(glyphs.folder / name, "a: 1\n", resume, base::Replace::own);
    std::atomic<bool> stop = false;
    enas::RunContext context{.seed = 5, .threads = 1, .stop = &stop, .shown = false, .replace = base::Replace::own};
    if (steps < 20) {
      // Stopped by the clock's end of a budget: the schedule is that of 20 steps all the same.
      auto archive = std::make_unique<train::MetricsFile>(folder.file("archs.jsonl"));
      enas::Search search(supergraph, *glyphs.datasets, options, 5, 1, archive.get());
      class Part final : public train::Job {
       public:
        Part(enas::Search& search, int64_t last, std::atomic<bool>& stop) : search_(search), last_(last), stop_(stop) {}
        train::StepResult step(int64_t step, int64_t steps) override {
          if (step + 1 == last_) stop_ = true;
          return search_.step(step, steps);
        }
        train::Evaluation evaluate() override { return search_.evaluate(); }
        train::Checkpoint state() const override { return search_.state(); }
        void restore(const train::Checkpoint& state, const std::string& path) override { search_.restore(state, path); }
        std::vector<nn::NamedTensor> result() const override { return search_.result(); }

       private:
        enas::Search& search_;
        int64_t last_;
        std::atomic<bool>& stop_;
      } part(search, steps, stop);
      train::Loop loop(part, &folder, options.loop,
                       {.schema = enas::kSearchSchema,
                        .fingerprint = search.fingerprint(),
                        .steps_per_epoch = search.steps_per_epoch(),
                        .stop = &stop});
      CHECK(loop.run() == train::Ended::stopped);
      archive->append("{\"lost\": true}");  // written after the last checkpoint
      return;
    }
    enas::run_search(supergraph, *glyphs.datasets, options, context, beside, &folder);
  };
  run("whole", 20, false);
  run("again", 20, false);
  run("parts", 12, false);
  run("parts", 20, true);
  const std::string archs = test::content_of(glyphs.folder / "whole/archs.jsonl");
  CHECK(std::count(archs.begin(), archs.end(), '\n') == 4 * 3 * 4);
  for (const char* other : {"again", "parts"}) {
    CHECK(test::content_of(glyphs.folder / (std::string(other) + "/archs.jsonl")) == archs);
    CHECK(test::content_of(glyphs.folder / (std::string(other) + "/best/child.onnx")) ==
          test::content_of(glyphs.folder / "whole/best/child.onnx"));
  }
  const auto seen = enas::read_archive(glyphs.folder / "whole/archs.jsonl");
  CHECK(seen.size() == 48);
  CHECK(enas::decision_table(supergraph, seen).rows.size() > 3);
}

TEST_CASE("threads change nothing") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  glyphs.options.theta_warmup = 0;
  glyphs.options.shards = 2;
  std::vector<std::vector<enas::Judged>> rankings;
  for (const unsigned threads : {1u, 3u}) {
    enas::Search search(supergraph, *glyphs.datasets, glyphs.options, 5, threads, nullptr);
    for (int64_t step = 0; step < 10; ++step) search.step(step, 10);
    rankings.push_back(search.choose(6));
  }
  REQUIRE(rankings[0].size() == rankings[1].size());
  for (size_t i = 0; i < rankings[0].size(); ++i) {
    CHECK(rankings[0][i].name == rankings[1][i].name);
    CHECK(rankings[0][i].quality == rankings[1][i].quality);
  }
}

TEST_CASE("rewards that do not differ are noticed") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  glyphs.options.theta_warmup = 0;
  glyphs.options.theta_steps = 30;
  glyphs.options.reward = {.cost = "macs", .target = 1, .combine = "filter", .weight = 0.07};  // everything is above
  enas::Search search(supergraph, *glyphs.datasets, glyphs.options, 5, 1, nullptr);
  const std::string error = test::error_of([&] {
    for (int64_t step = 0; step < 5; ++step) search.step(step, 20);
  });
  CHECK(test::has(error, "1 policy: all rewards were the same for 20 updates"));
  CHECK(test::has(test::error_of([&] { search.choose(5); }), "keeps to it"));
}

TEST_CASE("a loss that is no number changes nothing") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  enas::Search search(supergraph, *glyphs.datasets, glyphs.options, 5, 1, nullptr);
  for (const auto& [name, tensor] : search.result()) at::Tensor(tensor).fill_(std::nan(""));
  CHECK_FALSE(search.step(0, 20).taken);
}

TEST_CASE("a whole search stands beside what chance finds") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  train::RunFolder folder(glyphs.folder / "run", "a: 1\n", false, base::Replace::own);
  const enas::RunContext context{
      .seed = 5, .threads = 1, .stop = nullptr, .shown = false, .replace = base::Replace::own};
  enas::BesideOptions beside;
  beside.recalibration = 5;
  const enas::Outcome outcome =
      enas::run_search(supergraph, *glyphs.datasets, glyphs.options, context, beside, &folder);
  REQUIRE(outcome.ranking.size() > 1);
  CHECK(outcome.ranking[0].quality >= outcome.ranking[1].quality);
  const auto contestants = enas::compare(supergraph, *glyphs.datasets, glyphs.options, context, beside, outcome);
  REQUIRE(contestants.size() == 4);
  CHECK(contestants[0].method == "search");
  CHECK(contestants[1].method == "random, shared weights");
  CHECK(contestants[2].scores.validation >= contestants[3].scores.validation);
  // As many validation items for both: 2 epochs with rewards, 3 updates each of 4 children on 60 items; then the
  // ranking.
  CHECK(outcome.judged_items == 2 * 3 * 4 * 60 + 60 * static_cast<int64_t>(outcome.ranking.size()));
  CHECK(enas::random_search(glyphs.options, outcome).samples == outcome.judged_items / 60);

  const enas::Supergraph trained = enas::open_supergraph(folder.file("best/supergraph.onnx"));
  CHECK(enas::size_of(trained.space()).log10 == enas::size_of(supergraph.space()).log10);
  const ir::Model child = onnxio::read(folder.file("best/child.onnx"));
  CHECK(child.metadata_value("allot.arch") == outcome.ranking[0].name);
  CHECK_FALSE(child.metadata_value("allot.nas.space"));
  enas::SearchPage page;
  page.supergraph = &supergraph;
  page.ranking = outcome.ranking;
  page.contestants = contestants;
  CHECK(test::has(enas::page_of(page), "best of"));
}

TEST_CASE("a short training alone puts the first children of a ranking in order") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  const enas::RunContext context{
      .seed = 5, .threads = 1, .stop = nullptr, .shown = false, .replace = base::Replace::own};
  enas::BesideOptions beside;
  const auto before = enas::run_search(supergraph, *glyphs.datasets, glyphs.options, context, beside, nullptr).ranking;
  REQUIRE(before.size() > 3);
  beside.finalists = 3;
  beside.finalist_steps = 4;
  const auto after = enas::run_search(supergraph, *glyphs.datasets, glyphs.options, context, beside, nullptr).ranking;
  REQUIRE(after.size() == before.size());
  std::set<std::string> first, first_before;
  for (size_t i = 0; i < 3; ++i) {
    first.insert(after[i].name);
    first_before.insert(before[i].name);
    const auto alone = enas::train_alone(supergraph, supergraph.child(after[i].assignment), *glyphs.datasets,
                                         glyphs.options, 4, 5, nullptr);
    CHECK(after[i].alone == alone.validation);
    CHECK((i == 0 || after[i - 1].alone >= after[i].alone));
  }
  CHECK(first == first_before);
  for (size_t i = 3; i < after.size(); ++i) {
    CHECK(after[i].name == before[i].name);
    CHECK_FALSE(after[i].alone);
  }

  std::atomic<bool> stop = true;
  auto unchanged = before;
  enas::RunContext stopped = context;
  stopped.stop = &stop;
  enas::rank_finalists(supergraph, *glyphs.datasets, glyphs.options, stopped, beside, unchanged);
  for (size_t i = 0; i < before.size(); ++i) CHECK(unchanged[i].name == before[i].name);
}

TEST_CASE("statistics of a child become the means over batches") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  auto child = std::make_shared<const ir::Model>(
      enas::derive(supergraph, supergraph.child(enas::parse_assignment(supergraph.space(), ""))));
  const train::Network network(child);
  const enas::Feed feed(*glyphs.datasets, glyphs.options.data, network, 1);
  enas::recalibrate(network, feed, glyphs.options, 4);
  double mean = 0, variance = 0;
  for (const auto& [name, tensor] : network.statistics()) {
    if (name == "stem/bn/mean") mean = tensor[0].item<double>();
    if (name == "stem/bn/var") variance = tensor[0].item<double>();
  }
  // The stem's first channel by hand.
  exec::CompileOptions options;
  options.outputs = {std::string(child->graph.nodes[0].outputs[0])};
  REQUIRE(child->graph.nodes[0].is("Conv"));
  const exec::Program stem(*child, options);
  double sum = 0, spread = 0;
  for (uint32_t batch = 0; batch < 4; ++batch) {
    const at::Tensor x = stem.run({feed.training(batch, 20).inputs[0]})[0].tensor().select(1, 0).to(at::kDouble);
    sum += x.mean().item<double>() / 4;
    spread += x.var(false).item<double>() / 4;
  }
  CHECK(mean == Approx(sum).epsilon(1e-4));
  CHECK(variance == Approx(spread).epsilon(1e-4));
}

TEST_CASE("tables of children trained alone are written and read") {
  Glyphs glyphs;
  const enas::Supergraph supergraph = images();
  const enas::RunContext context{
      .seed = 5, .threads = 1, .stop = nullptr, .shown = false, .replace = base::Replace::own};
  const enas::ScoreTable table = enas::make_table(supergraph, *glyphs.datasets, glyphs.options, 3, 4, 2, context);
  REQUIRE(table.rows.size() == 4);
  CHECK_FALSE(table.whole);
  base::write_file(glyphs.folder / "table.json", enas::to_text(table), base::Replace::own);
  const enas::ScoreTable read = enas::read_table(glyphs.folder / "table.json");
  CHECK(enas::to_text(read) == enas::to_text(table));
  CHECK(std::abs(read.agreement()) <= 1);
  CHECK(test::has(
      test::error_of([&] { enas::make_table(images("micro"), *glyphs.datasets, glyphs.options, 3, 0, 1, context); }),
      "--table-samples"));
}

TEST_CASE("latencies by nodes are measured and predict whole children") {
  nn::compute_alone();
  const enas::Profile profile = enas::profile(images(), 3, 6, 1);
  CHECK(profile.table.size() > 10);
  REQUIRE(profile.predicted.size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(profile.predicted[i] > 0);
}
