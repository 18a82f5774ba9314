// SPDX-License-Identifier: Apache-2.0
#include "emit/tracks.h"

#include <algorithm>
#include <map>
#include <set>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "run_fixture.h"

using namespace allot;
using namespace allot::test;

TEST_CASE("tracks hold every op once and every transfer on each wire of its route") {
  const Run run = random_run(layered_graph(200, 1), small_cluster(3), 1);
  const auto tracks = emit::tracks(run.problem.cluster(), run.placement, run.outcome);
  std::set<uint32_t> ops;
  size_t transfers = 0, expected = 0;
  for (const emit::Track& track : tracks) {
    CHECK(std::is_sorted(track.slices.begin(), track.slices.end(),
                         [](auto& a, auto& b) { return a.start_ps < b.start_ps; }));
    for (const emit::Slice& slice : track.slices) {
      if (track.is_device) {
        CHECK(run.placement[slice.id] == *track.device);
        ops.insert(slice.id);
      } else {
        CHECK(run.outcome.transfers[slice.id].from == *track.device);
        ++transfers;
      }
    }
  }
  for (const auto& transfer : run.outcome.transfers)
    expected += std::max<size_t>(run.problem.cluster().route(transfer.from, transfer.to).channels.size(), 1);
  CHECK(ops.size() == run.placement.size());
  CHECK(transfers == expected);
  REQUIRE(tracks.size() == 3 + 6);
  CHECK(tracks[0].name == "dev0");
  CHECK(tracks[3].name == "dev0 → dev1");
}

TEST_CASE("a wire that several pairs share keeps its own name") {
  const auto cluster = cluster::parse(
      "schema: allot.cluster/1\n"
      "devices: [{name: a, preset: a100-40}, {name: b, preset: a100-40}, {name: c, preset: a100-40}]\n"
      "links:\n  nic: {bandwidth: 10GB/s, latency: 2us}\n  bus: {bandwidth: 10GB/s, latency: 2us, duplex: half}\n"
      "paths: [{from: a, to: b, via: [nic]}, {from: a, to: c, via: [nic]}, {from: b, to: c, via: [bus]}]\n",
      "test.yaml");
  const Run run = random_run(layered_graph(100, 2), cluster, 2);
  std::vector<std::string> names;
  for (const auto& track : emit::tracks(run.problem.cluster(), run.placement, run.outcome)) names.push_back(track.name);
  CHECK(names == std::vector<std::string>{"a", "b", "c", "nic →", "nic ←", "b ↔ c"});
}

TEST_CASE("rows separate what overlaps with as few rows as overlap at once") {
  rc::check([] {
    std::vector<emit::Slice> slices;
    for (int i = *rc::gen::inRange(0, 40); i > 0; --i) {
      const int64_t start = *rc::gen::inRange(0, 100);
      slices.push_back({start, start + *rc::gen::inRange(0, 30), 0});
    }
    std::sort(slices.begin(), slices.end(),
              [](auto& a, auto& b) { return std::pair(a.start_ps, a.end_ps) < std::pair(b.start_ps, b.end_ps); });
    const auto rows = emit::rows(slices);
    size_t most = 0, used = 0;
    for (size_t i = 0; i < slices.size(); ++i) {
      size_t together = 0;
      for (size_t k = 0; k < slices.size(); ++k) {
        together += k == i || (slices[k].start_ps <= slices[i].start_ps && slices[k].end_ps > slices[i].start_ps);
        if (k < i && rows[k] == rows[i]) RC_ASSERT(slices[k].end_ps <= slices[i].start_ps);
      }
      most = std::max(most, together);
      used = std::max<size_t>(used, rows[i] + 1);
    }
    RC_ASSERT(used <= most);
  });
}

TEST_CASE("memory curves reach the simulator's peaks and end as it does") {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const bool io = seed % 2 == 0;
    const std::string contention = seed % 3 == 0 ? "free" : "link";
    const Run run =
        random_run(layered_graph(5 + seed * 5, seed), small_cluster(1 + seed % 4, io, "16GiB", contention), seed);
    const auto& curves = run.outcome.memory;
    REQUIRE(curves.size() == run.problem.devices());
    for (cluster::DeviceId device = 0; device < curves.size(); ++device) {
      INFO("seed " << seed << " device " << device);
      const auto& curve = curves[device];
      const auto by_bytes = [](auto& a, auto& b) { return a.bytes < b.bytes; };
      CHECK(std::max_element(curve.begin(), curve.end(), by_bytes)->bytes == run.outcome.peak_bytes[device]);
      CHECK(std::min_element(curve.begin(), curve.end(), by_bytes)->bytes >= run.outcome.param_bytes[device]);
      CHECK(std::is_sorted(curve.begin(), curve.end(), [](auto& a, auto& b) { return a.time_ps < b.time_ps; }));
      CHECK(curve.front().time_ps == 0);
      CHECK(curve.back().time_ps == run.outcome.makespan_ps);
    }
  }
}
