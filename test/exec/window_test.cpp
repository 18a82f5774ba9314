// SPDX-License-Identifier: Apache-2.0
// Convolutions and pools where ONNX's suite is silent: uneven margins, indices, odd sizes, bad input.
#include <ATen/ops/arange.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "exec/one_node.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using ir::attributes;
using ir::ints_attribute;
using test::error_of;
using test::OneNode;
using test::string_attribute;

namespace {

// Numbers that do not repeat, of any shape.
at::Tensor wave(at::IntArrayRef dims, at::ScalarType type = at::kFloat) {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return (at::arange(n, at::kDouble) * 0.7 + 0.1).sin().reshape(dims).to(type);
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& w, at::IntArrayRef strides) {
  return at::convolution(x, w, {}, strides, {0}, {1}, false, {0}, 1);
}

}  // namespace

TEST_CASE("Conv with uneven margins is a convolution of the padded input") {
  const at::Tensor x = wave({2, 3, 6, 5}), w = wave({4, 3, 3, 2});
  OneNode conv{"Conv", 11, attributes(ints_attribute("pads", {2, 0, 1, 3})), 1, {}};
  CHECK(test::close(conv({x, w})[0], convolve(at::constant_pad_nd(x, {0, 3, 2, 1}), w, {1, 1})));
  OneNode lower{
      "Conv", 11, attributes(string_attribute("auto_pad", "SAME_LOWER"), ints_attribute("strides", {2, 2})), 1, {}};
  CHECK(test::close(lower({x, wave({4, 3, 2, 2})})[0],
                    convolve(at::constant_pad_nd(x, {1, 0, 0, 0}), wave({4, 3, 2, 2}), {2, 2})));
}

TEST_CASE("AveragePool over three axes takes windows that only fit with their margins") {
  const at::Tensor x = wave({2, 3, 1, 1, 1});
  OneNode pool{"AveragePool",
               20,
               attributes(ints_attribute("kernel_shape", {1, 1, 2}), ints_attribute("pads", {0, 0, 1, 0, 0, 1})),
               1,
               {}};
  CHECK(test::close(pool({x})[0], x.expand({2, 3, 1, 1, 2})));
  pool.attributes.push_back(ir::int_attribute("count_include_pad", 1));
  CHECK(test::close(pool({x})[0], x.expand({2, 3, 1, 1, 2}) / 2));
}

TEST_CASE("ConvTranspose cuts uneven margins and gives an asked-for shape") {
  const at::Tensor x = wave({1, 2, 4, 4}), w = wave({2, 3, 3, 3}), bias = wave({3});
  const at::Tensor whole = at::convolution(x, w, bias, {2, 2}, {0}, {1}, true, {0}, 1);
  OneNode uneven{
      "ConvTranspose", 11, attributes(ints_attribute("strides", {2, 2}), ints_attribute("pads", {1, 0, 0, 2})), 1, {}};
  CHECK(test::close(uneven({x, w, bias})[0], whole.slice(2, 1).slice(3, 0, 7)));
  OneNode shaped{"ConvTranspose",
                 11,
                 attributes(ints_attribute("strides", {2, 2}), ints_attribute("output_shape", {8, 8})),
                 1,
                 {}};
  CHECK(test::close(shaped({x, w, bias})[0], whole.slice(2, 1).slice(3, 1)));
  // A shape larger than what windows reach is filled with the bias.
  OneNode large{"ConvTranspose",
                11,
                attributes(ints_attribute("strides", {2, 2}), ints_attribute("output_shape", {9, 11})),
                1,
                {}};
  const at::Tensor y = large({x, w, bias})[0].tensor();
  CHECK(test::close(y.slice(3, 0, 9).contiguous(), whole));
  CHECK(test::close(y.slice(3, 9).contiguous(), bias.reshape({1, 3, 1, 1}).expand({1, 3, 9, 2}).contiguous()));
}

TEST_CASE("MaxPool counts indices over the whole input, in either order, without its margins") {
  const at::Tensor x = wave({2, 3, 5, 4});
  const auto indices_of = [&](int64_t order) {
    OneNode pool{"MaxPool",
                 12,
                 attributes(ints_attribute("kernel_shape", {3, 2}), ints_attribute("strides", {2, 1}),
                            ints_attribute("pads", {2, 1, 0, 0}), ir::int_attribute("storage_order", order)),
                 2,
                 {}};
    return pool({x});
  };
  const auto rows = indices_of(0), columns = indices_of(1);
  const at::Tensor at_rows = x.flatten().take(rows[1].tensor());
  CHECK(test::close(rows[0], at_rows));
  CHECK(test::close(rows[0], x.transpose(2, 3).contiguous().flatten().take(columns[1].tensor())));
  CHECK(test::close(columns[0], at_rows));
}

