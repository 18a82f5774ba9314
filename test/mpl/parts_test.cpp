// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <cmath>
#include <filesystem>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "data/generate.h"
#include "data/read_numpy.h"
#include "mpl/evaluation.h"
#include "mpl/feed.h"
#include "mpl/fit.h"
#include "mpl/onnx_network.h"
#include "mpl/small_nets.h"
#include "train/scratch_folder.h"

using namespace allot;

namespace {

/// Moons of 40 points in a file.
struct Moons {
  Moons() : path(folder / "moons.npz") {
    data::write_npz(path, data::generate({.task = "moons", .per_class = 20, .seed = 1}), base::Replace::own);
  }
  mpl::Feed feed(mpl::DataOptions options, uint64_t seed = 1) const {
    options.data = path;
    mpl::ViewOptions views;
    views.kind = "jitter";
    return mpl::Feed(options, views, "classification", {"x"}, seed, 1);
  }

  test::ScratchFolder folder;
  std::string path;
};

}  // namespace

TEST_CASE("scores of classes follow from the confusion") {
  mpl::Scores scores;
  scores.confusion = {8, 2, 1, 9};
  const auto classes = scores.by_class();
  REQUIRE(classes.size() == 2);
  CHECK(classes[0].precision == Approx(8.0 / 9));
  CHECK(classes[0].recall == Approx(0.8));
  CHECK(classes[0].f1 == Approx(16.0 / 19));
  CHECK(classes[1].items == 10);
}

TEST_CASE("evaluation counts what is right, and how far confidence is from it") {
  const Moons moons;
  mpl::DataOptions data;
  data.data = moons.path;
  const mpl::Part part = mpl::read_part(data, {}, "classification", {"x"});
  REQUIRE(part.items.size() == 40);
  class Constant final : public mpl::Network {
   public:
    at::Tensor logits(const mpl::Inputs& inputs, const mpl::Pass&) const override {
      return at::tensor({std::log(0.8), std::log(0.2)}, at::kFloat).expand({inputs[0].size(0), 2});
    }
    const std::vector<nn::NamedTensor>& parameters() const override { return none_; }
    const std::vector<nn::NamedTensor>& buffers() const override { return none_; }

   private:
    std::vector<nn::NamedTensor> none_;
  };
  const mpl::Scores scores = mpl::evaluate(Constant(), *mpl::make_task("classification"), part, 7);
  CHECK(scores.items == 40);
  CHECK(scores.accuracy == 0.5);
  CHECK(scores.confusion == std::vector<int64_t>{20, 0, 20, 0});
  CHECK(scores.calibration_error == Approx(0.3));
  CHECK(scores.loss == Approx(-(std::log(0.8) + std::log(0.2)) / 2));
  CHECK(std::isnan(scores.top5));
}

TEST_CASE("a feed splits by seed and gives the same batch to whoever asks for it") {
  const Moons moons;
  mpl::DataOptions options;
  options.per_class = 3;
  const mpl::Feed feed = moons.feed(options);
  CHECK(feed.labelled().items.size() == 6);
  CHECK(feed.unlabelled().items.size() == 40);
  options.labelled_too = false;
  CHECK(moons.feed(options).unlabelled().items.size() == 34);
  options.labelled_too = true;
  const mpl::Batch a = feed.batch(5, 4, 8), b = moons.feed(options).batch(5, 4, 8);
  CHECK(a.labelled[0].equal(b.labelled[0]));
  CHECK(a.strong[0].equal(b.strong[0]));
  CHECK(a.labels.equal(b.labels));
  CHECK_FALSE(a.strong[0].equal(feed.batch(6, 4, 8).strong[0]));
  CHECK((a.strong[0] - a.weak[0]).abs().max().item<double>() > 0);
  CHECK((a.strong[0] - a.weak[0]).abs().max().item<double>() < 1);
  CHECK(a.items.size(0) == 8);
  CHECK(feed.fingerprint() == moons.feed(options).fingerprint());
  CHECK(feed.fingerprint() != moons.feed(options, 2).fingerprint());
}

TEST_CASE("a feed says what it misses") {
  const Moons moons;
  CHECK_THROWS_AS(mpl::Feed({}, {}, "classification", {"x"}, 1, 1), base::Error);
  mpl::DataOptions none;
  none.labelled_too = false;
  CHECK_THROWS_AS(moons.feed(none), base::Error);
}

TEST_CASE("views made beforehand come as they are") {
  const Moons moons;
  data::Dataset dataset = data::generate({.task = "moons", .per_class = 20, .seed = 1});
  std::vector<float> weak(80), strong(80);
  for (size_t i = 0; i < weak.size(); ++i) weak[i] = static_cast<float>(i), strong[i] = -weak[i];
  dataset.features = {data::make_array("x_weak", {40, 2}, weak), data::make_array("x_strong", {40, 2}, strong)};
  data::write_npz(moons.path, dataset, base::Replace::own);
  mpl::DataOptions options;
  options.per_class = 3;
  const mpl::Batch batch = moons.feed(options).batch(0, 4, 8);
  CHECK(batch.strong[0].equal(-batch.weak[0]));
  CHECK((batch.weak[0].select(1, 0) / 2).equal(batch.items.to(at::kFloat)));
}

