// SPDX-License-Identifier: Apache-2.0
#include "train/shards.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>

#include <catch2/catch.hpp>

#include "dist/local_ranks.h"
#include "nn/loss.h"
#include "scratch_folder.h"
#include "small_nets.h"
#include "train/network.h"
#include "train/pairwise_sum.h"

using namespace allot;
using test::error_of;
using test::has;

namespace {

struct Step {
  std::vector<at::Tensor> gradients, statistics;
  double loss;
};

/// A step's gradient over a batch of 12 items, cut into shards.
Step step(const std::shared_ptr<const ir::Model>& model, const at::Tensor& x, const at::Tensor& labels,
          train::ShardOptions options) {
  const train::Network network(model);
  const int64_t size = x.size(0) / static_cast<int64_t>(options.shards);
  const auto part = train::mean_over_shards(options, network.statistics(), [&](size_t shard) {
    const auto begin = static_cast<int64_t>(shard) * size;
    const auto rows = [&](const at::Tensor& all) { return all.slice(0, begin, begin + size); };
    const at::Tensor logits = network.logits(std::vector{rows(x)}, {.training = true, .seed = shard, .step = 5});
    const at::Tensor loss = nn::cross_entropy(logits, rows(labels));
    return train::Part{torch::autograd::grad({loss}, network.leaves()), {{"loss", loss.item<double>()}}};
  });
  Step result{part.gradients, {}, part.metrics.at("loss")};
  for (const auto& [name, tensor] : network.statistics()) result.statistics.push_back(tensor.clone());
  return result;
}

bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  bool all = a.size() == b.size();
  for (size_t i = 0; all && i < a.size(); ++i) all = at::equal(a[i], b[i]);
  return all;
}

}  // namespace

TEST_CASE("shards add up to the whole batch") {
  const auto model = std::make_shared<const ir::Model>(test::mlp({6, 10, 3}));
  const at::Tensor x = at::randn({12, 6}), labels = at::randint(0, 3, {12});
  const Step whole = step(model, x, labels, {.shards = 1}), cut = step(model, x, labels, {.shards = 6});
  CHECK(cut.loss == Approx(whole.loss).epsilon(1e-6));
  for (size_t i = 0; i < whole.gradients.size(); ++i)
    CHECK(at::allclose(cut.gradients[i], whole.gradients[i], 1e-5, 1e-7));
}

TEST_CASE("neither threads nor ranks change a bit, of networks with running statistics either") {
  const at::Tensor x_of_mlp = at::randn({12, 6}), x_of_conv = at::randn({12, 2, 4, 4});
  const at::Tensor labels = at::randint(0, 3, {12});
  for (const bool conv : {false, true}) {
    const auto model = std::make_shared<const ir::Model>(conv ? test::conv_net(1) : test::mlp({6, 10, 3}));
    const at::Tensor& x = conv ? x_of_conv : x_of_mlp;
    for (const size_t shards : {4, 6}) {
      INFO(conv << " " << shards);
      const Step alone = step(model, x, labels, {.shards = shards});
      const Step threaded = step(model, x, labels, {.shards = shards, .threads = 3});
      CHECK(equal(threaded.gradients, alone.gradients));
      CHECK(threaded.loss == alone.loss);
      for (const uint32_t ranks : {2, 3, 4}) {
        std::vector<Step> steps(ranks);
        test::run_ranks(ranks, [&](test::LocalRank& rank, test::Wires&) {
          dist::Team team(rank);
          steps[rank.rank()] = step(model, x, labels, {.shards = shards, .team = &team});
        });
        for (const Step& each : steps) {
          CHECK(equal(each.gradients, alone.gradients));
          CHECK(equal(each.statistics, alone.statistics));
          CHECK(each.loss == alone.loss);
        }
      }
    }
  }
}

TEST_CASE("running statistics become the mean of what the shards make of them") {
  const at::Tensor statistic = at::full({1}, 10.0);
  const auto part = train::mean_over_shards({.shards = 4}, {{"mean", statistic}}, [&](size_t shard) {
    CHECK(statistic.item<double>() == 10);
    statistic.mul_(0.5).add_(static_cast<double>(shard));
    return train::Part{{at::full({2}, static_cast<double>(shard)), at::Tensor()}, {}};
  });
  CHECK(statistic.item<double>() == 5 + 1.5);
  CHECK(part.gradients[0][1].item<double>() == 1.5);
  CHECK_FALSE(part.gradients[1].defined());
}

TEST_CASE("a sum in parts is the sum") {
  std::vector<at::Tensor> addends;
  for (int i = 0; i < 23; ++i) addends.push_back(at::randn({50}));
  const auto sum_of = [&](std::vector<size_t> cuts) {  // where parts begin
    train::PairwiseSum all;
    cuts.push_back(addends.size());
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      train::PairwiseSum part;
      for (size_t k = cuts[i]; k < cuts[i + 1]; ++k) part.add({k, 1, {addends[k]}});
      for (const auto& block : part.blocks()) all.add(block);
    }
    return all.finish()[0];
  };
  const at::Tensor whole = sum_of({0});
  CHECK(at::equal(sum_of({0, 1}), whole));
  CHECK(at::equal(sum_of({0, 7, 8, 15, 16}), whole));
  CHECK(at::equal(sum_of({0, 11, 22}), whole));
  at::Tensor exact = addends[0].to(at::kDouble);
  for (size_t i = 1; i < addends.size(); ++i) exact = exact + addends[i];
  CHECK(at::allclose(whole.to(at::kDouble), exact, 1e-6, 1e-6));
}

TEST_CASE("every rank needs a shard") {
  test::run_ranks(2, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    const train::ShardOptions options{.shards = 1, .threads = 1, .team = &team};
    const std::string error =
        error_of([&] { train::mean_over_shards(options, {}, [](size_t) { return train::Part{}; }); });
    if (!has(error, "cut batches into 2 shards or more")) throw std::runtime_error(error);
  });
}
