// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "place/chain.h"
#include "place/check.h"

using namespace allot;
using namespace allot::place;
using namespace allot::test;
using Catch::Contains;

namespace {

const UnitPlacement kFirstOnCpu = {0, 1, 1, 1};

ModelCheck compared(const std::string& model, int64_t gpu_ms) {
  const Problem before = chain_problem(chain(4), two_devices());
  const Problem today = chain_problem(chain(4), two_devices(), 10, gpu_ms);
  ModelCheck result;
  result.model = model;
  result.report =
      check(today, numbered(today.graph().num_ops()), stored(before, kFirstOnCpu), stored(today, kFirstOnCpu), {});
  result.seconds = 0.25;
  return result;
}

ModelCheck broken(const std::string& model, const std::string& error) {
  ModelCheck result;
  result.model = model;
  result.error = error;
  return result;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

const std::vector<ModelCheck>& three() {
  static const std::vector<ModelCheck> checks = {compared("a.onnx", 2), compared("b,<1>.onnx", 3),
                                                 broken("c.onnx", "c.onnx: 100% broken\nreally")};
  return checks;
}

}  // namespace

TEST_CASE("JUnit: a case a model, a regression is a failure, an error an error") {
  const std::string xml = to_junit(three());
  CHECK_THAT(xml, Contains("<testsuites tests=\"3\" failures=\"1\" errors=\"1\" time=\"0.500\">"));
  CHECK(count(xml, "<testcase ") == 3);
  CHECK(count(xml, "</testcase>") == 3);
  CHECK_THAT(xml, Contains("name=\"a.onnx\" time=\"0.250\">\n    </testcase>"));
  CHECK_THAT(xml, Contains("name=\"b,&lt;1&gt;.onnx\""));
  CHECK_THAT(xml, Contains("<failure type=\"regression\" message=\"FAIL: makespan of the stored placement went from 17.0 "
                           "ms to 20.0 ms (+17.6 %), and 1 more regression\">"));
  CHECK_THAT(xml, Contains("<error message=\"c.onnx: 100% broken&#10;really\"/>"));
}

TEST_CASE("GitHub: one annotation a model, nothing in a name can end the command") {
  const std::string text = to_github(three());
  CHECK(count(text, "\n") == 3);
  CHECK_THAT(text, Contains("::notice file=a.onnx,title=Placement of a.onnx::PASS: makespan 17.0 ms, stored 17.0 ms\n"));
  CHECK_THAT(text, Contains("::error file=b%2C<1>.onnx,title=Placement of b%2C<1>.onnx::FAIL: makespan of the stored "
                            "placement went from 17.0 ms to 20.0 ms (+17.6 %25), and 1 more regression\n"));
  CHECK_THAT(text, Contains("::c.onnx: 100%25 broken%0Areally\n"));
}

TEST_CASE("several models: a line for each that passed, the report of those that did not, and a count") {
  const std::string text = to_text(three());
  CHECK_THAT(text, Contains("a.onnx: PASS: makespan 17.0 ms, stored 17.0 ms\nb,<1>.onnx: FAIL: "));
  CHECK_THAT(text, Contains("c.onnx: ERROR: c.onnx: 100% broken\nreally\n"));
  CHECK_THAT(text, Contains("changed: costs"));
  CHECK_THAT(text, Contains("3 models: 1 passed, 2 did not\n"));
}
