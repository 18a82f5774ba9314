// SPDX-License-Identifier: Apache-2.0
// Moving, cutting, indexing and making tensors: shapes and contents.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "shape/one_node.h"

using namespace allot;
using namespace allot::test;
using ir::DataType;
using shape::Trust;
using Content = std::vector<double>;

TEST_CASE("Reshape resolves 0 and -1") {
  CHECK(OneNode("Reshape", {t({2, 3, 4}), ints({0, -1})}).dims() == Dims{2, 12});
  CHECK(OneNode("Reshape", {t({2, 3, 4}), ints({4, 3, 2})}).dims() == Dims{4, 3, 2});
  CHECK(OneNode("Reshape", {t({0, 3}), ints({0, 5})}, {attr("allowzero", 1)}).dims() == Dims{0, 5});
  CHECK(OneNode("Reshape", {t({0, 3}), ints({0, -1})}).dims() == Dims{0, 0});
  CHECK(OneNode("Reshape", {t({2, 3}), t({1}, DataType::int64)}).dims() == Dims{6});  // one number: flat
  CHECK(OneNode("Reshape", {t({2, 3}), t({2}, DataType::int64)}).trust() == Trust::unknown);
  CHECK_THROWS_WITH(OneNode("Reshape", {t({2, 3}), ints({4, 2})}),
                    Catch::Contains("6 elements of [2,3] do not fill [4,2]"));
  CHECK_THROWS_AS(OneNode("Reshape", {t({2, 3}), ints({4, -1})}), base::Error);
  CHECK_THROWS_AS(OneNode("Reshape", {t({2, 3}), ints({-1, -1})}), base::Error);
  CHECK_THROWS_AS(OneNode("Reshape", {t({2, 3}), ints({1, 1, 0})}), base::Error);
}

TEST_CASE("dimensions come and go") {
  CHECK(OneNode("Squeeze", {t({1, 3, 1})}).dims() == Dims{3});
  CHECK(OneNode("Squeeze", {t({1, 3, 1}), ints({-1})}).dims() == Dims{1, 3});
  CHECK(OneNode("Squeeze", {t({1, 3, 1})}, {attr("axes", {0})}, 11).dims() == Dims{3, 1});
  CHECK(OneNode("Unsqueeze", {t({3}), ints({0, -1})}).dims() == Dims{1, 3, 1});
  CHECK(OneNode("Unsqueeze", {t({3})}, {attr("axes", {1})}, 11).dims() == Dims{3, 1});
  CHECK(OneNode("Flatten", {t({2, 3, 4})}, {attr("axis", 2)}).dims() == Dims{6, 4});
  CHECK(OneNode("Flatten", {t({2, 3, 4})}, {attr("axis", 0)}).dims() == Dims{1, 24});
  CHECK(OneNode("Flatten", {t({2, 3, 4})}, {attr("axis", -1)}).dims() == Dims{6, 4});
  CHECK(OneNode("Transpose", {t({2, 3, 4})}).dims() == Dims{4, 3, 2});
  CHECK(OneNode("Transpose", {t({2, 3, 4})}, {attr("perm", {1, 2, 0})}).dims() == Dims{3, 4, 2});
  CHECK_THROWS_WITH(OneNode("Squeeze", {t({2, 3}), ints({0})}), Catch::Contains("dimension 0 of [2,3] is not 1"));
  CHECK_THROWS_AS(OneNode("Unsqueeze", {t({3}), ints({1, 1})}), base::Error);
  CHECK_THROWS_AS(OneNode("Transpose", {t({2, 3})}, {attr("perm", {0, 0})}), base::Error);
  CHECK_THROWS_AS(OneNode("Transpose", {t({2, 3})}, {attr("perm", {0, 2, 1})}), base::Error);
}

TEST_CASE("shapes as values") {
  CHECK(OneNode("Shape", {t({2, 3, 4})}).content() == Content{2, 3, 4});
  CHECK(OneNode("Shape", {t({2, 3, 4})}, {attr("start", 1)}).content() == Content{3, 4});
  CHECK(OneNode("Shape", {t({2, 3, 4})}, {attr("start", -2), attr("end", -1)}).content() == Content{3});
  CHECK(OneNode("Shape", {t({2, 3, 4})}, {attr("start", 2), attr("end", 1)}).dims() == Dims{0});
  CHECK(OneNode("Size", {t({2, 3, 4})}).content() == Content{24});
  CHECK_FALSE(OneNode("Shape", {t({2, 3})}).constant());  // known here, computed at run time
  CHECK(OneNode("Shape", {ints({2, 3})}).constant());
}