TEST_CASE("words are dropped and replaced in strong views, masks and marks are not") {
  const test::ScratchFolder folder;
  mpl::DataOptions options;
  options.data = folder / "words.npz";
  data::Dataset dataset = data::generate({.task = "moons", .per_class = 20, .seed = 1});
  std::vector<int64_t> words(400), mask(400);
  for (size_t i = 0; i < words.size(); ++i)
    words[i] = i % 10 < 2 ? 0 : static_cast<int64_t>(i + 2), mask[i] = i % 10 >= 2;
  dataset.features = {data::make_array("input_ids", {40, 10}, words),
                      data::make_array("attention_mask", {40, 10}, mask)};
  data::write_npz(options.data, dataset, base::Replace::own);
  mpl::ViewOptions views;
  views.kind = "tokens";
  views.tokens.dropout = 0.3;
  views.tokens.mask = 1;
  const auto make = [&] { return mpl::Feed(options, views, "classification", {"input_ids", "attention_mask"}, 1, 1); };
  const mpl::Batch batch = make().batch(0, 10, 40);
  const at::Tensor dropped = batch.strong[0] == 1, changed = batch.strong[0] != batch.weak[0];
  CHECK(changed.equal(dropped));
  CHECK(dropped.sum().item<int64_t>() > 60);  // of 320
  CHECK(dropped.sum().item<int64_t>() < 130);
  CHECK_FALSE(dropped.logical_and(batch.weak[0] == 0).any().item<bool>());
  CHECK(batch.strong[1].equal(batch.weak[1]));
  views.kept = {"zero"};
  CHECK_THROWS_AS(make(), base::Error);
}

TEST_CASE("a split that was written is taken again, whatever the seed") {
  const Moons moons;
  mpl::DataOptions options;
  options.per_class = 3;
  options.test_share = "10";
  const mpl::Feed feed = moons.feed(options);
  const std::string path = moons.folder / "split.json";
  feed.write_split(path, base::Replace::own);
  options.split = path;
  const mpl::Feed again = moons.feed(options, 2);
  CHECK(again.labelled().items == feed.labelled().items);
  CHECK(again.unlabelled().items == feed.unlabelled().items);
  CHECK(again.test().items == feed.test().items);
  options.split.clear();
  CHECK(moons.feed(options, 2).labelled().items != feed.labelled().items);
}

TEST_CASE("images are what the network takes") {
  const auto taken = [](const char* net) {
    return mpl::image_of(train::Network(std::make_shared<const ir::Model>(mpl::make_net(mpl::parse_net(net)))));
  };
  const data::ImageGeometry image = taken("conv:3x20x24-4-2");
  CHECK(image.channels == 3);
  CHECK(image.height == 20);
  CHECK(image.width == 24);
  CHECK_FALSE(image.channels_last);
  CHECK(taken("mlp:784-2").channels == 0);
}

TEST_CASE("small networks are what their recipes say") {
  const auto recipe = mpl::parse_net("conv:1x28x28-32-64-10,activation=tanh,seed=7");
  CHECK(recipe.input == std::vector<int64_t>{1, 28, 28});
  CHECK(recipe.sizes == std::vector<int64_t>{32, 64, 10});
  CHECK(recipe.seed == 7);
  const train::Network network(std::make_shared<const ir::Model>(mpl::make_net(recipe)));
  CHECK(network.logits(std::vector{at::zeros({3, 1, 28, 28}, at::kFloat)}).sizes() == at::IntArrayRef{3, 10});
  CHECK(network.trained().size() == 8);  // two kernels, two scales and shifts, a matrix and its bias
  CHECK(network.statistics().size() == 4);
  const train::Network head(std::make_shared<const ir::Model>(mpl::make_net(mpl::parse_net("residual:3-8-8"))));
  const at::Tensor stored = test::uniform({4, 3}, 5).to(at::kFloat);
  CHECK(head.logits(std::vector{stored}).equal(stored));
  CHECK(head.trained().size() == 6);
  for (const char* wrong :
       {"", "mlp", "mlp:2", "mlp:2-0", "cnn:2-3", "conv:28x28-3", "mlp:2-3,init=x", "mlp:2-3,drop=1"})
    CHECK_THROWS_AS(mpl::parse_net(wrong), base::Error);
}

TEST_CASE("presets have the published figures") {
  const auto settings = mpl::preset("cifar10-4000");
  CHECK(settings.batch == 128);
  CHECK(settings.ratio == 7);
  CHECK(settings.loop.steps == 300'000);
  CHECK(settings.student.schedule.at(2999, 300'000) == 0);
  CHECK(settings.student.schedule.at(8000, 300'000) == Approx(0.05));
  CHECK(settings.teacher.schedule.at(5000, 300'000) == Approx(0.05));
  CHECK(settings.meta.consistency.weight_at(2500) == Approx(4));
  CHECK(settings.network.head_dropout == 0.2);
  CHECK(mpl::preset("kekmodel-compat").meta.feedback.kind == "inverted-fd");
  CHECK(mpl::preset("kekmodel-compat").ema_rule == "constant");
  for (const std::string& name : mpl::preset_names()) CHECK_NOTHROW(mpl::preset(name));
  CHECK_THROWS_AS(mpl::preset("smal"), base::Error);
}

TEST_CASE("lists of seeds") {
  CHECK(mpl::parse_seeds("3..5") == std::vector<uint64_t>{3, 4, 5});
  CHECK(mpl::parse_seeds("7") == std::vector<uint64_t>{7});
  CHECK(mpl::parse_seeds("1,9") == std::vector<uint64_t>{1, 9});
  for (const char* wrong : {"5..3", "a", "1..b", "0..99999999"}) CHECK_THROWS_AS(mpl::parse_seeds(wrong), base::Error);
}

TEST_CASE("the arm without feedback is mpl all the same") {
  mpl::TrainOptions options;
  CHECK(mpl::arm(options, "none").settings.meta.feedback.kind == "none");
  CHECK(mpl::arm(options, "none").algo == "mpl");
  CHECK(mpl::arm(options, "uda").algo == "uda");
}
