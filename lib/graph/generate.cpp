// SPDX-License-Identifier: Apache-2.0
#include "graph/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "base/error.h"
#include "base/rng.h"

namespace allot::graph {
namespace {

constexpr uint32_t kLayeredStream = 0x6C617972, kRandomStream = 0x72616E64, kGiphStream = 0x67697068,
                   kForkStream = 0x666F726B, kChainStream = 0x63686169, kStarStream = 0x73746172;
constexpr int64_t kMinBytes = 1 << 10, kMaxBytes = 4 << 20;

int64_t draw_bytes(base::Rng& rng, int64_t least = kMinBytes, int64_t most = kMaxBytes) {
  return std::llround(least *
                      std::exp(std::log(static_cast<double>(most) / static_cast<double>(least)) * rng.uniform()));
}

bool draw_heavy(base::Rng& rng) { return rng.uniform() < 0.3; }

/// Appends ops in topological order; every op makes one tensor.
class Builder {
 public:
  explicit Builder(std::vector<std::string> type_names) { graph_.type_names = std::move(type_names); }

  TensorId add_input(int64_t bytes) {
    ALLOT_ASSERT(graph_.num_ops() == 0);
    return add_tensor(kNone, "input_" + std::to_string(graph_.num_tensors()), bytes);
  }
  ParamId add_param(int64_t bytes) {
    graph_.param_names.push_back("param_" + std::to_string(graph_.num_params()));
    graph_.param_bytes.push_back(bytes);
    return graph_.num_params() - 1;
  }
  TensorId add_op(uint16_t type, std::vector<TensorId> inputs, int64_t bytes, const std::vector<ParamId>& params = {}) {
    const OpId op = graph_.num_ops();
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    graph_.inputs.add_row(inputs);
    graph_.params.add_row(params);
    const TensorId tensor = add_tensor(op, "t_" + std::to_string(op), bytes);
    graph_.outputs.push(tensor);
    graph_.outputs.end_row();
    graph_.type.push_back(type);
    graph_.node.push_back(op);
    graph_.op_names.push_back("op_" + std::to_string(op));
    return tensor;
  }
  /// An op of type 1 with a parameter, or of type 0 without.
  TensorId add_random_op(std::vector<TensorId> inputs, base::Rng& rng) {
    const bool heavy = draw_heavy(rng);
    const int64_t bytes = draw_bytes(rng);
    return add_op(heavy, std::move(inputs), bytes,
                  heavy ? std::vector{add_param(draw_bytes(rng))} : std::vector<ParamId>{});
  }
  uint32_t num_ops() const { return graph_.num_ops(); }
  /// What nobody reads is an output of the graph.
  OpGraph finish() {
    derive_neighbours(graph_);
    graph_.is_output.assign(graph_.num_tensors(), 0);
    for (TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor)
      graph_.is_output[tensor] = graph_.producer[tensor] != kNone && graph_.consumers[tensor].empty();
    std::vector<uint32_t> each_alone(graph_.num_ops());
    std::iota(each_alone.begin(), each_alone.end(), 0u);
    set_units(graph_, each_alone);
    shrink_to_fit(graph_);
    return std::move(graph_);
  }