TEST_CASE("MaxPool of integers keeps their type") {
  const at::Tensor x = at::arange(16, at::kLong).to(at::kChar).reshape({1, 1, 4, 4}) - 8;
  OneNode pool{"MaxPool",
               12,
               attributes(ints_attribute("kernel_shape", {2, 2}), ints_attribute("strides", {2, 2}),
                          ints_attribute("pads", {1, 1, 1, 1})),
               1,
               {}};
  const auto y = pool({x})[0].tensor();
  CHECK(y.scalar_type() == at::kChar);
  CHECK(y.flatten()[0].item<int>() == -8);
  CHECK(y.flatten()[8].item<int>() == 7);
}

TEST_CASE("AveragePool with uneven margins counts them or not") {
  const at::Tensor x = wave({1, 2, 5, 5}), ones = at::ones({1, 1, 5, 5});
  const auto padded = [](const at::Tensor& t) { return at::constant_pad_nd(t, {0, 1, 0, 1}); };
  const auto pool = [&](int64_t counts) {
    OneNode node{"AveragePool",
                 11,
                 attributes(ints_attribute("kernel_shape", {2, 2}), ints_attribute("pads", {0, 0, 1, 1}),
                            ir::int_attribute("count_include_pad", counts)),
                 1,
                 {}};
    return node({x})[0];
  };
  const at::Tensor counted = at::avg_pool2d(padded(x), {2, 2}, {1, 1});
  CHECK(test::close(pool(1), counted));
  CHECK(test::close(pool(0), counted / at::avg_pool2d(padded(ones), {2, 2}, {1, 1})));
}

TEST_CASE("LpPool of the first version takes a fraction as its order") {
  OneNode pool{"LpPool", 1, attributes(ints_attribute("kernel_shape", {2}), ir::float_attribute("p", 1)), 1, {}};
  CHECK(test::close(pool({test::floats({1, -2, 3}, {1, 1, 3})})[0], test::floats({3, 5}, {1, 1, 2})));
}

TEST_CASE("A deformable convolution without offsets is a convolution") {
  const at::Tensor x = wave({2, 4, 5, 6}), w = wave({6, 2, 3, 3}), bias = wave({6});
  OneNode deform{"DeformConv",
                 19,
                 attributes(ir::int_attribute("group", 2), ir::int_attribute("offset_group", 2),
                            ints_attribute("pads", {1, 1, 1, 1}), ints_attribute("strides", {2, 1})),
                 1,
                 {}};
  const auto y = deform({x, w, at::zeros({2, 2 * 9 * 2, 3, 6}), bias});
  CHECK(test::close(y[0], at::convolution(x, w, bias, {2, 1}, {1, 1}, {1}, false, {0}, 2)));
  OneNode volume{"DeformConv", 19, {}, 1, {}};
  const at::Tensor v = wave({1, 1, 3, 3, 3}), k = wave({1, 1, 2, 2, 2});
  CHECK(test::close(volume({v, k, at::zeros({1, 24, 2, 2, 2})})[0],
                    at::convolution(v, k, {}, {1}, {0}, {1}, false, {0}, 1)));
}

TEST_CASE("Windows that cannot be are errors that say so") {
  const at::Tensor x = wave({1, 1, 4, 4}), w = wave({1, 1, 3, 3});
  CHECK(error_of({"Conv", 11, attributes(ints_attribute("strides", {0, 1})), 1, {}}, {x, w}) ==
        "65 attribute 'strides' holds 0");
  CHECK(error_of({"Conv", 11, attributes(ints_attribute("strides", {1})), 1, {}}, {x.squeeze(0).squeeze(0), w}) != "");
  CHECK(error_of({"Conv", 11, attributes(ir::int_attribute("group", 0)), 1, {}}, {x, w}) ==
        "65 attribute 'group' is 0");
  CHECK(error_of({"Conv", 11, attributes(ints_attribute("kernel_shape", {2, 2})), 1, {}}, {x, w}) ==
        "65 kernel_shape is not that of the weights, float32[1,1,3,3]");
  CHECK(error_of({"MaxPool", 12, attributes(ints_attribute("kernel_shape", {9, 9})), 1, {}}, {x}) ==
        "65 a window of 9 does not fit into 4 with its margins");
  CHECK(
      error_of(
          {"MaxPool", 12, attributes(ints_attribute("kernel_shape", {2, 2}), ints_attribute("pads", {1, 1, 1})), 1, {}},
          {x}) == "65 attribute 'pads' holds an odd number of pads, 3");
  CHECK(error_of({"AveragePool", 12, attributes(ints_attribute("kernel_shape", {2, 2})), 1, {}}, {x.squeeze(0)}) ==
        "65 a kernel of 2 axes meets 1 spatial axes");
  CHECK(error_of({"GlobalAveragePool", 12, {}, 1, {}}, {test::floats({1}, {})}) ==
        "65 the input must have batch, channels and spatial axes, but has rank 0");
  CHECK(error_of({"MaxUnpool", 11, attributes(ints_attribute("kernel_shape", {2})), 1, {}},
                 {test::floats({1}, {1, 1, 1}), at::full({1, 1, 1}, 99, at::kLong)}) != "");
}
