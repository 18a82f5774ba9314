// SPDX-License-Identifier: Apache-2.0
#include "report/browser.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "report/chart.h"
#include "report/flow.h"
#include "report/html.h"
#include "report/timeline.h"

using namespace allot::report;
using namespace allot::test;

namespace {

Page page_of_everything() {
  Page page("a_model_with_a_long_name_that_has_no_place_to_break_and_goes_on.onnx");
  page.html(tiles({{"Makespan", "1.23 ms", "predicted"}, {"A label", "12345678 ops", ""}}));
  std::vector<Lane> lanes;
  for (int i = 0; i < 4; ++i) {
    Lane lane{"device number " + std::to_string(i), "83 %", "c" + std::to_string(i), i > 2, {}};
    for (uint32_t k = 0; k < 50; ++k) lane.spans.push_back({k + 0.2, k + 0.9, k});
    lanes.push_back(lane);
  }
  page.section("Timeline", timeline("t", lanes, 51, "ms", [](auto&, auto&) { return "op"; }));
  Series curve{"run", {}, false};
  for (int i = 0; i < 100; ++i) curve.points.emplace_back(i * 500, std::exp(-i / 30.0));
  page.section("Curve", line_chart({curve, {"other", {{0, 0.5}, {49500, 0.4}}, true}}, "step", "loss"));
  page.section("Flow", flow_diagram({{"a", "c0"}, {"b_with_a_name_too_long_for_its_column", "c1"}},
                                    {{0, 1, 5}, {1, 0, 2}}, [](double) { return std::string("5 MiB"); }));
  page.section("Table", table({"Operation", "Type", "Time"},
                              {{"/encoder/layer.11/attention/self/MatMul_output_0_quantized", "MatMul", "1.5 ms"}}));
  return page;
}

}  // namespace

TEST_CASE("a browser shows the primitives without a console message at both widths in both schemes") {
  if (chromium().empty()) {
    WARN("skipped: Chromium is not installed (apt-get install chromium)");
    return;
  }
  const Seen seen = look_at(page_of_everything().str());
  CHECK(seen.console == "");
  REQUIRE(seen.screens.size() == 4);
  for (const auto& screen : seen.screens) {
    INFO(screen.dump());
    CHECK(screen["pieces"] > 30);
    CHECK(screen["scroll_width"] <= screen["width"]);
    CHECK(screen["overlaps"].empty());
    CHECK(screen["clipped"].empty());
    CHECK(screen["smallest_text_px"] >= 12);
    CHECK(screen["lowest_contrast"] >= 4.5);
    CHECK((screen["background"] < 0.1) == screen["dark"]);
  }
}

TEST_CASE("the browser check sees faults") {
  if (chromium().empty()) {
    WARN("skipped: Chromium is not installed (apt-get install chromium)");
    return;
  }
  Page page("faulty");
  page.html(
      "<img src=\"https://example.org/x.png\" alt=\"\">"
      "<div style=\"position:absolute;left:0;width:3000px;color:#888\">far</div>"
      "<div style=\"position:relative;height:1.5em\"><span style=\"position:absolute\">one</span>"
      "<span style=\"position:absolute\">two</span></div>"
      "<div style=\"overflow:hidden;height:4px\">cut</div>");
  const Seen seen = look_at(page.str());
  CHECK(seen.console.find("Content Security Policy") != std::string::npos);
  CHECK(seen.screens[0]["scroll_width"] == 3000);
  CHECK(seen.screens[0]["overlaps"].size() >= 1);
  CHECK(seen.screens[0]["clipped"] == nlohmann::json::array({"cut"}));
  CHECK(seen.screens[0]["lowest_contrast"] < 4.5);
}
