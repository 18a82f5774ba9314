// SPDX-License-Identifier: Apache-2.0
// Networks of ONNX operators. Parameters take no room in the file: ConstantOfShape makes them.
#include <algorithm>

#include <fmt/core.h>

#include "graph/generate_model.h"
#include "ir/builder.h"

namespace allot::graph {
namespace {

using ir::Str;
constexpr auto kFloat = ir::DataType::float32;

constexpr int64_t kBatch = 8, kSequence = 128, kHead = 64;  // transformer
constexpr int64_t kImage = 28;                              // inception: height and width
constexpr int64_t kRows = 64;                               // rnn, nmt: sequences at once
constexpr int64_t kWords = 8;                               // nmt: words of the vocabulary, in features

/// A transformer layer cut into shards by heads and by hidden features, as tensor parallelism cuts it: the shards meet
/// in one Sum behind the attention and one behind the feed-forward part.
class TransformerLayer {
 public:
  TransformerLayer(ir::Builder& builder, const Recipe& recipe)
      : builder_(builder), features_(recipe.size), shards_(recipe.width) {
    shard_ = std::max<int64_t>(1, features_ / shards_);
    heads_ = shard_ % kHead == 0 ? shard_ / kHead : 1;
  }

  Str add(Str x) {
    x = residual(x, [&](Str normal) { return attention(normal); });
    return residual(x, [&](Str normal) { return feed_forward(normal); });
  }

 private:
  template <typename Shard>
  Str residual(Str x, const Shard& shard) {
    const Str normal = builder_.add("LayerNormalization", {x, builder_.weight({features_})});
    std::vector<Str> parts{x};
    for (int64_t i = 0; i < shards_; ++i) parts.push_back(shard(normal));
    return builder_.add("Sum", parts);
  }

  Str heads(Str x, std::vector<int64_t> perm) {
    const Str product = builder_.add("MatMul", {x, builder_.weight({features_, shard_})});
    const Str split = builder_.add("Reshape", {product, builder_.ints({kBatch, kSequence, heads_, shard_ / heads_})});
    return builder_.add("Transpose", {split}, ir::attributes(ir::ints_attribute("perm", std::move(perm))));
  }

  Str attention(Str x) {
    const Str q = heads(x, {0, 2, 1, 3}), k = heads(x, {0, 2, 3, 1}), v = heads(x, {0, 2, 1, 3});
    const Str scores = builder_.add("Mul", {builder_.add("MatMul", {q, k}), builder_.number(0.125f)});
    const Str mixed = builder_.add("MatMul", {builder_.add("Softmax", {scores}), v});
    const Str back = builder_.add("Transpose", {mixed}, ir::attributes(ir::ints_attribute("perm", {0, 2, 1, 3})));
    const Str joined = builder_.add("Reshape", {back, builder_.ints({kBatch, kSequence, shard_})});
    return builder_.add("MatMul", {joined, builder_.weight({shard_, features_})});
  }

  Str feed_forward(Str x) {
    const Str wide = builder_.add("MatMul", {x, builder_.weight({features_, 4 * shard_})});
    return builder_.add("MatMul", {builder_.add("Gelu", {wide}), builder_.weight({4 * shard_, features_})});
  }

