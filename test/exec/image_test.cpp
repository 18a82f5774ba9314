// SPDX-License-Identifier: Apache-2.0
#include "exec/one_node.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/ops/resample.h"

using namespace allot;
using at::Tensor;
using exec::Value;
using test::OneNode;

namespace {

Tensor some(const std::vector<int64_t>& dims, double phase, at::ScalarType type = at::kDouble) {
  int64_t count = 1;
  for (const int64_t d : dims) count *= d;
  return at::cos(at::arange(count, at::kDouble) * 1.3 + phase).reshape(dims).to(type);
}

Value integers(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

std::vector<ir::Attribute> resize(ir::Str mode, ir::Str coordinates) {
  return ir::attributes(test::string_attribute("mode", mode),
                        test::string_attribute("coordinate_transformation_mode", coordinates));
}

// Along both axes by the general way, which the fused kernels must agree with.
Tensor by_axes(const Tensor& x, exec::Resampling resampling, int64_t rows, int64_t columns) {
  const auto axis = [&](int64_t d, int64_t size) {
    return exec::ResampledAxis{d, x.size(d), size, static_cast<double>(size) / static_cast<double>(x.size(d)), 0, 1};
  };
  return exec::resample(exec::resample(x, resampling, axis(2, rows)), resampling, axis(3, columns));
}

}  // namespace

TEST_CASE("Resize agrees with itself whether torch has a kernel or not", "[image]") {
  const Tensor x = some({2, 3, 7, 9}, 0);
  using exec::Coordinates, exec::Interpolation;
  const std::vector<std::pair<ir::Str, Coordinates>> ways = {{"half_pixel", Coordinates::half_pixel},
                                                             {"align_corners", Coordinates::align_corners},
                                                             {"pytorch_half_pixel", Coordinates::pytorch_half_pixel}};
  for (const auto& [name, coordinates] : ways)
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{14, 27}, {3, 4}}) {
      exec::Resampling linear;
      linear.coordinates = coordinates;
      linear.interpolation = Interpolation::linear;
      OneNode node{"Resize", 19, resize("linear", name)};
      CHECK(
          test::close(node({x, {}, {}, integers({2, 3, rows, columns})})[0], by_axes(x, linear, rows, columns), 1e-9));
      exec::Resampling cubic = linear;
      cubic.interpolation = Interpolation::cubic;
      OneNode other{"Resize", 19, resize("cubic", name)};
      CHECK(
          test::close(other({x, {}, {}, integers({2, 3, rows, columns})})[0], by_axes(x, cubic, rows, columns), 1e-9));
    }
}

TEST_CASE("three axes are resized as torch does", "[image]") {
  const Tensor x = some({1, 2, 3, 4, 5}, 0);
  OneNode node{"Resize", 13, resize("linear", "half_pixel")};
  const auto y = node({x, {}, {}, integers({1, 2, 6, 5, 3})});
  CHECK(test::close(y[0], at::upsample_trilinear3d(x, {6, 5, 3}, false), 1e-9));
}

TEST_CASE("Resize of old opsets, of integers and to nothing", "[image]") {
  const Tensor x = at::arange(4, at::kFloat).reshape({1, 1, 2, 2});
  const Tensor scales = test::floats({1, 1, 1, 2}, {4});
  const Tensor wanted = test::floats({0, 0, 1, 1, 2, 2, 3, 3}, {1, 1, 2, 4});
  CHECK(test::close(OneNode{"Resize", 10, {}}({x, scales})[0], wanted));
  CHECK(test::close(OneNode{"Upsample", 9, {}}({x, scales})[0], wanted));
  auto attributes = ir::attributes(ir::float_attribute("height_scale", 1), ir::float_attribute("width_scale", 2));
  CHECK(test::close(OneNode{"Upsample", 1, std::move(attributes)}({x, scales})[0], wanted));
  const Tensor bytes = at::tensor({0, 255}, at::kByte).reshape({1, 1, 1, 2});
  const auto y = OneNode{"Resize", 19, resize("linear", "align_corners")}({bytes, {}, {}, integers({1, 1, 1, 4})});
  CHECK(at::equal(y[0].tensor(), at::tensor({0, 85, 170, 255}, at::kByte).reshape({1, 1, 1, 4})));
  CHECK(OneNode{"Resize", 19, {}}({x, {}, {}, integers({1, 1, 0, 2})})[0].dims() == std::vector<int64_t>{1, 1, 0, 2});
}

