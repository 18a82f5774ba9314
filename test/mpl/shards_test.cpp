// SPDX-License-Identifier: Apache-2.0
// A step's batch in shards: micro-batches, threads and ranks.
#include "small_net.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <cmath>

#include <catch2/catch.hpp>

#include "data/generate.h"
#include "data/read_numpy.h"
#include "dist/local_ranks.h"
#include "mpl/feed.h"
#include "mpl/self_training.h"
#include "train/scratch_folder.h"

using namespace allot;
using test::Mlp;

namespace {

constexpr int64_t kLabelled = 4, kUnlabelled = 8;

mpl::Batch whole_batch(bool tokens) {
  mpl::Batch batch;
  const auto inputs = [&](int64_t items, uint64_t seed) {
    return tokens ? test::uniform({items, 3, 2}, seed) : test::uniform({items, 2}, seed);
  };
  batch.labelled = {inputs(kLabelled, 1)};
  batch.weak = {inputs(kUnlabelled, 2)};
  batch.strong = {inputs(kUnlabelled, 3)};
  batch.items = at::arange(kUnlabelled, at::kLong);
  batch.labels = at::tensor({0L, 1L, 2L, 1L}, at::kLong);
  if (!tokens) return batch;
  batch.labels = at::tensor({0L, 1L, -100L, 2L, 2L, 1L, -100L, -100L, -100L, 0L, 0L, 1L}, at::kLong).view({4, 3});
  batch.counted = at::arange(24, at::kLong).remainder(5).view({8, 3}) > 1;
  batch.counted.slice(0, 0, 2).zero_();
  return batch;
}

at::Tensor rows(const at::Tensor& all, size_t shard, size_t shards) {
  if (!all.defined()) return all;
  const int64_t size = all.size(0) / static_cast<int64_t>(shards), first = static_cast<int64_t>(shard) * size;
  return all.slice(0, first, first + size);
}

double share(const at::Tensor& counts, size_t shard, size_t shards) {
  if (!counts.defined()) return 1;
  return rows(counts, shard, shards).sum().item<double>() * static_cast<double>(shards) / counts.sum().item<double>();
}

/// What lib/mpl/feed.h promises of shards, by hand.
std::vector<mpl::Batch> cut(const mpl::Batch& whole, size_t shards) {
  std::vector<mpl::Batch> result(shards);
  for (size_t i = 0; i < shards; ++i) {
    mpl::Batch& batch = result[i];
    batch.labelled = {rows(whole.labelled[0], i, shards)};
    batch.labels = rows(whole.labels, i, shards);
    batch.weak = {rows(whole.weak[0], i, shards)};
    batch.strong = {rows(whole.strong[0], i, shards)};
    batch.items = rows(whole.items, i, shards);
    batch.counted = rows(whole.counted, i, shards);
    batch.shard = i;
    batch.first = static_cast<int64_t>(i) * kUnlabelled / static_cast<int64_t>(shards);
    if (!whole.counted.defined()) continue;
    batch.labelled_share = share(whole.labels != -100, i, shards);
    batch.unlabelled_share = share(whole.counted, i, shards);
  }
  return result;
}

/// Networks after some steps, as one vector, and the last report.
struct Result {
  at::Tensor parameters;
  mpl::Report report;
};

at::Tensor flat(const std::vector<const Mlp*>& networks, const std::vector<nn::NamedTensor>& state = {}) {
  std::vector<at::Tensor> all;
  for (const Mlp* network : networks) {
    for (const at::Tensor& tensor : network->copies()) all.push_back(tensor.flatten());
    for (const auto& [name, tensor] : network->buffers()) all.push_back(tensor.flatten());
  }
  for (const auto& [name, tensor] : state) all.push_back(tensor.to(at::kDouble).flatten());
  return at::cat(all);
}

mpl::MetaOptions meta_options(const std::string& feedback) {
  mpl::MetaOptions options;
  options.feedback.kind = feedback;
  options.consistency.threshold = 0.2;
  options.label_smoothing = 0.1;
  options.pseudo_label = feedback == "jvp" ? "soft" : "sample";
  return options;
}

struct Way {
  bool tokens = false, statistics = false;
};

Result learn(const mpl::MetaOptions& options, train::ShardOptions shared, Way way = {}) {
  nn::compute_alone();
  Mlp teacher({2, 5, 3}, 1), student({2, 6, 3}, 2);
  if (way.statistics) teacher.with_statistics(), student.with_statistics();
  const nn::OptimizerOptions sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 0.01};
  nn::Optimizer of_teacher(nn::trained_tensors(teacher.parameters()), sgd),
      of_student(nn::trained_tensors(student.parameters()), sgd);
  const auto task = mpl::make_task(way.tokens ? "token" : "classification");
  mpl::MetaPseudoLabels meta({teacher, of_teacher}, {student, of_student}, *task, options, 5, 0, shared);
  const auto shards = cut(whole_batch(way.tokens), shared.shards);
  Result result;
  for (uint32_t step = 0; step < 3; ++step) result.report = meta.step(shards, step, {0.5, 0.5});
  result.parameters = flat({&teacher, &student}, meta.state());
  return result;
}

