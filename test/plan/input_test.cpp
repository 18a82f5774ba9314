// SPDX-License-Identifier: Apache-2.0
#include "plan/input.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using plan::parse_scenario;

TEST_CASE("scenarios are dimensions and a weight") {
  const auto both = parse_scenario("batch=1,seq=128:0.8");
  CHECK(both.dims == std::map<std::string, int64_t>{{"batch", 1}, {"seq", 128}});
  CHECK(both.weight == 0.8);
  CHECK(parse_scenario("batch=8").weight == 1);
  const auto position = parse_scenario("x:0=8");  // a dimension without a symbol
  CHECK(position.dims == std::map<std::string, int64_t>{{"x:0", 8}});
  CHECK(position.weight == 1);
  CHECK(parse_scenario("x:0=8:2").weight == 2);
}

TEST_CASE("odd scenarios are refused") {
  for (const char* text : {"", "batch", "batch=", "batch=x", "batch=1,", "batch=1:", "batch=1:heavy", "batch=-1:2"})
    CHECK_THROWS_AS(parse_scenario(text), base::Error);
}

namespace {

place::Sidecar stored() {
  place::Sidecar sidecar;
  sidecar.objective = "throughput";
  sidecar.target = "ort";
  sidecar.workload = {"training:sgd", {"embed.*"}, 4};
  return sidecar;
}

plan::InputOptions adopted(const std::vector<std::pair<std::string, std::string>>& typed) {
  plan::InputOptions options;
  config::Binder binder;
  options.bind(binder);
  options.bind_goal(binder);
  for (const auto& [option, value] : typed) config::apply_flag(*binder.find(option), {value});
  options.adopt(stored());
  return options;
}

}  // namespace

TEST_CASE("a stored placement answers what nobody typed") {
  const auto options = adopted({});
  CHECK(options.objective == "throughput");
  CHECK(options.target == "ort");
  CHECK(options.workload.workload == "training:sgd");
  CHECK(options.workload.frozen == std::vector<std::string>{"embed.*"});
  CHECK(options.workload.checkpoint_every == 4);
}

TEST_CASE("what is typed counts, be it the default") {
  const auto options = adopted({{"objective", "latency"}, {"target", "any"}, {"workload", "inference"}});
  CHECK(options.objective == "latency");
  CHECK(options.target == "any");
  CHECK(options.workload.workload == "inference");
  CHECK(options.workload.frozen.empty());
  CHECK(adopted({{"frozen", "head"}}).workload.frozen == std::vector<std::string>{"head"});
}
