// SPDX-License-Identifier: Apache-2.0
#include "train/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <memory>

#include <catch2/catch.hpp>

#include "cli/version.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"
#include "scratch_folder.h"
#include "small_nets.h"

using namespace allot;
using test::content_of;
using test::error_of;
using test::has;
using test::ScratchFolder;

namespace {

std::shared_ptr<const ir::Model> shared(ir::Model model) {
  // As read from a file, so that what nobody touched is copied from there.
  return std::make_shared<const ir::Model>(onnxio::read(base::Bytes::from(onnxio::serialize(model))));
}

constexpr exec::RunMode kTraining = {.training = true, .seed = 3, .step = 1};

void nudge(const train::Network& network) {
  const at::NoGradGuard no_gradients;
  for (at::Tensor leaf : network.leaves()) leaf.add_(0.125);
}

std::vector<std::string> names_of(const std::vector<nn::NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a network gives the logits before its Softmax, and gradients of them") {
  const train::Network network(shared(test::mlp({3, 5, 4})));
  CHECK(network.head().skipped == Names{"Softmax"});
  const at::Tensor logits = network.logits(std::vector{at::randn({7, 3})});
  CHECK(logits.sizes() == at::IntArrayRef({7, 4}));
  CHECK((logits.softmax(1).sum(1) - logits.sum(1)).abs().max().item<double>() > 0.01);  // no probabilities
  const auto gradients = torch::autograd::grad({logits.square().sum()}, network.leaves());
  REQUIRE(gradients.size() == 4);
  for (const at::Tensor& gradient : gradients) CHECK(gradient.abs().max().item<double>() > 0);
  CHECK(network.statistics().empty());
  const auto trained = network.trained();
  CHECK((trained[0].name == "w0" && trained[0].decays));
  CHECK((trained[1].name == "b0" && !trained[1].decays));
}

TEST_CASE("an exported batch size is freed, the file keeps it") {
  const train::Network network(shared(test::conv_net(2)));
  CHECK(network.batch().declared == 2);
  REQUIRE(network.batch().edits.size() == 2);
  CHECK(network.batch().edits[0] == "input 'x'");
  CHECK(has(network.batch().edits[1], "(Reshape)"));
  const at::Tensor x = at::randn({5, 2, 4, 4});
  const at::Tensor all = network.logits(std::vector{x});
  CHECK(all.sizes() == at::IntArrayRef({5, 3}));
  CHECK(at::allclose(network.logits(std::vector{x.slice(0, 1, 3)}), all.slice(0, 1, 3), 1e-5, 1e-6));
  const train::Network fixed(shared(test::conv_net(2)), {.batch = "fixed"});
  CHECK(has(error_of([&] { fixed.logits(std::vector{x}); }), "the model wants float32[2,2,4,4]"));
}

TEST_CASE("statistics move in training as the option says, and dropout draws by seed and step") {
  const at::Tensor x = at::randn({6, 2, 4, 4});
  const auto model = shared(test::conv_net(1));
  const train::Network network(model);
  CHECK(names_of(network.statistics()) == Names{"bn.mean", "bn.var"});
  const at::Tensor before = network.statistics()[0].second.clone();
  const at::Tensor first = network.logits(std::vector{x}, kTraining);
  CHECK_FALSE(at::equal(network.statistics()[0].second, before));
  const at::Tensor moved = network.statistics()[0].second.clone();
  CHECK(at::equal(network.logits(std::vector{x}, kTraining), first));
  CHECK_FALSE(at::equal(network.logits(std::vector{x}, {.training = true, .seed = 3, .step = 2}), first));
  network.logits(std::vector{x});
  CHECK_FALSE(at::equal(network.statistics()[0].second, moved));  // three times in training, not in evaluation

  const train::Network stored(model, {.batch_norm = "eval", .dropout = 0});
  CHECK(stored.statistics().empty());
  CHECK(stored.leaves().size() == 5);
  CHECK(at::equal(stored.logits(std::vector{x}, kTraining), stored.logits(std::vector{x})));
  CHECK(train::Network(model, {.batch_norm = "frozen"}).leaves().size() == 3);
}

TEST_CASE("options say which weights are trained and which decay") {
  const auto model = shared(test::conv_net(1));
  const auto trained = [&](train::NetworkOptions options) {
    Names names;
    for (const auto& each : train::Network(model, std::move(options)).trained())
      names.push_back(each.name + (each.decays ? "+" : ""));
    return names;
  };
  CHECK(trained({}) == Names{"conv.w+", "bn.scale", "bn.bias", "head.w+", "head.b"});
  CHECK(trained({.weight_decay = "all-but-normalisation"}) ==
        Names{"conv.w+", "bn.scale", "bn.bias", "head.w+", "head.b+"});
  CHECK(trained({.freeze = {"head"}, .train = {"head.b"}}) == Names{"conv.w+", "bn.scale", "bn.bias", "head.b"});
  CHECK(train::Network(model, {.frozen = true}).leaves().empty());
}

TEST_CASE("a copy has the values of now and goes its own way") {
  const train::Network network(shared(test::conv_net(1)));
  nudge(network);
  const train::Network copy = network.copy();
  const at::Tensor x = at::randn({2, 2, 4, 4}), before = network.logits(std::vector{x});
  CHECK(at::equal(copy.logits(std::vector{x}), before));
  nudge(copy);
  CHECK(at::equal(network.logits(std::vector{x}), before));
  CHECK_FALSE(at::equal(copy.logits(std::vector{x}), before));
}

TEST_CASE("what was trained is written back, and nothing else") {
  const ScratchFolder folder;
  const std::string path = folder / "net.onnx", out = folder / "out.onnx";
  onnxio::write(test::conv_net(2), path, base::Replace::any);
  const train::Network network(path);
  CHECK(network.write(out, base::Replace::any).tensors == 0);
  CHECK(content_of(out) == content_of(path));
  CHECK(network.write(out, base::Replace::own).tensors == 0);

  const at::Tensor x = at::randn({2, 2, 4, 4});
  network.logits(std::vector{x}, kTraining);
  nudge(network);
  CHECK(network.write(out, base::Replace::any, {{"allot.tool", "test"}}).tensors == 7);
  const train::Network written(out);
  CHECK(written.batch().declared == 2);
  CHECK(written.model().metadata_value("allot.tool") == "test");
  CHECK(written.model().metadata_value("allot.version") == cli::version());
  CHECK(written.model().metadata_value("allot.source")->size() == 64);
  CHECK(at::equal(written.logits(std::vector{x}), network.logits(std::vector{x})));
  network.write(out, base::Replace::own);  // which it may replace now
}

TEST_CASE("a head is named where it cannot be told") {
  test::NetBuilder net(1);
  const ir::Str x = net.input("x", ir::DataType::float32, {-1, 3});
  const ir::Str hidden = net.add("MatMul", {x, net.weight("w", {3, 4}, 1)});
  const ir::Str squashed = net.add("Softmax", {net.add("Identity", {hidden})});
  net.output(net.add("ArgMax", {squashed}), ir::DataType::int64, {-1, 1});
  net.output(hidden, ir::DataType::float32, {-1, 4});
  const auto model = shared(net.finish());
  const auto error = error_of([&] { train::find_head(*model); });
  CHECK(has(error, "78"));
  CHECK(has(error, "has 2 outputs; name the one to train, choose one of:"));
  const std::string chosen(model->graph.outputs[0].name);
  const train::Head head = train::find_head(*model, chosen);
  CHECK(head.skipped == Names{"ArgMax", "Softmax"});
  CHECK(head.logits == "Identity_1");
  CHECK(train::find_head(*model, chosen, std::string(squashed)).logits == squashed);
  CHECK(has(error_of([&] { train::find_head(*model, "nothing"); }), "has no output 'nothing'"));
  CHECK(has(error_of([&] { train::find_head(*model, chosen, "nothing"); }), "has no value 'nothing'"));
}

TEST_CASE("in bf16 products are rounded, parameters and gradients stay float32") {
  const auto model = shared(test::mlp({16, 32, 4}));
  const train::Network exact(model), rounded(model, {.precision = "bf16"});
  const at::Tensor x = at::randn({8, 16});
  const at::Tensor logits = rounded.logits(std::vector{x}), reference = exact.logits(std::vector{x});
  CHECK(logits.scalar_type() == at::kBFloat16);
  CHECK_FALSE(at::equal(logits.to(at::kFloat), reference));
  CHECK(at::allclose(logits.to(at::kFloat), reference, 0.05, 0.05));
  for (const auto& gradient : torch::autograd::grad({logits.to(at::kFloat).square().sum()}, rounded.leaves()))
    CHECK(gradient.scalar_type() == at::kFloat);
  CHECK(exact.logits(std::vector{x}).scalar_type() == at::kFloat);  // and nothing is left behind
}

TEST_CASE("inputs of the last layer are dropped in training, and the file stays without") {
  const auto model = shared(test::mlp({6, 200, 4}));
  const train::Network plain(model), dropping(model, {.head_dropout = 0.5});
  const at::Tensor x = at::randn({3, 6});
  CHECK(at::equal(dropping.logits(std::vector{x}), plain.logits(std::vector{x})));
  const at::Tensor once = dropping.logits(std::vector{x}, kTraining);
  CHECK_FALSE(at::equal(once, plain.logits(std::vector{x})));
  CHECK(at::equal(dropping.logits(std::vector{x}, kTraining), once));
  // Of one item, the hidden units that are dropped send no gradient to their rows of the last layer.
  const at::Tensor one = dropping.logits(std::vector{x.slice(0, 0, 1)}, kTraining);
  const auto gradients = torch::autograd::grad({one.sum()}, dropping.leaves());
  const double silent = (gradients[2].abs().sum(1) == 0).sum().item<double>();
  CHECK(silent > 70);  // of 200: four standard deviations of 7 about 100
  CHECK(silent < 130);
  const ScratchFolder folder;
  dropping.write(folder / "out.onnx", base::Replace::any);
  CHECK(train::Network(folder / "out.onnx").model().graph.nodes.size() == model->graph.nodes.size());

  test::NetBuilder net(1);
  net.output(net.add("Relu", {net.input("x", ir::DataType::float32, {-1, 3})}), ir::DataType::float32, {-1, 3});
  const auto none = shared(net.finish());
  CHECK(has(error_of([&] { train::Network(none, {.head_dropout = 0.5, .frozen = true}); }), "has no last layer"));
}
