// SPDX-License-Identifier: Apache-2.0
#include "report/chart.h"

#include <cmath>
#include <limits>

#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "report/flow.h"
#include "report/svg.h"
#include "report/timeline.h"
#include "report/well_formed.h"

using namespace allot::report;
using allot::test::count;
using allot::test::malformation;

TEST_CASE("ticks are round and cover the range") {
  CHECK(ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(ticks(0.03, 0.97, 5) == std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1});
  CHECK(ticks(-3, 3, 3) == std::vector<double>{-4, -2, 0, 2, 4});
  CHECK(ticks(0, 0.3, 3) == std::vector<double>{0, 0.1, 0.2, 0.3});
  CHECK(ticks(5, 1, 4) == ticks(1, 5, 4));
  CHECK(ticks(7, 7, 4).front() < 7);
  CHECK(ticks(7, 7, 4).back() > 7);
  CHECK(ticks(0, 0, 4).size() >= 2);
}

TEST_CASE("ticks bear any ends and count") {
  const double inf = std::numeric_limits<double>::infinity(), huge = std::numeric_limits<double>::max();
  for (const auto& [low, high] :
       {std::pair{-inf, inf}, {0.0, std::nan("")}, {-huge, huge}, {1e18, 1e18 + 1024}, {0.0, 5e-324}})
    for (const int count : {-1, 0, 1, 5}) {
      const auto values = ticks(low, high, count);
      CHECK(values.size() >= 2);
      CHECK(values.size() <= 22);
      CHECK(values.front() < values.back());
    }
}

TEST_CASE("ticks of random ranges cover them evenly") {
  rc::check([] {
    const double scale = std::pow(10.0, *rc::gen::inRange(-12, 12));
    const double low = *rc::gen::inRange(-100000, 100000) * scale, high = low + *rc::gen::inRange(1, 100000) * scale;
    const int wanted = *rc::gen::inRange(2, 12);
    const auto values = ticks(low, high, wanted);
    RC_ASSERT(values.front() <= low);
    RC_ASSERT(values.back() >= high);
    RC_ASSERT(static_cast<int>(values.size()) <= 4 * wanted + 2);
    const double step = values[1] - values[0];
    for (size_t i = 1; i < values.size(); ++i) RC_ASSERT(std::abs(values[i] - values[i - 1] - step) < 1e-6 * step);
  });
}

TEST_CASE("tick labels are as exact as their step needs") {
  CHECK(tick_label(0.1 + 0.2, 0.1) == "0.3");
  CHECK(tick_label(20000, 5000) == "20k");
  CHECK(tick_label(22500, 2500) == "22.5k");
  CHECK(tick_label(1500, 500) == "1500");
  CHECK(tick_label(3e6, 1e6) == "3M");
  CHECK(tick_label(0, 0.2) == "0");
  CHECK(tick_label(-2, 1) == "-2");
  CHECK(tick_label(2e-7, 1e-7) == "2e-07");
}

TEST_CASE("thinning keeps the ends and the extremes") {
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 100000; ++i) points.emplace_back(i, i == 31415 ? 99.0 : i == 65358 ? -99.0 : std::sin(i));
  const auto thinned = thin(points, 2000);
  CHECK(thinned.size() <= 2000);
  CHECK(thinned.size() >= 1000);
  CHECK(thinned.front() == points.front());
  CHECK(thinned.back() == points.back());
  CHECK(std::count(thinned.begin(), thinned.end(), std::pair(31415.0, 99.0)) == 1);
  CHECK(std::count(thinned.begin(), thinned.end(), std::pair(65358.0, -99.0)) == 1);
  CHECK(std::is_sorted(thinned.begin(), thinned.end(), [](auto& a, auto& b) { return a.first < b.first; }));
  CHECK(thin({{0, 1}, {1, 2}}, 2000).size() == 2);
}

TEST_CASE("line charts are well-formed, bounded and indifferent to missing points") {
  std::vector<std::pair<double, double>> noisy;
  for (int i = 0; i < 200000; ++i) noisy.emplace_back(i, i % 7 == 0 ? std::nan("") : std::cos(i / 1000.0));
  const std::string html = line_chart({{"<a>", noisy}, {"b", {{0, 1}, {100, 2}}, true}}, "step", "loss & more");
  CHECK(malformation(html) == "");
  CHECK(html.size() < 100000);
  CHECK(html.find("&lt;a&gt;") != html.npos);
  CHECK(html.find("nan") == html.npos);
  CHECK(malformation(line_chart({}, "x", "y")) == "");
  CHECK(malformation(line_chart({{"one", {{3, 3}}}}, "x", "y")) == "");
  CHECK(malformation(line_chart({{"one", {{3, 3}}}}, "x", "y", {true, {{"<level>", 1}}})) == "");
  CHECK(malformation(line_chart({{"none", {{0, 3}, {-1, 2}}}}, "x", "y", {true, {}})) == "");
}