  ir::Builder& builder_;
  int64_t features_, shards_, shard_ = 0, heads_ = 0;
};

/// A 1x1 convolution, then one of 3x3 for each place of the branch, up to three, every one with a Relu behind it.
Str inception_branch(ir::Builder& builder, Str x, int64_t channels, int64_t out, uint32_t place) {
  for (uint32_t i = 0; i <= std::min(place, 3u); ++i) {
    const int64_t kernel = i == 0 ? 1 : 3, pad = kernel / 2;
    const Str weight = builder.weight({out, i == 0 ? channels : out, kernel, kernel});
    auto pads = ir::attributes(ir::ints_attribute("pads", {pad, pad, pad, pad}));
    x = builder.add("Relu", {builder.add("Conv", {x, weight}, std::move(pads))});
  }
  return x;
}

struct Cell {
  Str h, c;
};

/// One step of one LSTM layer, as frameworks without a fused kernel write it.
Cell lstm_cell(ir::Builder& builder, Str x, const Cell& before, const std::vector<Str>& weights) {
  const Str sum =
      builder.add("Add", {builder.add("MatMul", {x, weights[0]}), builder.add("MatMul", {before.h, weights[1]})});
  const auto gates =
      builder.add_many("Split", {builder.add("Add", {sum, weights[2]})}, 4,
                       ir::attributes(ir::int_attribute("axis", 1), ir::int_attribute("num_outputs", 4)));
  const auto sigmoid = [&](int gate) { return builder.add("Sigmoid", {gates[gate]}); };
  const Str fresh = builder.add("Mul", {sigmoid(0), builder.add("Tanh", {gates[3]})});
  const Str c = builder.add("Add", {builder.add("Mul", {sigmoid(1), before.c}), fresh});
  return {builder.add("Mul", {sigmoid(2), builder.add("Tanh", {c})}), c};
}

/// Layers of an LSTM that is unrolled step by step; all steps share the weights of their layer.
class LstmStack {
 public:
  /// Its state goes on from that of another one of as many layers, if there is one.
  LstmStack(ir::Builder& builder, std::string name, uint32_t layers, int64_t features,
            const LstmStack* before = nullptr)
      : builder_(builder), name_(std::move(name)) {
    for (uint32_t layer = 0; layer < layers; ++layer) {
      builder.set_scope(fmt::format("{}{}", name_, layer));
      weights_.push_back({builder.weight({features, 4 * features}), builder.weight({features, 4 * features}),
                          builder.weight({4 * features})});
      if (!before) cells_.push_back({builder.weight({kRows, features}), builder.weight({kRows, features})});
    }
    if (before) cells_ = before->cells_;
  }

  /// The uppermost layer's output.
  Str step(Str x, int64_t number) {
    for (size_t layer = 0; layer < cells_.size(); ++layer) {
      builder_.set_scope(fmt::format("{}{}/step{}", name_, layer, number));
      cells_[layer] = lstm_cell(builder_, x, cells_[layer], weights_[layer]);
      x = cells_[layer].h;
    }
    return x;
  }

