// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster.h"

#include <catch2/catch.hpp>

using namespace allot::cluster;

TEST_CASE("the default cluster is one host and one GPU with io on the host") {
  const Cluster cluster = default_cluster();
  REQUIRE(cluster.size() == 2);
  CHECK(cluster.devices[0].name == "cpu0");
  CHECK(cluster.devices[0].memory_bytes == int64_t{256} << 30);
  CHECK(cluster.devices[0].ort.provider == "CPUExecutionProvider");
  CHECK(cluster.devices[1].name == "gpu0");
  CHECK(cluster.devices[1].memory_bytes == int64_t{40} << 30);
  CHECK(cluster.devices[1].ort.designator == "cuda");
  CHECK(cluster.devices[1].ort.provider_options.at("device_id") == "0");
  CHECK(cluster.io_device == 0u);
  CHECK(cluster.num_channels == 2);
  CHECK(cluster.route(0, 1).channels == std::vector<uint32_t>{0});
  CHECK(cluster.route(1, 0).channels == std::vector<uint32_t>{1});
}

TEST_CASE("a transfer takes latency plus bytes over bandwidth, rounded up") {
  Cluster cluster = default_cluster();
  CHECK(cluster.transfer_ps(0, 0, 1000) == 0);
  CHECK(cluster.transfer_ps(0, 1, 0) == 9'000'000);
  CHECK(cluster.transfer_ps(0, 1, 1) == 9'000'000 + 40);
  CHECK(cluster.transfer_ps(0, 1, 25'000'000) == 9'000'000 + 1'000'000'000);
  CHECK(cluster.transfer_ps(0, 1, 25'000'000'000) == 9'000'000 + 1'000'000'000'000);
  CHECK(cluster.transfer_ps(0, 1, int64_t{1} << 62) == kNever);
  cluster.routes[1].bandwidth_bytes_per_s = 3e12;
  CHECK(cluster.transfer_ps(0, 1, 1) == 9'000'001);  // a third of a picosecond counts as one
  CHECK(cluster.transfer_ps(0, 1, 10) == 9'000'004);
  cluster.routes[1].bandwidth_bytes_per_s = 7e15;  // both sides of the switch to 128 bits round alike
  CHECK(cluster.transfer_ps(0, 1, 9'223'372) == 9'000'000 + 1318);
  CHECK(cluster.transfer_ps(0, 1, 9'223'373) == 9'000'000 + 1318);
  CHECK(cluster.transfer_ps(0, 1, 70'000'000) == 9'000'000 + 10'000);
}

TEST_CASE("unsupported precisions run on the next one that exists") {
  const Device& a100 = presets().at("a100-40").device;
  CHECK(a100.peak(Precision::float32) == 19.5e12);
  CHECK(a100.peak(Precision::tf32) == 156e12);
  CHECK(a100.peak(Precision::float8) == 312e12);
  CHECK(a100.peak(Precision::int8) == 624e12);
  const Device& v100 = presets().at("v100-16").device;
  CHECK(v100.peak(Precision::tf32) == 15.7e12);
  CHECK(v100.peak(Precision::bfloat16) == 15.7e12);
  CHECK(presets().at("k80").device.peak(Precision::int8) == 4.37e12);
  CHECK(presets().at("tpu-v4").device.peak(Precision::float32) == Approx(275e12 / 6));
  CHECK(presets().at("orin-64").device.peak(Precision::float64) == Approx(5.3e12 / 32));
  for (const auto& [name, preset] : presets())
    for (int p = 0; p < kPrecisions; ++p) CHECK(preset.device.peak(static_cast<Precision>(p)) > 0);
}

TEST_CASE("presets are complete and say where their figures come from") {
  CHECK(presets().size() == 27);
  for (const auto& [name, preset] : presets()) {
    INFO(name);
    CHECK(preset.device.preset == name);
    CHECK(!preset.description.empty());
    CHECK(!preset.device.source.empty());
    CHECK(preset.device.bandwidth_bytes_per_s >= 50e9);
    CHECK(preset.device.vector_flops > 0);
    CHECK(preset.device.overhead_ps > 0);
    CHECK((preset.device.memory_bytes == 0) == (preset.device.kind == "cpu"));
    for (const Efficiency& e : preset.device.efficiency) {
      CHECK(e.max > 0);
      CHECK(e.max <= 1);
      CHECK(e.bandwidth > 0);
      CHECK(e.bandwidth <= 1);
    }
  }
  CHECK(presets().at("t4").device.source == "vendor or published figures");
  CHECK(presets().at("h200").device.source == "vendor or published figures; unverified: tf32, int8");
}
