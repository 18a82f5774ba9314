// SPDX-License-Identifier: Apache-2.0
#include <ATen/core/Tensor.h>

#include "small_pair.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "contrast/gradcheck.h"
#include "exec/live_bytes.h"
#include "nn/moment_fold.h"

using namespace allot;
using test::SmallPair;

namespace {

const contrast::Temperature kTemperature{std::log(1 / 0.07), -2};

contrast::Gradcheck check(const SmallPair& pair, int64_t pairs, std::vector<int64_t> micros,
                          const std::string& kind = "clip", const std::string& method = "two-pass") {
  contrast::GradcheckOptions options;
  options.step.loss.kind = kind;
  options.micros = std::move(micros);
  options.tiles = {3, pairs};
  options.method = method;
  return contrast::gradcheck(pair.towers(), pair.batch(pairs), kTemperature, options);
}

void require_equal(const contrast::Gradcheck& found) {
  for (const auto& row : found.rows) {
    CAPTURE(row.micro, row.tile, row.weights, row.log_scale, row.bias, found.log_scale);
    CHECK(row.holds);
  }
  CHECK(found.norm > 1e-4);
}

const char* const kMlp = "mlp:9-12-8,input=x,dropout=0.1";
const char* const kConv = "conv:2x8x8-4-8";
const char* const kText = "transformer:7x5-16-2-8,dropout=0.1";

}  // namespace

TEST_CASE("two passes give the gradient of the whole batch") {
  for (const char* dtype : {"float32", "float64"}) {
    const auto typed = [&](const char* net) { return fmt::format("{},dtype={}", net, dtype); };
    const SmallPair pair(typed(kConv), typed(kText)), tied(typed(kMlp));
    for (const char* kind : {"clip", "sigmoid"})
      for (const int64_t pairs : {7, 23}) {
        CAPTURE(dtype, kind, pairs);
        require_equal(check(pair, pairs, {1, 5, 8, pairs}, kind));
        require_equal(check(tied, pairs, {1, 5, 8, pairs}, kind));
      }
  }
}

TEST_CASE("what others do is noticed") {
  const SmallPair pair("mlp:9-12-8,input=x,dropout=0.1", "mlp:9-12-8,dropout=0.1,seed=2");
  for (const char* method : {"naive", "k-fold", "stream"}) {
    CAPTURE(method);
    CHECK_FALSE(check(pair, 24, {8}, "clip", method).holds());
  }
  CHECK(check(pair, 24, {24}, "clip", "naive").holds());  // one micro-batch is the batch
  contrast::TowerOptions micro;
  micro.batch_norm = "micro";
  const SmallPair normalised("conv:2x8x8-4-8,norm=batch", kText, micro);
  CHECK_FALSE(check(normalised, 24, {8}).holds());
  contrast::TowerOptions frozen;
  frozen.batch_norm = "frozen";
  require_equal(check(SmallPair("conv:2x8x8-4-8,norm=batch", kText, frozen), 24, {1, 8}));
}

TEST_CASE("threads change no bit") {
  const SmallPair pair(kConv, kText);
  const contrast::RandomBatch batch = pair.batch(23);
  contrast::StepOptions options;
  options.micro = 4;
  const auto one = contrast::two_pass(pair.towers(), batch, kTemperature, options, 1, 2);
  options.threads = 3;
  const auto three = contrast::two_pass(pair.towers(), batch, kTemperature, options, 1, 2);
  CHECK(one.loss == three.loss);
  for (size_t i = 0; i < one.second.size(); ++i) CHECK(one.second[i].equal(three.second[i]));
}

TEST_CASE("a frozen tower has no second pass, and another gradient is not changed by it") {
  contrast::TowerOptions still;
  still.frozen = true;
  const SmallPair frozen(kConv, "mlp:9-12-8,input=x", still), both(kConv, "mlp:9-12-8,input=x");
  contrast::StepOptions options;
  options.micro = 4;
  const auto found = contrast::two_pass(frozen.towers(), frozen.batch(9), kTemperature, options, 1, 0);
  const auto expected = contrast::two_pass(both.towers(), both.batch(9), kTemperature, options, 1, 0);
  CHECK(found.first.empty());
  REQUIRE(found.second.size() == expected.second.size());
  for (size_t i = 0; i < found.second.size(); ++i) CHECK(found.second[i].equal(expected.second[i]));
}

TEST_CASE("rematerialised towers have the same gradient, dropout included") {
  contrast::TowerOptions remat;
  remat.segments = 3;
  require_equal(check(SmallPair(kConv, kText, {}, remat), 12, {5, 12}));
}

