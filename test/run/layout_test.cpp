// SPDX-License-Identifier: Apache-2.0
#include "run/layout.h"

#include <catch2/catch.hpp>

#include "base/rng.h"
#include "exec/program.h"
#include "exec/segments.h"
#include "ir/builder.h"

using namespace allot;
using ir::DataType;
using ir::Str;
using run::DeviceId;
using run::SegmentId;

namespace {

struct Grouped {
  exec::Plan plan;
  std::vector<DeviceId> devices;
  std::vector<SegmentId> segments;
};

Grouped group(const ir::Model& model, const std::vector<DeviceId>& placement) {
  exec::CompileOptions options;
  options.fuse = false;
  options.parts = placement;
  Grouped grouped{exec::Program(model, options).plan(), {}, {}};
  grouped.devices = run::device_of_step(grouped.plan, placement);
  grouped.segments = run::group_steps(grouped.plan, grouped.devices);
  return grouped;
}

}  // namespace

TEST_CASE("layout: what is sent ends its segment, and what waits begins one") {
  ir::Builder builder("branches");
  const Str x = builder.input("x", DataType::float32, {2});
  const Str trunk = builder.add("Tanh", {builder.add("Relu", {x})});                                 // 0 1
  const Str here = builder.add("Relu", {builder.add("Relu", {trunk})});                              // 2 3
  const Str there = builder.add("Relu", {builder.add("Relu", {trunk})});                             // 4 5
  builder.output(builder.add("Relu", {builder.add("Add", {here, there})}), DataType::float32, {2});  // 6 7
  const auto grouped = group(builder.finish(), {0, 0, 0, 0, 1, 1, 0, 0});
  CHECK(grouped.segments == std::vector<SegmentId>{0, 0, 1, 1, 2, 2, 3, 3});
}

TEST_CASE("layout: all on one device is one segment") {
  ir::Builder builder("chain");
  Str value = builder.input("x", DataType::float32, {2});
  for (int i = 0; i < 9; ++i) value = builder.add("Add", {value, builder.add("Relu", {value})});
  builder.output(value, DataType::float32, {2});
  const auto grouped = group(builder.finish(), std::vector<DeviceId>(18, 0));
  CHECK(grouped.segments == std::vector<SegmentId>(18, 0));
}

TEST_CASE("layout: segments never wait for each other in a circle, and only for what they use") {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    base::Rng rng(seed, 0, 0, 0);
    ir::Builder builder("random");
    std::vector<Str> values = {builder.input("x", DataType::float32, {2})};
    std::vector<DeviceId> placement;
    for (int i = 0; i < 60; ++i) {
      const auto recent = [&] {
        return values[values.size() - 1 - rng.below(std::min<uint32_t>(8, static_cast<uint32_t>(values.size())))];
      };
      values.push_back(builder.add("Add", {recent(), recent()}));
      placement.push_back(rng.below(3));
    }
    builder.output(values.back(), DataType::float32, {2});
    auto [plan, devices, segments] = group(builder.finish(), placement);
    exec::cut(plan, segments);
    const run::Layout layout = run::make_layout(plan, segments, devices);
    // Run them by hand: something must always be ready, and everything must run once.
    std::vector<uint32_t> waits = layout.waits;
    std::vector<SegmentId> ready;
    for (SegmentId s = 0; s < waits.size(); ++s)
      if (waits[s] == 0) ready.push_back(s);
    size_t done = 0, steps = 0;
    while (!ready.empty()) {
      const SegmentId segment = ready.back();
      ready.pop_back();
      ++done;
      steps += plan.blocks[plan.segments[segment].block].steps.size();
      for (const auto slot : plan.segments[segment].outputs)
        for (const auto& reader : layout.readers[slot])
          for (const SegmentId next : reader.segments)
            if (--waits[next] == 0) ready.push_back(next);
    }
    CHECK(done == plan.segments.size());
    CHECK(steps == plan.blocks[0].steps.size());
  }
}