Result train_self(const char* kind, train::ShardOptions shared) {
  nn::compute_alone();
  Mlp network({2, 6, 3}, 2), average({2, 6, 3}, 3);
  nn::Optimizer optimizer(nn::trained_tensors(network.parameters()), {.momentum = 0.9});
  const auto task = mpl::make_task("classification");
  const mpl::ConsistencyOptions options{.weight = 2, .temperature = 0.5, .threshold = 0.42, .ramp = 0};
  mpl::SelfTraining algorithm(kind, {network, optimizer}, average, *task, options, 0.1, 5, kUnlabelled, shared);
  const auto shards = cut(whole_batch(false), shared.shards);
  Result result;
  for (uint32_t step = 0; step < 3; ++step) result.report = algorithm.step(shards, step, {0, 0.5});
  result.parameters = flat({&network}, algorithm.state());
  return result;
}

double error(const Result& a, const Result& b) { return (a.parameters - b.parameters).norm().item<double>(); }

bool is(double a, double b) { return (std::isnan(a) && std::isnan(b)) || std::abs(a - b) < 1e-12; }

bool same_report(const mpl::Report& a, const mpl::Report& b) {
  return is(a.student_loss, b.student_loss) && is(a.supervised_loss, b.supervised_loss) &&
         is(a.consistency_loss, b.consistency_loss) && is(a.pseudo_loss, b.pseudo_loss) && is(a.h, b.h) &&
         is(a.weight, b.weight) && is(a.cosine, b.cosine) && is(a.mask_rate, b.mask_rate) &&
         is(a.diversity, b.diversity) && is(a.student_norm, b.student_norm) && is(a.probe_norm, b.probe_norm) &&
         is(a.teacher_norm, b.teacher_norm) && a.skipped == b.skipped;
}

/// The results of all ranks.
std::vector<Result> on_ranks(uint32_t ranks, const std::function<Result(dist::Team&)>& job) {
  std::vector<Result> results(ranks);
  test::run_ranks(ranks, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    results[rank.rank()] = job(team);
  });
  return results;
}

}  // namespace

TEST_CASE("I7: shards, on one rank or several, teach both networks what the whole batch does") {
  for (const char* feedback : {"cos", "dot", "dot2", "fd", "jvp", "none"})
    for (const bool tokens : {false, true}) {
      INFO(feedback << " " << tokens);
      const Way way{tokens, false};
      const Result whole = learn(meta_options(feedback), {}, way);
      CHECK_FALSE(whole.report.skipped);
      for (const size_t shards : {2, 4}) {
        const Result parts = learn(meta_options(feedback), {.shards = shards}, way);
        CHECK(error(parts, whole) < 1e-12);
        CHECK(same_report(parts.report, whole.report));
      }
      for (const Result& each : on_ranks(
               2, [&](dist::Team& team) { return learn(meta_options(feedback), {.shards = 2, .team = &team}, way); }))
        CHECK(error(each, whole) < 1e-12);
    }
}

