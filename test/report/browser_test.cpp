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
  page.section("Timeline", timeline(lanes, 51, "ms", [](auto&, auto& span) {
                 return "op" + std::to_string(span.id) + " (Conv): 0.7 ms";
               }));
  Series curve{"run", {}, false};
  for (int i = 0; i < 100; ++i) curve.points.emplace_back(i * 500, std::exp(-i / 30.0));
  page.section("Curve", line_chart({curve, {"other", {{0, 0.5}, {49500, 0.4}}, true}}, "step", "loss"));
  page.section("Search",
               line_chart({{"", {{9, 3}, {20000, 1}}, true}}, "evaluations", "Makespan, ms", {true, {{"bound", 0.5}}}));
  std::vector<Dot> dots;
  for (size_t i = 0; i < 300; ++i) dots.push_back({std::sin(double(i)) * i, std::cos(double(i)) * i, i % 18});
  std::vector<std::string> kinds;
  for (size_t i = 0; i < 18; ++i) kinds.push_back("OperatorNumber" + std::to_string(i));
  page.section("Scatter", scatter_chart(dots, kinds, "first principal component (43 % of the variance)",
                                        "second principal component (<1 % of the variance)",
                                        [](size_t i) { return "op" + std::to_string(i); }));
  page.section("Parts", stacked_bar({{0.6, "c0", false, "gpu0", "60 %"}, {0.4, "c0", true, "gpu0 → gpu1", "40 %"}}));
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

TEST_CASE("a reader can magnify a timeline, move along it and ask what a bar is") {
  if (chromium().empty()) {
    WARN("skipped: Chromium is not installed (apt-get install chromium)");
    return;
  }
  const Seen seen = look_at(page_of_everything().str(), R"js(
    const frame = doc.querySelector('.frame'), svg = frame.querySelector('svg'), box = svg.getBoundingClientRect();
    const tip = doc.querySelector('.tip'), result = {};
    const ticks = () => [...svg.querySelectorAll('.grid + text')].map(text => parseFloat(text.textContent));
    const key = name => frame.dispatchEvent(new win.KeyboardEvent('keydown', {key: name}));
    const point = (type, x) => frame.dispatchEvent(new win.PointerEvent(type, {clientX: box.left + x * box.width,
      clientY: box.top + 12, bubbles: true, pointerId: 1, button: 0}));
    result.all = ticks();
    point('pointermove', 10.5 / 51);
    result.pointed = tip.textContent;
    point('pointermove', 11.05 / 51);
    result.between = tip.style.visibility;
    const wheel = new win.WheelEvent('wheel', {deltaY: -900, clientX: box.left + box.width / 2, ctrlKey: true,
                                                 cancelable: true});
    frame.dispatchEvent(wheel);
    result.magnified = ticks();
    result.kept_from_page = wheel.defaultPrevented;
    result.names = svg.querySelectorAll('.name').length;
    key('ArrowRight');
    result.moved = ticks();
    point('pointerdown', 0.8); point('pointermove', 0.3);
    win.dispatchEvent(new win.PointerEvent('pointerup'));
    result.dragged = ticks();
    key('0');
    result.again = ticks();
    key('.');
    result.first = tip.textContent;
    key('.');
    result.next = tip.textContent;
    const plain = new win.WheelEvent('wheel', {deltaY: -900, cancelable: true});
    frame.dispatchEvent(plain);
    result.scrolls_page = !plain.defaultPrevented;
    return result;)js");
  CHECK(seen.console == "");
  const auto& is = seen.probed;
  INFO(is.dump());
  CHECK(is["all"].front() == 0);
  CHECK(is["all"].back() == 50);
  CHECK(is["pointed"] == "op10 (Conv): 0.7 ms");
  CHECK(is["between"] == "hidden");
  CHECK(is["magnified"].front() > 23);  // 51 ms / e^3 around the middle
  CHECK(is["magnified"].back() < 27);
  CHECK(is["kept_from_page"] == true);
  CHECK(is["names"] > 0);
  CHECK(is["moved"].front() > is["magnified"].front());
  CHECK(is["dragged"].front() > is["moved"].front());
  CHECK(is["again"] == is["all"]);
  CHECK(is["first"] == "op0 (Conv): 0.7 ms");
  CHECK(is["next"] == "op1 (Conv): 0.7 ms");
  CHECK(is["scrolls_page"] == true);
}

TEST_CASE("a viewer without scripts sees the same timeline at rest") {
  if (chromium().empty()) {
    WARN("skipped: Chromium is not installed (apt-get install chromium)");
    return;
  }
  std::string html = page_of_everything().str();
  const size_t script = html.find("<script>");
  html.erase(script, html.find("</script>", script) - script);
  const Seen seen = look_at(html, R"js(
    const drawn = e => win.getComputedStyle(e).display !== 'none';
    const shown = query => [...doc.querySelectorAll(query)].filter(drawn).length;
    return {shades: shown('.spans'), ticks: shown('.still.broad') + shown('.still.narrow'),
            buttons: shown('.zoom')};)js");
  CHECK(seen.console == "");
  CHECK(seen.probed["shades"] >= 4);
  CHECK(seen.probed["ticks"] == 1);
  CHECK(seen.probed["buttons"] == 0);
  for (const auto& screen : seen.screens) CHECK(screen["overlaps"].empty());
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

  std::string broken = page_of_everything().str();
  broken.replace(broken.find("{\"horizon\":"), 11, "{\"horizon:");
  CHECK(look_at(broken).console.find("SyntaxError") != std::string::npos);
}