 private:
  ir::Builder& builder_;
  std::string name_;
  std::vector<std::vector<Str>> weights_;
  std::vector<Cell> cells_;
};

/// What a decoder's state finds in the encoder's outputs, beside it: [kRows, features].
Str attended(ir::Builder& builder, Str h, Str memory, Str weight) {
  const Str axis = builder.ints({2}), query = builder.add("Unsqueeze", {h, axis});
  const Str share =
      builder.add("Softmax", {builder.add("MatMul", {memory, query})}, ir::attributes(ir::int_attribute("axis", 1)));
  const Str context = builder.add("ReduceSum", {builder.add("Mul", {memory, share}), builder.ints({1})},
                                  ir::attributes(ir::int_attribute("keepdims", 0)));
  const Str both = builder.add("Concat", {h, context}, ir::attributes(ir::int_attribute("axis", 1)));
  return builder.add("Tanh", {builder.add("MatMul", {both, weight})});
}

}  // namespace

ir::Model make_transformer(const Recipe& recipe) {
  ir::Builder builder("transformer");
  const std::vector<int64_t> dims{kBatch, kSequence, recipe.size};
  Str x = builder.input("x", kFloat, dims);
  TransformerLayer layer(builder, recipe);
  for (int i = 0; builder.num_ops() < recipe.ops; ++i) {
    builder.set_scope(fmt::format("layer{}", i));
    x = layer.add(x);
  }
  builder.output(x, kFloat, dims);
  return builder.finish();
}

ir::Model make_inception(const Recipe& recipe) {
  ir::Builder builder("inception");
  const int64_t channels = recipe.size, out = std::max<int64_t>(1, channels / recipe.width);
  const std::vector<int64_t> dims{kBatch, channels, kImage, kImage};
  Str x = builder.input("x", kFloat, dims);
  for (int i = 0; builder.num_ops() < recipe.ops; ++i) {
    builder.set_scope(fmt::format("block{}", i));
    std::vector<Str> branches;
    for (uint32_t branch = 0; branch < recipe.width; ++branch)
      branches.push_back(inception_branch(builder, x, channels, out, branch));
    const Str joined = builder.add("Concat", branches, ir::attributes(ir::int_attribute("axis", 1)));
    x = builder.add("Conv", {joined, builder.weight({channels, out * recipe.width, 1, 1})});
  }
  builder.output(x, kFloat, dims);
  return builder.finish();
}

ir::Model make_rnn(const Recipe& recipe) {
  ir::Builder builder("rnn");
  const int64_t features = recipe.size;
  LstmStack stack(builder, "layer", recipe.width, features);
  for (int step = 0; builder.num_ops() < recipe.ops; ++step) {
    const Str x = builder.input(fmt::format("x{}", step), kFloat, {kRows, features});
    builder.output(stack.step(x, step), kFloat, {kRows, features});
  }
  return builder.finish();
}

ir::Model make_nmt(const Recipe& recipe) {
  constexpr uint32_t kOpsOfCell = 14, kOpsOfAttention = 10;
  ir::Builder builder("nmt");
  const int64_t features = recipe.size, words = kWords * features;
  const int64_t steps = std::max<int64_t>(1, recipe.ops / (2 * kOpsOfCell * recipe.width + kOpsOfAttention));
  LstmStack encoder(builder, "encoder", recipe.width, features);
  std::vector<Str> outputs;
  for (int64_t step = 0; step < steps; ++step) {
    const Str x = builder.input(fmt::format("source{}", step), kFloat, {kRows, features});
    outputs.push_back(builder.add("Unsqueeze", {encoder.step(x, step), builder.ints({1})}));
  }
  builder.set_scope("attention");
  const Str memory = builder.add("Concat", outputs, ir::attributes(ir::int_attribute("axis", 1)));
  const Str mix = builder.weight({2 * features, features}), project = builder.weight({features, words});
  LstmStack decoder(builder, "decoder", recipe.width, features, &encoder);
  for (int64_t step = 0; step < steps; ++step) {
    const Str x = builder.input(fmt::format("target{}", step), kFloat, {kRows, features});
    const Str h = decoder.step(x, step);
    builder.set_scope(fmt::format("attention/step{}", step));
    const Str mixed = attended(builder, h, memory, mix);
    builder.set_scope(fmt::format("words/step{}", step));
    builder.output(builder.add("Softmax", {builder.add("MatMul", {mixed, project})}), kFloat, {kRows, words});
  }
  return builder.finish();
}

ir::Model make_matmul_chain(const Recipe& recipe) {
  ir::Builder builder("matmul");
  const std::vector<int64_t> dims{recipe.size, recipe.size};
  const uint32_t width = recipe.width;
  std::vector<Str> blocks;
  for (uint32_t i = 0; i < width * width; ++i) blocks.push_back(builder.input(fmt::format("x{}", i), kFloat, dims));
  for (int i = 0; builder.num_ops() < recipe.ops; ++i) {
    builder.set_scope(fmt::format("product{}", i));
    std::vector<Str> factors(width * width), next(width * width);
    for (Str& factor : factors) factor = builder.weight(dims);
    for (uint32_t row = 0; row < width; ++row)
      for (uint32_t column = 0; column < width; ++column) {
        std::vector<Str> terms;
        for (uint32_t k = 0; k < width; ++k)
          terms.push_back(builder.add("MatMul", {blocks[row * width + k], factors[k * width + column]}));
        next[row * width + column] = width == 1 ? terms[0] : builder.add("Sum", terms);
      }
    blocks = std::move(next);
  }
  for (const Str block : blocks) builder.output(block, kFloat, dims);
  return builder.finish();
}

}  // namespace allot::graph