TEST_CASE("hard negatives are further candidates") {
  class WithNegatives final : public contrast::Batch {
   public:
    WithNegatives(const SmallPair& pair, int64_t pairs) : all_(pair.batch(3 * pairs)), pairs_(pairs) {}
    int64_t pairs() const override { return pairs_; }
    int64_t rows(contrast::Side side) const override { return side == contrast::Side::first ? pairs_ : 3 * pairs_; }
    contrast::Inputs inputs(contrast::Side side, int64_t begin, int64_t count) const override {
      return all_.inputs(side, begin, count);
    }

   private:
    contrast::RandomBatch all_;
    int64_t pairs_;
  };
  const SmallPair pair("mlp:9-12-8,input=x", "mlp:9-12-8,seed=2");
  const WithNegatives batch(pair, 7);
  contrast::GradcheckOptions options;
  options.micros = {1, 4, 21};
  options.tiles = {3, 21};
  require_equal(contrast::gradcheck(pair.towers(), batch, kTemperature, options));
}

TEST_CASE("memory does not hold activations of the batch") {
  const SmallPair pair("mlp:16-256-256-8,input=x", "mlp:16-256-256-8,seed=2");
  contrast::StepOptions options;
  options.micro = 16;
  options.loss.tile = 64;
  std::vector<contrast::BenchRow> rows;
  for (const int64_t pairs : {256, 1024, 4096})
    rows.push_back(contrast::measure_step(pair.towers(), pair.batch(pairs), kTemperature, options, false));
  const auto slope = contrast::bytes_per_pair(rows);
  REQUIRE(slope);
  CHECK(*slope >= 16 * 8);
  CHECK(*slope <= 16 * 8 + 64);
  const auto plain = contrast::measure_step(pair.towers(), pair.batch(1024), kTemperature, options, true);
  CHECK(plain.live_bytes > 10 * rows[1].live_bytes);
}

TEST_CASE("parts of gradients are given away, and nobody keeps their sum") {
  const char* const deep = "mlp:16-256-256-256-256-256-256-256-8";
  const SmallPair pair(fmt::format("{},input=x", deep), fmt::format("{},seed=2", deep));
  std::vector<nn::TrainedTensor> trained = pair.first.network().trained();
  const size_t of_first = trained.size();
  for (nn::TrainedTensor& each : pair.second->network().trained()) trained.push_back(std::move(each));
  int64_t weights = 0;
  for (const nn::TrainedTensor& each : trained) weights += static_cast<int64_t>(each.tensor.nbytes());
  nn::Optimizer optimizer(trained, {.kind = "adamw", .beta1 = 0.75});
  nn::MomentFold fold(optimizer);
  const contrast::RandomBatch batch = pair.batch(32);
  contrast::StepOptions options;
  options.micro = 4;
  std::vector<at::Tensor> sums;
  const auto peak = [&] {
    const exec::LiveBytes live;
    const auto found = contrast::two_pass(pair.towers(), batch, kTemperature, options, 1, 2);
    sums = found.first;
    sums.insert(sums.end(), found.second.begin(), found.second.end());
    return live.peak();
  };
  peak();  // what is set up once is not part of a step
  const int64_t exact = peak();
  const std::vector<at::Tensor> expected = std::exchange(sums, {});
  options.take_parts = [&](contrast::Side side, const auto& parts, int64_t groups) {
    CHECK(groups == 4);
    fold.fold(side == contrast::Side::first ? 0 : of_first, parts, groups);
  };
  const int64_t folded = peak();
  CHECK(sums.empty());
  CAPTURE(exact, folded, weights);
  CHECK(exact - folded > weights / 5);  // two parts of one encoder in place of all sums and a part
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = optimizer.state()[2 * i].second.mul(4).sub(expected[i]).norm().item<double>();
    CHECK(difference <= 1e-5 * expected[i].norm().item<double>() + 1e-9);
  }
}

TEST_CASE("towers are refused by what is wrong with them") {
  contrast::TowerOptions options;
  CHECK_THROWS_WITH(contrast::Tower(contrast::make_tower(contrast::parse_tower("conv:2x8x8-4-8,norm=batch")), options),
                    Catch::Contains("BatchNormalization") && Catch::Contains("--bn frozen"));
  CHECK_THROWS_AS(contrast::parse_tower("conv:2x8-4-8"), base::Error);
  CHECK_THROWS_AS(contrast::parse_tower("mlp:2-4,shape=3"), base::Error);
  options.project = 5;
  const contrast::Tower projected(contrast::make_tower(contrast::parse_tower("mlp:9-12-8")), options);
  CHECK(projected.dimension() == 5);
}