TEST_CASE("a logarithmic axis shows powers of ten and levels widen the other") {
  const std::string html = line_chart({{"", {{10, 20}, {1000, 12}, {100'000, 11}}}}, "n", "y", {true, {{"bound", 4}}});
  for (const char* label : {">100<", ">1000<", ">10k<", ">100k<", ">bound<"}) {
    INFO(label);
    CHECK(count(html, label) == 1);
  }
  CHECK(count(html, ">10<") == 2);              // of both axes
  CHECK(html.find("x1=\"50%\"") != html.npos);  // 1000 is half way from 10 to 100,000
  CHECK(count(html, "class=\"limit\"") == 1);
  const std::string narrow = line_chart({{"", {{30, 1}, {90, 2}}}}, "n", "y", {true, {}});
  CHECK(narrow.find(">50<") != narrow.npos);
}

TEST_CASE("occupancy adds up the busy share of each bin") {
  const std::vector<Span> spans = {{0, 2.5, 0}, {2.5, 2.75, 1}, {6, 8, 2}};
  CHECK(occupancy(spans, 8, 4) == std::vector<double>{1, 0.375, 0, 1});
  CHECK(occupancy({{0, 8, 0}, {0, 8, 1}}, 8, 2) == std::vector<double>{1, 1});  // overlap counts once
  CHECK(occupancy({{8, 8, 0}}, 8, 2) == std::vector<double>{0, 0});
}

TEST_CASE("occupancy equals a sum over spans and bins") {
  rc::check([] {
    const auto bins = static_cast<size_t>(*rc::gen::inRange(1, 20));
    std::vector<Span> spans;
    double now = 0;
    for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
      const double start = now + *rc::gen::inRange(0, 50), end = start + *rc::gen::inRange(0, 200);
      spans.push_back({start, end, 0});
      now = end;
    }
    const double horizon = std::max(now, 1.0), width = horizon / static_cast<double>(bins);
    const auto busy = occupancy(spans, horizon, bins);
    for (size_t bin = 0; bin < bins; ++bin) {
      double expected = 0;
      for (const Span& span : spans)
        expected += std::max(0.0, std::min(span.end, (bin + 1) * width) - std::max(span.start, bin * width)) / width;
      RC_ASSERT(std::abs(busy[bin] - expected) < 1e-9);
    }
  });
}

namespace {

std::vector<Lane> busy_lanes(size_t lanes, uint32_t spans_each) {
  std::vector<Lane> result;
  for (size_t i = 0; i < lanes; ++i) {
    Lane lane{"lane <" + std::to_string(i) + ">", "50 %", "c" + std::to_string(i % 8), i % 2 == 1, {}};
    for (uint32_t k = 0; k < spans_each; ++k)
      lane.spans.push_back(
          {k + 0.1 * static_cast<double>(i % 7), k + 0.3 + 0.1 * static_cast<double>((k * 31 + i) % 7), k});
    result.push_back(std::move(lane));
  }
  return result;
}
std::string tooltip(const Lane& lane, const Span& span) { return lane.name + " op" + std::to_string(span.id); }

/// What the script reads of a timeline.
nlohmann::json data_of(const std::string& html) {
  const std::string open = "<script type=\"application/json\">";
  const size_t begin = html.find(open) + open.size();
  return nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

}  // namespace

TEST_CASE("a timeline holds every span with its tooltip, and shades for viewers without scripts") {
  std::vector<Lane> lanes = busy_lanes(3, 10);
  lanes[1].spans[4].critical = true;
  const std::string html = timeline(lanes, 10, "ms", tooltip);
  CHECK(malformation(html) == "");
  const nlohmann::json data = data_of(html);
  CHECK(data["complete"] == true);
  CHECK(data["horizon"] == 10.0);
  REQUIRE(data["lanes"].size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    int64_t start = 0;
    for (size_t k = 0; k < 10; ++k) {
      const double quantum = data["quantum"].get<double>() * 10;
      start += data["lanes"][i]["start"][k].get<int64_t>();
      CHECK(static_cast<double>(start) * quantum == Approx(lanes[i].spans[k].start).margin(quantum));
      CHECK(data["lanes"][i]["length"][k].get<double>() * quantum ==
            Approx(lanes[i].spans[k].end - lanes[i].spans[k].start).margin(2 * quantum));
      CHECK(data["lanes"][i]["text"][k] == tooltip(lanes[i], lanes[i].spans[k]));
    }
  }
  CHECK(data["lanes"][1]["critical"] == nlohmann::json::array({4}));
  CHECK(count(html, "class=\"spans critical\"") == 1);
  CHECK(count(html, "class=\"spans c0 s") >= 1);
  CHECK(html.find("0 ms") != html.npos);
  CHECK(malformation(timeline({}, 0, "ms", tooltip)) == "");
}

TEST_CASE("a long timeline keeps the critical and the longest spans and stays small") {
  std::vector<Lane> lanes = busy_lanes(16, 20'000);
  lanes[3].spans[77].critical = true;
  lanes[3].spans[77].end = lanes[3].spans[77].start + 1e-3;  // the shortest of all
  const std::string html = timeline(lanes, 20'000, "ms", tooltip);
  CHECK(malformation(html) == "");
  CHECK(html.size() < 2'700'000);
  const nlohmann::json data = data_of(html);
  CHECK(data["complete"] == false);
  size_t kept = 0;
  double shortest = 1e9;
  for (const auto& lane : data["lanes"]) {
    kept += lane["text"].size();
    for (size_t k = 0; k < lane["length"].size(); ++k)
      if (!(lane["critical"].size() == 1 && lane["critical"][0] == k))
        shortest = std::min(shortest, lane["length"][k].get<double>());
  }
  CHECK(kept > 20'000);
  CHECK(data["lanes"][3]["critical"].size() == 1);
  size_t longer = 0;  // of all spans, those longer than the shortest that was kept
  for (const Lane& lane : lanes)
    for (const Span& span : lane.spans) longer += (span.end - span.start) / 20'000 / 1e-8 > shortest + 2;
  CHECK(longer <= kept);
  CHECK(html.find(std::to_string(16 * 20'000 - kept) + " shortest bars") != html.npos);
  CHECK(timeline(busy_lanes(100, 5000), 5000, "ms", tooltip).size() < 3'000'000);
}

TEST_CASE("names in a timeline cannot end its data") {
  std::vector<Lane> lanes = {{"</script><b>", "", "c0", false, {{0, 1, 0}}}};
  const std::string html =
      timeline(lanes, 1, "ms", [](auto&, auto&) { return std::string("</script>\xFF\n<img \"x\">"); });
  CHECK(malformation(html) == "");
  CHECK(count(html, "</script>") == 1);
  CHECK(data_of(html)["lanes"][0]["text"][0] == "</script>\uFFFD <img \"x\">");
}

TEST_CASE("flows conserve their amounts and leave idle nodes out") {
  const std::vector<FlowNode> nodes = {{"a&b", "c0"}, {"b", "c1"}, {"idle", "c2"}};
  const auto format = [](double amount) { return short_number(amount); };
  const std::string html = flow_diagram(nodes, {{0, 1, 30}, {1, 0, 10}, {0, 0, 5}}, format);
  CHECK(malformation(html) == "");
  CHECK(count(html, "ribbon c0") == 2);
  CHECK(html.find("a&amp;b → b: 30") != html.npos);
  CHECK(html.find("<small>35</small>") != html.npos);  // a sends 30 + 5
  CHECK(html.find("<small>15</small>") != html.npos);  // a receives 10 + 5
  CHECK(html.find("idle") == html.npos);
  CHECK(malformation(flow_diagram(nodes, {}, format)) == "");
}

TEST_CASE("numbers in drawings are short") {
  CHECK(short_number(12.5) == "12.5");
  CHECK(short_number(12.0) == "12");
  CHECK(short_number(100, 0) == "100");
  CHECK(short_number(-0.001) == "0");
  CHECK(short_number(0.123456, 3) == "0.123");
}

TEST_CASE("a scatter plot draws each point once in the colour of its category, later categories above") {
  const std::vector<Dot> points = {{0, 0, 1}, {1, 2, 0}, {std::nan(""), 1, 0}, {2, 1, 17}};
  std::vector<std::string> names(18, "kind");
  names[1] = "a<b>";
  const std::string html = scatter_chart(points, names, "x", "y", [](size_t i) { return "<op" + std::to_string(i); });
  CHECK(malformation(html) == "");
  CHECK(count(html, "<circle") == 3);  // one is not finite
  CHECK(html.find("class=\"dot c1 p1\"") != html.npos);
  CHECK(html.find("<title>&lt;op1</title>") < html.find("<title>&lt;op0</title>"));
  CHECK(html.find("a&lt;b&gt;") != html.npos);
  CHECK(html.find("points are drawn") != html.npos);
  CHECK(malformation(scatter_chart({}, {}, "x", "y", {})) == "");
}

TEST_CASE("a scatter plot of very many points stays small") {
  std::vector<Dot> points;
  for (size_t i = 0; i < 100'000; ++i) points.push_back({static_cast<double>(i % 1000), i / 1000.0, i % 3});
  const std::string html =
      scatter_chart(points, {"a", "b", "c"}, "x", "y", [](size_t i) { return "op" + std::to_string(i); });
  CHECK(count(html, "<circle") == 4000);
  CHECK(html.find("4000 of 100000 points are drawn.") != html.npos);
  CHECK(html.size() < 1'000'000);
}
