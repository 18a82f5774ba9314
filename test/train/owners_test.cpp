// SPDX-License-Identifier: Apache-2.0
#include "train/owners.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "base/rng.h"
#include "dist/local_ranks.h"
#include "nn/moment_fold.h"
#include "scratch_folder.h"

using namespace allot;
using test::error_of;
using test::has;

namespace {

const std::vector<std::vector<int64_t>> kShapes = {{3}, {8, 6}, {5, 8}, {6}, {9, 4}, {1}};

at::Tensor noise(const std::vector<int64_t>& shape, uint32_t step, uint32_t item) {
  at::Tensor values = at::zeros(shape, at::kDouble);
  base::Rng rng(1, 2, step, item);
  for (int64_t i = 0; i < values.numel(); ++i) values.mutable_data_ptr<double>()[i] = rng.normal();
  return values;
}

/// Weights of several sizes with an optimiser, of which a rank of a team keeps a part.
struct Net {
  explicit Net(const nn::OptimizerOptions& options, dist::Team* of_team = nullptr) : team(of_team) {
    std::vector<nn::TrainedTensor> tensors;
    for (size_t i = 0; i < kShapes.size(); ++i)
      tensors.push_back({fmt::format("w.{}", i), noise(kShapes[i], 1000, static_cast<uint32_t>(i)), i % 2 == 1});
    std::vector<bool> owned;
    if (team) {
      owners = train::deal_owners(tensors, team->size());
      for (const uint32_t owner : owners) owned.push_back(owner == team->rank());
    }
    optimizer = std::make_unique<nn::Optimizer>(std::move(tensors), options, std::move(owned));
  }
  void step(uint32_t number) {
    std::vector<at::Tensor> gradients;
    for (size_t i = 0; i < kShapes.size(); ++i)
      gradients.push_back(i == 3 && number == 1 ? at::Tensor() : noise(kShapes[i], number, static_cast<uint32_t>(i)));
    optimizer->step(gradients, 0.1);
    if (team) train::share_owned(*team, optimizer->tensors(), owners);
  }
  bool has_weights_of(const Net& other) const {
    for (size_t i = 0; i < kShapes.size(); ++i)
      if (!at::equal(optimizer->tensors()[i].tensor, other.optimizer->tensors()[i].tensor)) return false;
    return true;
  }
  int64_t bytes() const {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : optimizer->state()) bytes += static_cast<int64_t>(tensor.nbytes());
    return bytes;
  }

  dist::Team* team;
  std::vector<uint32_t> owners;
  std::unique_ptr<nn::Optimizer> optimizer;
};

/// Each name with its tensor, whatever their order.
std::map<std::string, at::Tensor> by_name(const std::vector<nn::NamedTensor>& tensors) {
  return {tensors.begin(), tensors.end()};
}

}  // namespace

TEST_CASE("owners have shares of about one size") {
  std::vector<nn::TrainedTensor> tensors;
  for (const auto& shape : kShapes) tensors.push_back({"w", at::zeros(shape)});
  CHECK(train::deal_owners(tensors, 2) == std::vector<uint32_t>{0, 0, 1, 0, 1, 0});
  CHECK(train::deal_owners(tensors, 1) == std::vector<uint32_t>(kShapes.size(), 0));
  const Net whole({.kind = "adamw"});
  std::vector<int64_t> bytes(2);
  test::run_ranks(2, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    bytes[rank.rank()] = Net({.kind = "adamw"}, &team).bytes();
  });
  for (const int64_t part : bytes) CHECK(static_cast<double>(part) < 0.6 * static_cast<double>(whole.bytes()));
}

TEST_CASE("ranks that keep parts of the state take the steps of one that keeps all, and go on in any number") {
  for (const std::string& kind : nn::optimizer_kinds()) {
    CAPTURE(kind);
    const nn::OptimizerOptions options{.kind = kind, .weight_decay = 0.05, .clip_norm = 2};
    Net whole(options);
    for (uint32_t step = 0; step < 3; ++step) whole.step(step);
    const std::vector<nn::NamedTensor> middle = [&] {
      std::vector<nn::NamedTensor> copy;
      for (const auto& [name, tensor] : whole.optimizer->state()) copy.emplace_back(name, tensor.clone());
      return copy;
    }();
    std::vector<at::Tensor> weights;
    for (const auto& trained : whole.optimizer->tensors()) weights.push_back(trained.tensor.clone());
    for (uint32_t step = 3; step < 5; ++step) whole.step(step);
    for (const uint32_t ranks : {1u, 2u, 3u, 8u}) {  // of eight some own nothing
      std::vector<char> same(ranks, 0);
      std::vector<nn::NamedTensor> stored;
      test::run_ranks(ranks, [&](test::LocalRank& rank, test::Wires&) {
        dist::Team team(rank);
        Net part(options, &team);
        for (uint32_t step = 0; step < 3; ++step) part.step(step);
        auto all = train::on_first(team, part.optimizer->state());
        if (team.is_first()) stored = all;
        Net resumed(options, &team);  // from what one rank stored
        for (size_t i = 0; i < weights.size(); ++i)
          at::Tensor(resumed.optimizer->tensors()[i].tensor).copy_(weights[i]);
        resumed.optimizer->assign(middle, "state");
        for (uint32_t step = 3; step < 5; ++step) resumed.step(step);
        same[rank.rank()] = resumed.has_weights_of(whole);
      });
      for (const char each : same) CHECK(each);
      const auto found = by_name(stored), expected = by_name(middle);
      REQUIRE(found.size() == expected.size());
      for (const auto& [name, tensor] : expected) {
        CAPTURE(name);
        REQUIRE(found.contains(name));
        CHECK(at::equal(found.at(name), tensor));
      }
    }
  }
}

TEST_CASE("parts of gradients go into the moments of owners") {
  const nn::OptimizerOptions options{.kind = "adamw", .weight_decay = 0.05};
  const auto fold = [](Net& net) {
    nn::MomentFold folded(*net.optimizer);
    for (uint32_t step = 0; step < 2; ++step) {
      std::vector<std::vector<at::Tensor>> parts(2);
      for (uint32_t part = 0; part < 2; ++part)
        for (size_t i = 0; i + 1 < kShapes.size(); ++i)
          parts[part].push_back(noise(kShapes[i], 2 * step + part, static_cast<uint32_t>(i)));
      folded.fold(0, parts, 3);
      folded.take(kShapes.size() - 1, noise(kShapes.back(), step, 7));
      folded.finish(0.1);
      if (net.team) train::share_owned(*net.team, net.optimizer->tensors(), net.owners);
    }
  };
  Net whole(options);
  fold(whole);
  std::vector<char> same(2, 0);
  test::run_ranks(2, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    Net part(options, &team);
    fold(part);
    same[rank.rank()] = part.has_weights_of(whole);
  });
  CHECK(same[0]);
  CHECK(same[1]);
}

TEST_CASE("a state of another network is refused, whoever owns what") {
  const nn::OptimizerOptions options{.kind = "adamw"};
  const Net whole(options);
  auto state = whole.optimizer->state();
  state[0].first = "adamw.m.other";
  std::vector<std::string> errors(2);
  test::run_ranks(2, [&](test::LocalRank& rank, test::Wires&) {
    dist::Team team(rank);
    Net part(options, &team);
    errors[rank.rank()] = error_of([&] { part.optimizer->assign(state, "checkpoint"); });
  });
  for (const std::string& error : errors) CHECK(has(error, "adamw.m."));
}
