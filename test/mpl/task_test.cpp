// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "mpl/consistency.h"

using namespace allot;

namespace {

at::Tensor rows(std::vector<double> values, int64_t width) { return at::tensor(values, at::kDouble).view({-1, width}); }
double number(const at::Tensor& scalar) { return scalar.item<double>(); }

}  // namespace

TEST_CASE("cross-entropy of classes, hard, soft and smoothed") {
  const auto task = mpl::make_task("classification");
  const at::Tensor logits = rows({0, 0, 0, std::log(3.0)}, 2);
  CHECK(number(task->loss(logits, at::tensor({0L, 1L}, at::kLong))) == Approx((std::log(2) + std::log(4. / 3)) / 2));
  CHECK(number(task->losses(logits, rows({1, 0, 0.5, 0.5}, 2))[1]) == Approx((std::log(4) + std::log(4. / 3)) / 2));
  CHECK(number(task->loss(logits, at::tensor({0L, 1L}, at::kLong), 0.5)) ==
        Approx((std::log(2) + 0.75 * std::log(4. / 3) + 0.25 * std::log(4)) / 2));
  CHECK(task->loss(logits.to(at::kBFloat16), at::tensor({0L, 1L}, at::kLong)).scalar_type() == at::kFloat);
}

TEST_CASE("tokens that are ignored neither cost nor count") {
  const auto task = mpl::make_task("token");
  const at::Tensor logits = at::tensor({0.0, 0.0, 5.0, 1.0, 0.0, std::log(3.0), 2.0, 2.0}, at::kDouble).view({2, 2, 2});
  const at::Tensor label = at::tensor({0L, -100L, 1L, -100L}, at::kLong).view({2, 2});
  CHECK(number(task->loss(logits, label)) == Approx((std::log(2) + std::log(4. / 3)) / 2));
  const at::Tensor counted = (label >= 0), all = at::tensor({0L, 1L, 1L, 0L}, at::kLong).view({2, 2});
  CHECK(task->only(all, counted).equal(label));
  CHECK(task->drawn_label(logits, {1, 2}).sizes() == label.sizes());
  CHECK(number(task->only(task->soft_label(logits), counted).sum()) == Approx(2));
  const auto agreement = mpl::consistency(*task, logits, all, task->confidence(task->soft_label(logits)) >= 0, counted);
  CHECK(number(agreement.loss) == Approx((std::log(2) + std::log(4. / 3)) / 2));
  CHECK(agreement.mask_rate == 1);
}

TEST_CASE("labels are drawn as often as they are likely, by key alone") {
  const auto task = mpl::make_task("classification");
  const at::Tensor logits = rows({std::log(0.2), std::log(0.5), std::log(0.3)}, 3).expand({20'000, 3});
  const at::Tensor drawn = task->drawn_label(logits, {5, 1});
  for (const auto& [label, share] : {std::pair(0, 0.2), {1, 0.5}, {2, 0.3}})
    CHECK(number((drawn == label).to(at::kDouble).mean()) == Approx(share).margin(3 * std::sqrt(0.25 / 20'000)));
  CHECK(drawn.equal(task->drawn_label(logits, {5, 1})));
  CHECK_FALSE(drawn.equal(task->drawn_label(logits, {5, 2})));
  CHECK_FALSE(drawn.equal(task->drawn_label(logits, {6, 1})));
  CHECK(drawn.narrow(0, 0, 7).equal(task->drawn_label(logits.narrow(0, 0, 7), {5, 1})));
}

TEST_CASE("several labels an item are independent, and their losses add up") {
  const auto task = mpl::make_task("multilabel");
  const at::Tensor logits = rows({0, std::log(4.0)}, 2);
  CHECK(number(task->loss(logits, rows({1, 0}, 2))) == Approx(std::log(2) + std::log(5)));
  CHECK(task->hard_label(logits).equal(rows({0, 1}, 2)));
  CHECK(number(task->confidence(task->soft_label(logits))[0]) == Approx(0.65));
  const at::Tensor drawn = task->drawn_label(logits.expand({20'000, 2}), {1, 1}).mean(0);
  CHECK(number(drawn[0]) == Approx(0.5).margin(0.011));
  CHECK(number(drawn[1]) == Approx(0.8).margin(0.009));
}

TEST_CASE("numbers cost half their squared error, and are not drawn") {
  const auto task = mpl::make_task("regression");
  CHECK(number(task->loss(rows({1, 2}, 1), rows({3, 2}, 1))) == Approx(1));
  CHECK(number(task->loss(rows({1, 2}, 1), at::tensor({3.0, 2.0}, at::kDouble))) == Approx(1));  // a column or none
  CHECK_THROWS_AS(task->drawn_label(rows({1}, 1), {}), base::Error);
  CHECK_THROWS_AS(mpl::make_task("classifcation"), base::Error);
}

TEST_CASE("diversity tells when all items get one label") {
  const auto task = mpl::make_task("classification");
  CHECK(task->diversity(rows({1, 0, 0, 1}, 2)) == Approx(1));
  CHECK(task->diversity(rows({1, 0, 1, 0}, 2)) == 0);
  CHECK(task->diversity(rows({0.5, 0.5}, 2)) == Approx(1));
}

TEST_CASE("UDA's threshold looks at the sharpened target, and divides by all items") {
  const auto task = mpl::make_task("classification");
  const at::Tensor weak = rows({0, std::log(2.0), 0, 0}, 2), strong = rows({0, 0, 1, -1}, 2);
  mpl::ConsistencyOptions options;
  options.temperature = 0.5;  // 1/3, 2/3 become 1/5, 4/5
  options.threshold = 0.75;
  const auto agreement = mpl::uda(*task, weak, strong, options);
  CHECK(agreement.mask_rate == 0.5);
  CHECK(number(agreement.loss) == Approx(std::log(2) / 2));
  options.temperature = 1;
  CHECK(mpl::uda(*task, weak, strong, options).mask_rate == 0);
}

TEST_CASE("the weight of consistency rises linearly and stays") {
  mpl::ConsistencyOptions options;
  options.weight = 8;
  options.ramp = 4;
  CHECK(options.weight_at(0) == 0);
  CHECK(options.weight_at(1) == 2);
  CHECK(options.weight_at(9) == 8);
  options.ramp = 0;
  CHECK(options.weight_at(0) == 8);
}
