// SPDX-License-Identifier: Apache-2.0
#include "cost/calibrate.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/rng.h"
#include "cost/cost_table.h"

using namespace allot;
using cluster::OpClass;

namespace {

size_t index(OpClass c) { return static_cast<size_t>(c); }

cluster::Device preset() { return cluster::presets().at("epyc-7763").device; }

cost::OpCost draw(base::Rng& rng, OpClass c) {
  cost::OpCost cost;
  cost.op_class = c;
  const double scale = std::exp2(6 + 14 * rng.uniform());
  if (c == OpClass::conv || c == OpClass::matmul) cost.mac_flops = scale * 500 * (1 + rng.uniform());
  cost.vector_ops = scale * (c == OpClass::elementwise ? 1 + 20 * rng.uniform() : 0.1);
  cost.bytes_read = static_cast<int64_t>(scale * 8);
  cost.bytes_written = static_cast<int64_t>(scale * 4);
  return cost;
}

/// What a much slower device than the preset would measure, disturbed by up to `noise`.
std::vector<cost::Sample> samples_of(const cluster::Device& truth, int count, double noise) {
  base::Rng rng(7, 0);
  std::vector<cost::Sample> samples;
  for (const OpClass c : {OpClass::conv, OpClass::matmul, OpClass::elementwise, OpClass::strided})
    for (int i = 0; i < count; ++i) {
      const auto cost = draw(rng, c);
      const double us = static_cast<double>(cost::roofline_ps(cost, truth)) * 1e-6;
      samples.push_back({cost, us * std::exp(noise * (2 * rng.uniform() - 1)), "op"});
    }
  return samples;
}

cluster::Device slow_device() {
  cluster::Device truth = preset();
  truth.matrix_flops[index(OpClass::matmul)] = 0;
  for (double& flops : truth.matrix_flops) flops /= 40;
  truth.vector_flops /= 100;
  truth.bandwidth_bytes_per_s /= 15;
  truth.overhead_ps = 1'500'000;
  truth.efficiency[index(OpClass::conv)].max = 0.4;
  truth.efficiency[index(OpClass::strided)] = {1, 0, 0.2, 6'000'000};
  return truth;
}

}  // namespace

TEST_CASE("a device is found again from what it measured") {
  const auto truth = slow_device();
  const auto samples = samples_of(truth, 60, 0);
  const auto fit = cost::calibrate(preset(), samples);
  const auto before = cost::fit_errors(preset(), samples), after = cost::fit_errors(fit.device, samples);
  CHECK(before.median > 0.8);
  CHECK(after.median < 0.02);
  CHECK(after.mean < 0.05);
  CHECK(after.predicted_us == Approx(after.measured_us).epsilon(0.03));
  CHECK(fit.samples[index(OpClass::conv)] == 60);
  for (const auto& e : fit.device.efficiency) {
    CHECK(e.max <= 1);
    CHECK(e.bandwidth <= 1);
  }
  CHECK(static_cast<double>(fit.device.efficiency[index(OpClass::strided)].overhead_ps) == Approx(6e6).epsilon(0.1));
}

TEST_CASE("noise and outliers move a fit little") {
  const auto truth = slow_device();
  auto samples = samples_of(truth, 60, 0.3);
  for (size_t i = 0; i < samples.size(); i += 17) samples[i].us *= 30;
  const auto fit = cost::calibrate(preset(), samples);
  const auto clean = cost::fit_errors(fit.device, samples_of(truth, 60, 0));
  CHECK(clean.median < 0.12);
  CHECK(clean.predicted_us == Approx(clean.measured_us).epsilon(0.15));
}

TEST_CASE("a class of few samples keeps its shape and moves with the others") {
  const auto truth = slow_device();
  const auto fit = cost::calibrate(preset(), samples_of(truth, 60, 0));
  const auto& pool = fit.device.efficiency[index(OpClass::pool)];
  CHECK(fit.samples[index(OpClass::pool)] == 0);
  CHECK(pool.overhead_ps == -1);
  CHECK(fit.device.overhead_ps > 1'000'000);
  CHECK(fit.device.overhead_ps < 4'000'000);
  const cost::OpCost op{
      .vector_ops = 1e6, .bytes_read = 4'000'000, .bytes_written = 1'000'000, .op_class = OpClass::pool};
  const auto us = [&](const cluster::Device& device) { return static_cast<double>(cost::roofline_ps(op, device)); };
  CHECK(us(fit.device) > 4 * us(preset()));
  const auto none = cost::calibrate(preset(), {});
  CHECK(us(none.device) == us(preset()));
}

TEST_CASE("errors name the worst ops of over 5 us") {
  const auto device = preset();
  std::vector<cost::Sample> samples;
  for (int i = 0; i < 15; ++i) {
    const cost::OpCost op{.bytes_read = 204'800'000, .op_class = OpClass::norm};  // 1 ms at 100 %, 1.43 ms at 70 %
    samples.push_back({op, 100.0 * (i + 1), "n" + std::to_string(i)});
  }
  samples.push_back({{.op_class = OpClass::norm}, 0.01, "short"});
  const auto errors = cost::fit_errors(device, samples);
  CHECK(errors.samples == 16);
  REQUIRE(errors.worst.size() == 10);
  CHECK(errors.worst[0].name == "n0");
  CHECK(errors.worst[0].predicted_us == Approx(1431.6).epsilon(1e-3));
}