TEST_CASE("neither threads nor ranks change a bit of a step in shards") {
  for (const char* feedback : {"cos", "fd", "jvp"})
    for (const bool statistics : {false, true}) {
      INFO(feedback << " " << statistics);
      const Way way{false, statistics};
      const Result alone = learn(meta_options(feedback), {.shards = 4}, way);
      CHECK(learn(meta_options(feedback), {.shards = 4, .threads = 3}, way).parameters.equal(alone.parameters));
      for (const uint32_t ranks : {2, 3, 4})
        for (const Result& each : on_ranks(ranks, [&](dist::Team& team) {
               return learn(meta_options(feedback), {.shards = 4, .team = &team}, way);
             })) {
          CHECK(each.parameters.equal(alone.parameters));
          CHECK(same_report(each.report, alone.report));
        }
    }
}

TEST_CASE("what is compared with feedback is cut into shards likewise") {
  for (const char* kind : {"supervised", "pseudo-label", "mean-teacher", "uda", "fixmatch", "flexmatch"}) {
    INFO(kind);
    const Result whole = train_self(kind, {}), parts = train_self(kind, {.shards = 4});
    CHECK(error(parts, whole) < 1e-12);
    CHECK(same_report(parts.report, whole.report));
    for (const Result& each :
         on_ranks(2, [&](dist::Team& team) { return train_self(kind, {.shards = 4, .team = &team}); }))
      CHECK(each.parameters.equal(parts.parameters));
  }
}

TEST_CASE("the shards of a feed are the rows of its batch") {
  const test::ScratchFolder folder;
  mpl::DataOptions options;
  options.data = folder / "moons.npz";
  options.per_class = 5;
  data::write_npz(options.data, data::generate({.task = "moons", .per_class = 20, .seed = 1}), base::Replace::own);
  mpl::ViewOptions views;
  views.kind = "jitter";
  const mpl::Feed feed(options, views, "classification", {"x"}, 1, 1);
  const mpl::Batch whole = feed.batch(3, 4, 12);
  std::vector<at::Tensor> labelled, labels, strong, items;
  for (const size_t shard : {0, 1}) {
    const mpl::Batch part = feed.batch(3, 4, 12, {shard, 2});
    labelled.push_back(part.labelled[0]);
    labels.push_back(part.labels);
    strong.push_back(part.strong[0]);
    items.push_back(part.items);
    CHECK(part.first == static_cast<int64_t>(6 * shard));
    CHECK(part.unlabelled_share == 1);
  }
  CHECK(at::cat(labelled).equal(whole.labelled[0]));
  CHECK(at::cat(labels).equal(whole.labels));
  CHECK(at::cat(strong).equal(whole.strong[0]));
  CHECK(at::cat(items).equal(whole.items));
  CHECK(at::cat({feed.labelled_batch(2, 4, {0, 2}).labels, feed.labelled_batch(2, 4, {1, 2}).labels})
            .equal(feed.labelled_batch(2, 4).labels));
}

TEST_CASE("tokens that count are weighed by shard") {
  const test::ScratchFolder folder;
  mpl::DataOptions options;
  options.data = folder / "tokens.npz";
  data::Dataset dataset;
  std::vector<float> x(40);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  dataset.features = {data::make_array("x", {10, 4}, x),
                      data::make_array("attention_mask", {10, 4}, std::vector<int64_t>(40, 1))};
  std::vector<int64_t> labels(40, 1);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = i % 7 < 3 ? -100 : static_cast<int64_t>(i % 2);
  dataset.labels = data::make_array("y", {10, 4}, labels);
  dataset.label_kind = data::LabelKind::tokens;
  data::write_npz(options.data, dataset, base::Replace::own);
  const mpl::Feed feed(options, {}, "token", {"x"}, 1, 1);
  const auto count = [](const at::Tensor& some) { return (some != -100).sum().item<double>(); };
  const double all = count(feed.batch(0, 6, 6).labels);
  double sum = 0;
  for (const size_t shard : {0, 1, 2}) {
    const mpl::Batch part = feed.batch(0, 6, 6, {shard, 3});
    CHECK(part.labelled_share == Approx(3 * count(part.labels) / all));
    sum += part.labelled_share;
  }
  CHECK(sum == Approx(3));
}
