// SPDX-License-Identifier: Apache-2.0
#include "train/record.h"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "scratch_folder.h"
#include "train/collapse.h"

using namespace allot;
using test::error_of;
using test::has;
using test::put;
using test::ScratchFolder;

TEST_CASE("records are lines of JSON, and come back") {
  const ScratchFolder folder;
  const train::Record record{"train", 12, 0.1, {{"loss", 1.0 / 3}, {"bad", std::numeric_limits<double>::infinity()}}};
  const std::string line = train::to_json(record);
  CHECK(line == R"({"phase":"train","step":12,"seconds":0.1,"bad":null,"loss":0.3333333333333333})");
  put(folder / "m", line + "\n" + train::to_json({"evaluate", 13, 2, {}}) + "\n");
  const auto back = train::read_records(folder / "m");
  REQUIRE(back.size() == 2);
  CHECK(back[0].metrics.at("loss") == 1.0 / 3);
  CHECK(std::isnan(back[0].metrics.at("bad")));
  CHECK(back[1].phase == "evaluate");
  CHECK(back[1].step == 13);

  put(folder / "m", line + "\n{\"step\": 3}\n");
  CHECK(has(error_of([&] { train::read_records(folder / "m"); }), "m, line 2: 'phase' is missing"));
  put(folder / "m", R"({"phase": "train", "loss": "low"})");
  CHECK(has(error_of([&] { train::read_records(folder / "m"); }), "line 1: 'loss' is no number"));
  put(folder / "m", "[1]");
  CHECK(has(error_of([&] { train::read_records(folder / "m"); }), "line 1: is no object"));
}

TEST_CASE("means are over the steps that have the metric, and go on from a state") {
  train::RunningMeans means, other;
  means.add({{"a", 1}, {"b", 5}});
  other.restore(means.state(), "state");
  for (auto* each : {&means, &other}) each->add({{"a", 2}});
  CHECK(means.means() == train::Metrics{{"a", 1.5}, {"b", 5}});
  CHECK(other.means() == means.means());
  CHECK(has(error_of([&] { other.restore(R"({"a": 1})", "state"); }), "state: its means are damaged"));
}

TEST_CASE("a collapse is told once, after enough low values in a row") {
  train::CollapseDetector detector(0.1, 3);
  const auto observe = [&](std::vector<double> values) {
    int told = 0;
    for (const double value : values) told += detector.observe(value);
    return told;
  };
  CHECK(observe({0.05, 0.05, 0.2, 0.05, 0.05}) == 0);
  CHECK(detector.low_steps() == 2);
  CHECK(observe({std::numeric_limits<double>::quiet_NaN()}) == 1);
  CHECK(observe({0, 0, 0, 0}) == 0);
  CHECK(observe({1, 0, 0, 0}) == 1);
}