TEST_CASE("Expand, Tile, blocks") {
  CHECK(OneNode("Expand", {t({3, 1}), ints({2, 1, 6})}).dims() == Dims{2, 3, 6});
  CHECK(OneNode("Expand", {ints({7}), ints({3})}).content() == Content{7, 7, 7});
  CHECK(OneNode("Tile", {ints({1, 2}), ints({2})}).content() == Content{1, 2, 1, 2});
  CHECK(OneNode("Tile", {t({2, 3}), ints({2, 0})}).dims() == Dims{4, 0});
  CHECK(OneNode("DepthToSpace", {t({1, 8, 2, 3})}, {attr("blocksize", 2)}).dims() == Dims{1, 2, 4, 6});
  CHECK(OneNode("SpaceToDepth", {t({1, 2, 4, 6})}, {attr("blocksize", 2)}).dims() == Dims{1, 8, 2, 3});
  CHECK_THROWS_AS(OneNode("DepthToSpace", {t({1, 8, 2, 3})}, {attr("blocksize", 0)}), base::Error);
  CHECK_THROWS_AS(OneNode("Tile", {t({2, 3}), ints({INT64_MAX, 1})}), base::Error);
  CHECK_THROWS_AS(OneNode("Tile", {t({2, 3}), ints({-1, 1})}), base::Error);
}

TEST_CASE("Slice cuts as NumPy does") {
  const auto slice = [](int64_t start, int64_t end, int64_t step) {
    return OneNode("Slice", {ints({0, 1, 2, 3, 4}), ints({start}), ints({end}), ints({0}), ints({step})}).content();
  };
  CHECK(slice(1, 3, 1) == Content{1, 2});
  CHECK(slice(-2, INT64_MAX, 1) == Content{3, 4});
  CHECK(slice(0, 5, 2) == Content{0, 2, 4});
  CHECK(slice(-1, INT64_MIN, -1) == Content{4, 3, 2, 1, 0});
  CHECK(slice(3, 0, -2) == Content{3, 1});
  CHECK(slice(3, 1, 1).empty());
  CHECK(slice(100, -100, INT64_MIN) == Content{4});
  CHECK(OneNode("Slice", {t({4, 6})}, {attr("starts", {1}), attr("ends", {-1}), attr("axes", {1})}, 9).dims() ==
        Dims{4, 4});
  CHECK(OneNode("Slice", {t({4, 6}), t({1}, DataType::int64), ints({3})}).trust() == Trust::bound);
  CHECK_THROWS_WITH(slice(0, 5, 0), Catch::Contains("a step is 0"));
  CHECK_THROWS_AS(OneNode("Slice", {t({4}), ints({0, 0}), ints({1})}), base::Error);
}

TEST_CASE("Split by sizes, by count and with a smaller last part") {
  const OneNode sizes("Split", {ints({1, 2, 3}), ints({2, 1})}, {}, 13, 2);
  CHECK(sizes.content(0) == Content{1, 2});
  CHECK(sizes.content(1) == Content{3});
  CHECK(OneNode("Split", {t({2, 7})}, {attr("axis", 1), attr("num_outputs", 3)}, 18, 3).dims(2) == Dims{2, 1});
  CHECK(OneNode("Split", {t({6})}, {attr("split", {1, 5})}, 11, 2).dims(1) == Dims{5});
  CHECK_THROWS_WITH(OneNode("Split", {t({6}), ints({1, 4})}, {}, 13, 2), Catch::Contains("[1,4] do not fill [6]"));
  CHECK_THROWS_AS(OneNode("Split", {t({6}), ints({7, -1})}, {}, 13, 2), base::Error);
}