TEST_CASE("Resize refuses sizes that make no sense", "[image]") {
  const Tensor x = some({1, 1, 2, 2}, 0);
  const auto message = Catch::Matchers::Contains("Resize");
  CHECK_THROWS_WITH((OneNode{"Resize", 19, {}}({x, {}, test::floats({1, 1, -1, 1}, {4})})), message);
  CHECK_THROWS_WITH((OneNode{"Resize", 19, {}}({x, {}, test::floats({1, 1, 1}, {3})})), message);
  CHECK_THROWS_WITH((OneNode{"Resize", 19, {}}({x, {}, test::floats({1, 1, 1, 1e30}, {4})})), message);
  CHECK_THROWS_WITH((OneNode{"Resize", 19, {}}({x, {}, {}, integers({1, 1, int64_t{1} << 62, 2})})), message);
  CHECK_THROWS_WITH(
      (OneNode{"Resize", 19, ir::attributes(ir::ints_attribute("axes", {9}))}({x, {}, {}, integers({3})})), message);
  CHECK_THROWS_WITH((OneNode{"Resize", 19, resize("quintic", "half_pixel")}({x, {}, {}, integers({1, 1, 2, 2})})),
                    Catch::Matchers::Contains("quintic"));
}

TEST_CASE("grids of any dimension are sampled like torch's two", "[image]") {
  // A 2-D image as a 3-D one of depth 1 whose depth is always hit in its middle: cubic has no kernel there.
  const Tensor x = some({2, 3, 5, 6}, 0), grid = some({2, 4, 4, 2}, 1) * 1.2;
  const Tensor deep = x.unsqueeze(2), places = at::cat({grid, at::zeros({2, 4, 4, 1}, at::kDouble)}, 3).unsqueeze(1);
  for (const auto& [name, padding] : {std::pair<ir::Str, int64_t>{"border", 1}, {"reflection", 2}})
    for (const int64_t corners : {0, 1}) {
      OneNode node{"GridSample", 20,
                   ir::attributes(test::string_attribute("mode", "cubic"), test::string_attribute("padding_mode", name),
                                  ir::int_attribute("align_corners", corners))};
      const Tensor wanted = at::grid_sampler(x, grid, 2, padding, corners != 0);
      CHECK(test::close(node({deep, places})[0], wanted.unsqueeze(2), 1e-9));
    }
  // One dimension: half way between 1 and 3, the last, and outside.
  OneNode line{"GridSample", 20, ir::attributes(ir::int_attribute("align_corners", 1))};
  const auto y = line({test::floats({1, 3, 7}, {1, 1, 3}), test::floats({-0.5, 1, 4}, {1, 3, 1})});
  CHECK(test::close(y[0], test::floats({2, 7, 0}, {1, 1, 3})));
  OneNode wrong{"GridSample", 16, {}};
  CHECK_THROWS_WITH(wrong({x, places}), Catch::Matchers::Contains("does not fit"));
}

TEST_CASE("regions of images", "[image]") {
  const Tensor x = at::arange(16, at::kFloat).reshape({1, 1, 4, 4});
  OneNode pool{"MaxRoiPool", 1, ir::attributes(ir::ints_attribute("pooled_shape", {2, 2}))};
  const auto largest = pool({x, test::floats({0, 0, 0, 2, 2, 0, 9, 9, 9, 9}, {2, 5})});
  CHECK(test::close(largest[0], test::floats({5, 6, 9, 10, 0, 0, 0, 0}, {2, 1, 2, 2})));
  // The mean of a plane over a region is its value in the region's middle.
  OneNode align{"RoiAlign", 16, ir::attributes(ir::int_attribute("output_height", 1))};
  const auto mean = align({x, test::floats({1, 1, 3, 3}, {1, 4}), integers({0})});
  CHECK(test::close(mean[0], test::floats({4 * 1.5 + 1.5}, {1, 1, 1, 1})));
  OneNode vast{"RoiAlign", 16, {}};
  CHECK_THROWS_WITH(vast({x, test::floats({0, 0, 1e12, 1}, {1, 4}), integers({0})}),
                    Catch::Matchers::Contains("too many samples"));
  OneNode absent{"RoiAlign", 16, {}};
  CHECK_THROWS_WITH(absent({x, test::floats({0, 0, 1, 1}, {1, 4}), integers({3})}),
                    Catch::Matchers::Contains("RoiAlign"));
}

TEST_CASE("boxes that are no numbers are never chosen", "[image]") {
  const Tensor boxes = test::floats({0, 0, 1, 1, 0, 0, 1, 1.1, 5, 5, 6, 6}, {1, 3, 4});
  OneNode node{"NonMaxSuppression", 11, {}};
  const auto chosen = node({boxes, test::floats({0.9, NAN, 0.8}, {1, 1, 3}), integers({3}), test::floats({0.5}, {1})});
  CHECK(at::equal(chosen[0].tensor(), at::tensor({0, 0, 0, 0, 0, 2}, at::kLong).reshape({2, 3})));
  OneNode none{"NonMaxSuppression", 11, {}};
  CHECK(none({boxes, test::floats({1, 1, 1}, {1, 1, 3})})[0].dims() == std::vector<int64_t>{0, 3});
}
