// SPDX-License-Identifier: Apache-2.0
#include "mpl/small_nets.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "ir/builder.h"
#include "train/recipe_text.h"

namespace allot::mpl {
namespace {

using ir::Str;

constexpr uint32_t kStream = 0x6d706c6e;
constexpr int64_t kMostSize = 1 << 16;

constexpr train::RecipeText kText("write it as mlp:2-16-16-2,activation=tanh or conv:1x28x28-32-64-10");

void set(NetRecipe& recipe, const std::string& pair) {
  const size_t equals = std::min(pair.find('='), pair.size());
  const std::string key = pair.substr(0, equals), value = pair.substr(std::min(equals + 1, pair.size()));
  if (key == "activation")
    recipe.activation = kText.choice(value, {"relu", "tanh", "sigmoid"});
  else if (key == "dtype")
    recipe.dtype = kText.choice(value, {"float32", "float64"});
  else if (key == "init")
    recipe.init = kText.number<double>(value, 0, 1e3);
  else if (key == "seed")
    recipe.seed = kText.number<uint64_t>(value, 0, ~uint64_t{0});
  else
    kText.choice(key, {"activation", "dtype", "init", "seed"});
}

/// Layers appended one to another.
class NetBuilder {
 public:
  explicit NetBuilder(const NetRecipe& recipe)
      : recipe_(recipe),
        builder_("net", 17),
        type_(recipe.dtype == "float64" ? ir::DataType::float64 : ir::DataType::float32) {
    std::vector<int64_t> dims = {-1};
    dims.insert(dims.end(), recipe.input.begin(), recipe.input.end());
    x_ = builder_.input("x", type_, dims);
    width_ = recipe.input[0];
  }

  enum class Begin { drawn, zero };
  void dense(int64_t size, bool last, Begin begin = Begin::drawn) {
    const std::vector<int64_t> dims = {size, width_};
    const Str weight = begin == Begin::zero ? constant("w", dims, 0) : drawn(dims, width_ + size);
    const Str bias = constant("b", {size}, 0);
    x_ = builder_.add("Gemm", {x_, weight, bias}, ir::attributes(ir::int_attribute("transB", 1)));
    if (!last) activate();
    width_ = size;
    ++layer_;
  }

  void convolution(int64_t size) {
    const Str weight = drawn({size, width_, 3, 3}, 9 * (width_ + size));
    x_ = builder_.add("Conv", {x_, weight}, ir::attributes(ir::ints_attribute("pads", {1, 1, 1, 1})));
    x_ = builder_.add("BatchNormalization", {x_, constant("scale", {size}, 1), constant("shift", {size}, 0),
                                             constant("mean", {size}, 0), constant("variance", {size}, 1)});
    activate();
    x_ =
        builder_.add("MaxPool", {x_},
                     ir::attributes(ir::ints_attribute("kernel_shape", {2, 2}), ir::ints_attribute("strides", {2, 2})));
    width_ = size;
    ++layer_;
  }

  void add_input() { x_ = builder_.add("Add", {x_, "x"}); }

  void average() { x_ = builder_.add("Flatten", {builder_.add("GlobalAveragePool", {x_})}); }

  ir::Model finish() {
    x_ = builder_.add("Identity", {x_});
    builder_.nodes().back().outputs[0] = "logits";
    builder_.output("logits", type_, {-1, width_});
    return builder_.finish();
  }

 private:
  void activate() {
    x_ = builder_.add(recipe_.activation == "relu" ? "Relu" : recipe_.activation == "tanh" ? "Tanh" : "Sigmoid", {x_});
  }
  Str drawn(std::vector<int64_t> dims, int64_t fans) {
    const double limit = recipe_.init > 0 ? recipe_.init : std::sqrt(6.0 / static_cast<double>(fans));
    base::Rng rng(recipe_.seed, kStream, layer_);
    return tensor("w", std::move(dims), [&] { return limit * (2 * rng.uniform() - 1); });
  }
  Str constant(const char* name, std::vector<int64_t> dims, double value) {
    return tensor(name, std::move(dims), [&] { return value; });
  }
  template <typename Draw>
  Str tensor(const char* name, std::vector<int64_t> dims, const Draw& draw) {
    int64_t elements = 1;
    for (const int64_t dimension : dims) elements *= dimension;
    std::string bytes;
    for (int64_t i = 0; i < elements; ++i) {
      const double value = draw();
      const auto single = static_cast<float>(value);
      const bool wide = type_ == ir::DataType::float64;
      bytes.append(wide ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&single),
                   wide ? sizeof value : sizeof single);
    }
    return builder_.initializer(fmt::format("{}{}", name, layer_), type_, std::move(dims), std::move(bytes));
  }

  const NetRecipe& recipe_;
  ir::Builder builder_;
  ir::DataType type_;
  Str x_;
  int64_t width_;
  uint32_t layer_ = 0;
};

}  // namespace

NetRecipe parse_net(const std::string& text) {
  const std::vector<std::string> parts = train::pieces(text, ',');
  if (parts.empty()) kText.refuse(text, "says nothing");
  NetRecipe recipe;
  const size_t colon = std::min(parts[0].find(':'), parts[0].size());
  recipe.family = kText.choice(parts[0].substr(0, colon), {"mlp", "conv", "residual"});
  const auto layers = train::pieces(parts[0].substr(std::min(colon + 1, parts[0].size())), '-');
  if (layers.size() < 2) kText.refuse(parts[0], "has no layer");
  for (const std::string& dimension : train::pieces(layers[0], 'x'))
    recipe.input.push_back(kText.number<int64_t>(dimension, 1, kMostSize));
  if (recipe.input.size() != (recipe.family == "conv" ? 3u : 1u)) kText.refuse(layers[0], "is no input of this family");
  for (size_t i = 1; i < layers.size(); ++i) recipe.sizes.push_back(kText.number<int64_t>(layers[i], 1, kMostSize));
  for (size_t i = 1; i < parts.size(); ++i) set(recipe, parts[i]);
  return recipe;
}

ir::Model make_net(const NetRecipe& recipe) {
  NetBuilder builder(recipe);
  const bool residual = recipe.family == "residual";
  for (size_t i = 0; i + (residual ? 0 : 1) < recipe.sizes.size(); ++i)
    if (recipe.family == "conv")
      builder.convolution(recipe.sizes[i]);
    else
      builder.dense(recipe.sizes[i], false);
  if (recipe.family == "conv") builder.average();
  builder.dense(residual ? recipe.input[0] : recipe.sizes.back(), true,
                residual ? NetBuilder::Begin::zero : NetBuilder::Begin::drawn);
  if (residual) builder.add_input();
  ir::Model model = builder.finish();
  model.metadata.push_back({"allot.origin", "generated by allot", {}});
  return model;
}

}  // namespace allot::mpl