TEST_CASE("Concat and Pad") {
  CHECK(OneNode("Concat", {ints({1}), ints({2, 3})}, {attr("axis", 0)}).content() == Content{1, 2, 3});
  CHECK(OneNode("Concat", {t({2, 3}), t({2, 5})}, {attr("axis", -1)}).dims() == Dims{2, 8});
  CHECK_THROWS_WITH(OneNode("Concat", {t({2, 3}), t({2})}, {attr("axis", 0)}), Catch::Contains("ranks differ"));
  CHECK_THROWS_WITH(OneNode("Concat", {t({2, 3}), t({3, 3})}, {attr("axis", 1)}),
                    Catch::Contains("dimension 0 differs"));
  CHECK(OneNode("Pad", {t({2, 3}), ints({0, 1, 0, 2})}).dims() == Dims{2, 6});
  CHECK(OneNode("Pad", {t({2, 3}), ints({1, -1}), none(), ints({-1})}).dims() == Dims{2, 3});
  CHECK(OneNode("Pad", {t({2, 3})}, {attr("pads", {1, 0, 1, 0})}, 2).dims() == Dims{4, 3});
  CHECK_THROWS_AS(OneNode("Pad", {t({2, 3}), ints({0, -2, 0, -2})}), base::Error);
  CHECK_THROWS_AS(OneNode("Pad", {t({2}), ints({INT64_MAX, INT64_MAX})}), base::Error);
  CHECK(OneNode("CenterCropPad", {t({20, 8, 3}), ints({10, 9})}, {attr("axes", {0, 1})}).dims() == Dims{10, 9, 3});
}

TEST_CASE("gathering") {
  CHECK(OneNode("Gather", {t({5, 6, 7}), t({2, 3}, DataType::int64)}, {attr("axis", 1)}).dims() == Dims{5, 2, 3, 7});
  CHECK(OneNode("Gather", {ints({10, 20, 30}), scalar(-1)}).content() == Content{30});
  CHECK(OneNode("Gather", {ints({10, 20, 30}), scalar(-1)}).dims() == Dims{});
  CHECK_FALSE(OneNode("Gather", {ints({10, 20, 30}), scalar(3)}).known());
  CHECK(OneNode("GatherElements", {ints({10, 20, 30}), ints({2, 2, 0, -2})}).content() == Content{30, 30, 10, 20});
  CHECK(OneNode("GatherND", {t({2, 3, 4}), t({5, 2}, DataType::int64)}).dims() == Dims{5, 4});
  CHECK(OneNode("GatherND", {t({2, 3, 4}), t({2, 1}, DataType::int64)}, {attr("batch_dims", 1)}).dims() == Dims{2, 4});
  CHECK_THROWS_AS(OneNode("GatherND", {t({2, 3}), t({5, 3}, DataType::int64)}), base::Error);
  CHECK(OneNode("OneHot", {t({2, 3}, DataType::int64), scalar(10), t({2})}, {attr("axis", 1)}).dims() ==
        Dims{2, 10, 3});
}

TEST_CASE("scattering into known tensors") {
  CHECK(OneNode("ScatterElements", {ints({1, 2, 3}), ints({0, -1}), ints({8, 9})}).content() == Content{8, 2, 9});
  CHECK(OneNode("ScatterND", {t({4, 5}), t({2, 1}, DataType::int64), t({2, 5})}).dims() == Dims{4, 5});
  CHECK_FALSE(OneNode("ScatterElements", {ints({1, 2, 3}), ints({7}), ints({8})}).known());
}

TEST_CASE("generators") {
  CHECK(OneNode("Range", {scalar(2), scalar(11), scalar(3)}).content() == Content{2, 5, 8});
  CHECK(OneNode("Range", {scalar(5), scalar(0), scalar(-2)}).content() == Content{5, 3, 1});
  CHECK(OneNode("Range", {scalar(5), scalar(0), scalar(1)}).dims() == Dims{0});
  CHECK(OneNode("Range", {scalar(0), scalar(1 << 20), scalar(1)}).dims() == Dims{1 << 20});
  CHECK_THROWS_AS(OneNode("Range", {scalar(0), scalar(5), scalar(0)}), base::Error);
  CHECK(OneNode("ConstantOfShape", {ints({2, 2})}).content() == Content{0, 0, 0, 0});
  CHECK(OneNode("ConstantOfShape", {ints({2, 2})}).elem() == DataType::float32);
  CHECK_THROWS_AS(OneNode("ConstantOfShape", {ints({-2})}), base::Error);
  CHECK(OneNode("Constant", {}, {attr("value_ints", {4, 5})}).content() == Content{4, 5});
  CHECK(OneNode("EyeLike", {t({3, 4})}, {attr("dtype", 7)}).elem() == DataType::int64);
  CHECK(OneNode("RandomNormal", {}, {attr("shape", {2, 5})}).dims() == Dims{2, 5});
  CHECK_FALSE(OneNode("RandomNormal", {}, {attr("shape", {2, 5})}).constant());
  CHECK(OneNode("Constant", {}, {attr("value_int", 4)}).constant());
  CHECK_FALSE(OneNode("Bernoulli", {floats({0.5f})}).constant());
}

