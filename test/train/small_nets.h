// SPDX-License-Identifier: Apache-2.0
// Small networks as models made in memory, with weights drawn by a seed.
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "ir/builder.h"

namespace allot::test {

/// A builder of nodes, and of weights drawn from a normal distribution.
class NetBuilder : public ir::Builder {
 public:
  explicit NetBuilder(uint64_t seed) : Builder("net"), rng_(seed) {}

  ir::Str weight(const std::string& name, std::vector<int64_t> dims, double deviation, double mean = 0) {
    size_t count = 1;
    for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
    std::string bytes(count * sizeof(float), '\0');
    for (size_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(mean + deviation * rng_.normal());
      std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
    }
    return initializer(name, ir::DataType::float32, std::move(dims), std::move(bytes));
  }

 private:
  base::Rng rng_;
};

/// x [batch, sizes[0]] -> Gemm, Tanh, ..., Gemm -> Softmax; weights "w0", "b0", "w1", ...
inline ir::Model mlp(const std::vector<int64_t>& sizes, uint64_t seed = 1) {
  NetBuilder net(seed);
  ir::Str value = net.input("x", ir::DataType::float32, {-1, sizes[0]});
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const ir::Str w =
        net.weight("w" + std::to_string(i), {sizes[i], sizes[i + 1]}, 1 / std::sqrt(static_cast<double>(sizes[i])));
    value = net.add("Gemm", {value, w, net.weight("b" + std::to_string(i), {sizes[i + 1]}, 0.1)});
    if (i + 2 < sizes.size()) value = net.add("Tanh", {value});
  }
  net.output(net.add("Softmax", {value}), ir::DataType::float32, {-1, sizes.back()});
  return net.finish();
}

/// x [batch, 2, 4, 4], the batch fixed -> Conv, BatchNormalization, Relu, Dropout, Reshape, Gemm: logits [batch, 3].
inline ir::Model conv_net(int64_t batch, uint64_t seed = 1) {
  NetBuilder net(seed);
  const ir::Str x = net.input("x", ir::DataType::float32, {batch, 2, 4, 4});
  const ir::Str conv = net.add("Conv", {x, net.weight("conv.w", {4, 2, 3, 3}, 0.3)});
  const ir::Str norm =
      net.add("BatchNormalization", {conv, net.weight("bn.scale", {4}, 0.1, 1), net.weight("bn.bias", {4}, 0.1),
                                     net.weight("bn.mean", {4}, 0.1), net.weight("bn.var", {4}, 0.1, 1)});
  const ir::Str dropped = net.add("Dropout", {net.add("Relu", {norm}), net.number(0.5f)});
  const ir::Str flat = net.add("Reshape", {dropped, net.ints({batch, 16})});
  const ir::Str logits = net.add("Gemm", {flat, net.weight("head.w", {16, 3}, 0.3), net.weight("head.b", {3}, 0.1)});
  net.output(logits, ir::DataType::float32, {batch, 3});
  return net.finish();
}

}  // namespace allot::test