 private:
  TensorId add_tensor(OpId producer, std::string name, int64_t bytes) {
    graph_.producer.push_back(producer);
    graph_.tensor_names.push_back(std::move(name));
    graph_.tensor_bytes.push_back(bytes);
    return graph_.num_tensors() - 1;
  }
  OpGraph graph_;
};

}  // namespace

OpGraph layered(const LayeredOptions& options) {
  ALLOT_ASSERT(options.width > 0 && options.min_bytes > 0 && options.max_bytes >= options.min_bytes);
  base::Rng rng(options.seed, kLayeredStream);
  const auto bytes = [&] { return draw_bytes(rng, options.min_bytes, options.max_bytes); };
  // A skip of any length, short ones more often: log-uniform.
  const auto draw_skip = [&](TensorId most) {
    return std::min(most, static_cast<TensorId>(std::exp(std::log(most + 1.0) * rng.uniform())));
  };

  Builder builder({"Add", "MatMul"});
  const TensorId inputs = 1 + rng.below(2);
  for (TensorId input = 0; input < inputs; ++input) builder.add_input(bytes());
  // [layer_begin, next) are the tensors of the layer before the one being filled.
  TensorId before = 0, layer = inputs, next = inputs;
  uint32_t left_in_layer = 0;
  for (OpId op = 0; op < options.ops; ++op, ++next, --left_in_layer) {
    if (left_in_layer == 0) {
      if (op > 0) before = layer, layer = next;
      left_in_layer = options.width / 2 + 1 + rng.below(options.width);
    }
    std::vector<TensorId> reads(1 + rng.below(3));
    for (TensorId& read : reads)
      read = rng.uniform() < 0.8 ? before + rng.below(layer - before) : layer - draw_skip(layer);
    const bool heavy = rng.uniform() < options.heavy;
    builder.add_op(heavy, std::move(reads), bytes(),
                   heavy ? std::vector{builder.add_param(bytes())} : std::vector<ParamId>{});
  }
  return builder.finish();
}

OpGraph random_dag(uint32_t ops, uint32_t window, uint64_t seed) {
  ALLOT_ASSERT(window > 0);
  base::Rng rng(seed, kRandomStream);
  Builder builder({"Add", "MatMul"});
  TensorId next = builder.add_input(draw_bytes(rng)) + 1;
  for (uint32_t op = 0; op < ops; ++op, ++next) {
    std::vector<TensorId> reads;
    // Knuth's Poisson(1): how many uniform factors keep the product above 1/e.
    for (double left = 1; left > std::exp(-1.0); left *= rng.uniform())
      reads.push_back(next - 1 - rng.below(std::min(window, next)));
    builder.add_random_op(std::move(reads), rng);
  }
  return builder.finish();
}

OpGraph giph(uint32_t ops, double shape, double probability, uint64_t seed) {
  ALLOT_ASSERT(shape > 0 && probability >= 0 && probability <= 1);
  base::Rng rng(seed, kGiphStream);
  Builder builder({"Add", "MatMul"});
  std::vector<TensorId> before{builder.add_input(draw_bytes(rng))}, level;
  const double mean_width = std::max(1.0, shape * std::sqrt(static_cast<double>(ops)));
  while (builder.num_ops() < ops) {
    const auto width = 1 + rng.below(std::max(1u, static_cast<uint32_t>(2 * mean_width - 1)));
    level.clear();
    for (uint32_t i = 0; i < width && builder.num_ops() < ops; ++i) {
      std::vector<TensorId> reads{before[rng.below(static_cast<uint32_t>(before.size()))]};
      for (const TensorId tensor : before)
        if (rng.uniform() < probability) reads.push_back(tensor);
      level.push_back(builder.add_random_op(std::move(reads), rng));
    }
    before.swap(level);
  }
  return builder.finish();
}

OpGraph fork_join(uint32_t ops, uint32_t width, uint64_t seed) {
  ALLOT_ASSERT(width > 1);
  base::Rng rng(seed, kForkStream);
  Builder builder({"Add", "MatMul"});
  TensorId fork = builder.add_input(draw_bytes(rng));
  while (builder.num_ops() < ops) {
    std::vector<TensorId> ends(2 + rng.below(width - 1), fork);
    for (TensorId& end : ends) {
      const uint32_t length = 1 + rng.below(8);
      for (uint32_t i = 0; i < length && builder.num_ops() + 1 < ops; ++i) end = builder.add_random_op({end}, rng);
    }
    fork = builder.add_op(0, std::move(ends), draw_bytes(rng));
  }
  return builder.finish();
}

OpGraph chain(uint32_t ops, uint64_t seed) {
  base::Rng rng(seed, kChainStream);
  Builder builder({"Add", "MatMul"});
  TensorId last = builder.add_input(draw_bytes(rng));
  for (uint32_t op = 0; op < ops; ++op) last = builder.add_random_op({last}, rng);
  return builder.finish();
}

OpGraph star(uint32_t ops, uint64_t seed) {
  ALLOT_ASSERT(ops >= 3);
  base::Rng rng(seed, kStarStream);
  Builder builder({"Add", "MatMul"});
  const TensorId hub = builder.add_random_op({builder.add_input(draw_bytes(rng))}, rng);
  std::vector<TensorId> spokes;
  for (uint32_t op = 2; op < ops; ++op) spokes.push_back(builder.add_random_op({hub}, rng));
  builder.add_random_op(std::move(spokes), rng);
  return builder.finish();
}

OpGraph branches(uint32_t blocks, uint32_t branches, uint32_t length, int64_t bytes) {
  Builder builder({"Concat", "Conv", "Split"});
  TensorId joined = builder.add_input(bytes);
  for (uint32_t block = 0; block < blocks; ++block) {
    const TensorId split = builder.add_op(2, {joined}, bytes);
    std::vector<TensorId> ends(branches, split);
    for (TensorId& end : ends)
      for (uint32_t i = 0; i < length; ++i) end = builder.add_op(1, {end}, bytes, {builder.add_param(bytes)});
    joined = builder.add_op(0, std::move(ends), bytes);
  }
  return builder.finish();
}

OpGraph grid(uint32_t layers, uint32_t steps, int64_t bytes) {
  Builder builder({"LSTMCell"});
  std::vector<TensorId> below(steps);
  for (TensorId& input : below) input = builder.add_input(bytes);
  for (uint32_t layer = 0; layer < layers; ++layer) {
    const ParamId weights = builder.add_param(bytes);  // shared by the steps of a layer
    for (uint32_t step = 0; step < steps; ++step) {
      std::vector<TensorId> reads{below[step]};
      if (step > 0) reads.push_back(below[step - 1]);
      below[step] = builder.add_op(0, std::move(reads), bytes, {weights});
    }
  }
  return builder.finish();
}

}  // namespace allot::graph
