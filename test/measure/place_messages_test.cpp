// SPDX-License-Identifier: Apache-2.0
#include "measure/place_messages.h"

#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "cli/version.h"
#include "measure/answers.h"
#include "measure/worker.h"

using namespace allot;
using namespace allot::measure;
using base::ErrorKind;
using Catch::Contains;

namespace {

PlaceReply small_reply() {
  return {.units = 3,
          .graph_hash = "g",
          .costs_hash = "c",
          .placements = {{0, 1, 1}, {1, 0, 1}},
          .log_probability = {-0.5, -2.25},
          .groupings = {{4, 4, -1}},
          .grouping = {0, 0}};
}

std::string with(std::string text, const std::string& part, const std::string& other) {
  REQUIRE(text.find(part) != std::string::npos);
  return text.replace(text.find(part), part.size(), other);
}

}  // namespace

TEST_CASE("requests for placements and their answers arrive as they were sent") {
  const auto request = parse_place_request(to_json(PlaceRequest{
      .policy = "/p \"q\"", .model = "/m", .options = "dim: [a=1]\n", .samples = 7, .seed = 1ull << 63, .threads = 2}));
  CHECK(request.policy == "/p \"q\"");
  CHECK(request.model == "/m");
  CHECK(request.options == "dim: [a=1]\n");
  CHECK(request.samples == 7);
  CHECK(request.seed == 1ull << 63);
  CHECK(request.threads == 2);
  const auto reply = parse_place_reply(to_json(small_reply()));
  CHECK(reply.units == 3);
  CHECK(reply.graph_hash == "g");
  CHECK(reply.costs_hash == "c");
  CHECK(reply.placements == small_reply().placements);
  CHECK(reply.log_probability == small_reply().log_probability);
  CHECK(reply.groupings == small_reply().groupings);
  CHECK(reply.grouping == small_reply().grouping);
  PlaceReply flat = small_reply();
  flat.groupings.clear(), flat.grouping.clear();
  CHECK(parse_place_reply(to_json(flat)).groupings.empty());
}

TEST_CASE("answers that do not add up are malformed") {
  const std::string good = to_json(small_reply());
  for (const auto& [part, other] : {std::pair<std::string, std::string>{"[0,1,1]", "[0,1]"},
                                    {"[0,1,1]", "[0,1,64]"},
                                    {"[0,1,1]", "[0,1,-1]"},
                                    {"-2.25", ""},
                                    {"[4,4,-1]", "[4,4]"},
                                    {"[4,4,-1]", "[4,4,-2]"},
                                    {"\"grouping\":[0,0]", "\"grouping\":[0]"},
                                    {"\"grouping\":[0,0]", "\"grouping\":[0,1]"},
                                    {"\"grouping\":[0,0]", "\"grouping\":[]"},
                                    {",-2.25", ""},
                                    {"\"units\":3", "\"units\":4"},
                                    {"\"units\":3", "\"units\":3,\"more\":1"},
                                    {"place-reply/1", "place-reply/2"}}) {
    INFO(part << " -> " << other);
    try {
      parse_place_reply(with(good, part, other));
      FAIL("no error was thrown");
    } catch (const base::Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
    }
  }
  CHECK_THROWS_AS(parse_place_request(with(to_json(PlaceRequest{}), "\"samples\":64", "\"samples\":0")), base::Error);
}

TEST_CASE("errors of a policy keep their kind, place and remedy") {
  const std::string answer =
      to_json(base::Error(ErrorKind::config, "policy", "is for 4 devices", "train one"), kPlaceReply);
  CHECK_THAT(answer, Contains(kPlaceReply));
  try {
    parse_place_reply(answer);
    FAIL("no error was thrown");
  } catch (const base::Error& error) {
    CHECK(error.kind() == ErrorKind::config);
    CHECK(std::string(error.what()) == "policy: is for 4 devices; train one");
  }
}

TEST_CASE("what is asked before the worker is up is answered") {
  ::setenv("ALLOT_WORKER", (std::string(ALLOT_SOURCE_DIR) + "/test/measure/fake_worker.py").c_str(), 1);
  ::setenv("ALLOT_FAKE_VERSION", std::string(cli::version()).c_str(), 1);
  const std::string request =
      to_json(PlaceRequest{.policy = "/p", .model = "/m", .options = "", .samples = 5, .seed = 0, .threads = 1});
  WorkerCall call(request);
  CHECK(parse_place_reply(call.answer(deadline_after(30))).placements.size() == 5);
  ::setenv("ALLOT_FAKE_VERSION", "9.9.9", 1);
  WorkerCall old(request);
  CHECK_THROWS_WITH(old.answer(deadline_after(30)), Contains("is of version 9.9.9"));
  ::unsetenv("ALLOT_FAKE_VERSION");
  ::unsetenv("ALLOT_WORKER");
}

TEST_CASE("a request tells its schema first of all") {
  CHECK(schema_of(to_json(PlaceRequest{})) == kPlaceRequest);
  for (const char* text : {"[]", "{}", R"({"schema":1})", "no json"}) CHECK_THROWS_AS(schema_of(text), base::Error);
}