TEST_CASE("sizes that depend on data are upper bounds") {
  const OneNode zeros("NonZero", {t({2, 3})});
  CHECK(zeros.dims() == Dims{2, 6});
  CHECK(zeros.trust() == Trust::bound);
  CHECK(OneNode("NonZero", {ints({0, 5, 0, 6})}).content() == Content{1, 3});
  CHECK(OneNode("NonZero", {ints({0, 5, 0, 6})}).trust() == Trust::inferred);

  CHECK(OneNode("TopK", {t({4, 9}), ints({3})}, {}, 21, 2).dims(1) == Dims{4, 3});
  CHECK(OneNode("TopK", {ints({4, 9, 6}), ints({2})}, {}, 21, 2).content(0) == Content{9, 6});
  CHECK(OneNode("TopK", {t({4, 9}), t({1}, DataType::int64)}, {}, 21, 2).trust() == Trust::bound);
  CHECK(OneNode("TopK", {t({4, 9})}, {attr("k", 2)}, 9, 2).dims(0) == Dims{4, 2});
  CHECK_THROWS_AS(OneNode("TopK", {t({4, 9}), ints({10})}, {}, 21, 2), base::Error);

  const OneNode unique("Unique", {t({3, 4})}, {}, 21, 4);
  CHECK(unique.dims(0) == Dims{12});
  CHECK(unique.trust(0) == Trust::bound);
  CHECK(unique.dims(2) == Dims{12});
  CHECK(unique.trust(2) == Trust::inferred);
  CHECK(OneNode("Compress", {t({3, 4}), t({2}, DataType::boolean)}, {attr("axis", 0)}).dims() == Dims{2, 4});

  const OneNode nms("NonMaxSuppression", {t({2, 50, 4}), t({2, 3, 50}), scalar(7)});
  CHECK(nms.dims() == Dims{42, 3});
  CHECK(nms.trust() == Trust::bound);
  CHECK(OneNode("NonMaxSuppression", {t({2, 5, 4}), t({2, 3, 5})}).dims() == Dims{0, 3});
}

TEST_CASE("images") {
  const auto resize = [](std::vector<Arg> args, std::vector<AttributeSpec> attributes = {}, int64_t opset = 19) {
    return OneNode("Resize", args, std::move(attributes), opset).dims();
  };
  CHECK(resize({t({1, 3, 10, 10}), none(), floats({1, 1, 0.7f, 2.5f})}) == Dims{1, 3, 7, 25});
  CHECK(resize({t({1, 3, 10, 20}), none(), none(), ints({1, 3, 5, 6})}) == Dims{1, 3, 5, 6});
  CHECK(resize({t({1, 3, 10, 20}), none(), none(), ints({30, 30})},
               {attr("axes", {2, 3}), attr("keep_aspect_ratio_policy", "not_larger")}) == Dims{1, 3, 15, 30});
  CHECK(resize({t({1, 3, 4, 4}), floats({1, 1, 2, 2})}, {}, 10) == Dims{1, 3, 8, 8});
  CHECK(OneNode("Upsample", {t({1, 1, 4, 4}), floats({1, 1, 2, 3})}, {}, 9).dims() == Dims{1, 1, 8, 12});
  CHECK(OneNode("GridSample", {t({1, 3, 8, 8}), t({1, 5, 6, 2})}).dims() == Dims{1, 3, 5, 6});
  CHECK(OneNode("AffineGrid", {t({2, 2, 3}), ints({2, 3, 5, 6})}).dims() == Dims{2, 5, 6, 2});
  CHECK(OneNode("RoiAlign", {t({1, 8, 9, 9}), t({5, 4}), t({5}, DataType::int64)},
                {attr("output_height", 3), attr("output_width", 4)})
            .dims() == Dims{5, 8, 3, 4});
  CHECK_THROWS_AS(resize({t({1, 3, 10, 10}), none(), floats({1, 1, -1, 1})}), base::Error);
  CHECK_THROWS_AS(resize({t({1, 3, 10, 10}), none(), floats({1, 1, 2})}), base::Error);
}
