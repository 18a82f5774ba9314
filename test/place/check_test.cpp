// SPDX-License-Identifier: Apache-2.0
#include "place/check.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "place/chain.h"

using namespace allot;
using namespace allot::place;
using namespace allot::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

const UnitPlacement kFirstOnCpu = {0, 1, 1, 1};  // 10 + 1 + 2 + 2 + 2 = 17 ms

CheckReport run(const Problem& today, const Sidecar& baseline, const Sidecar& fresh) {
  return check(today, numbered(today.graph().num_ops()), baseline, fresh, {});
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<std::string> regressions(const CheckReport& report) {
  std::vector<std::string> names;
  for (const auto& r : report.regressions) names.push_back((r.fresh ? "fresh " : "stored ") + r.metric + r.device);
  return names;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("nothing changed: the check passes") {
  const Problem problem = chain_problem(chain(4), two_devices());
  const Sidecar sidecar = stored(problem, kFirstOnCpu);
  const CheckReport report = run(problem, sidecar, sidecar);
  CHECK(report.passed());
  CHECK(report.rescorable);
  CHECK_FALSE((report.model_changed || report.file_changed || report.costs_changed || report.cluster_changed ||
               report.placement_changed));
  CHECK(report.rescored == sidecar.metrics);
  CHECK(report.changes.compared == 4);
  const std::string text = to_text(report);
  CHECK(first_line(text) == "PASS: makespan 17.0 ms, stored 17.0 ms");
  CHECK_THAT(text, Contains("changed: nothing; the same: model, costs, cluster, placement\n"));
  CHECK_THAT(text, Contains("  allowed to grow by: makespan 2 %, peak memory 2 %, crossings 0 %\n"));
  CHECK_THAT(text, !Contains("*"));
}

TEST_CASE("a slower device: the costs changed and the stored placement got worse") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(4), two_devices(), 10, 3);
  const CheckReport report = run(today, stored(before, kFirstOnCpu), stored(today, kFirstOnCpu));
  CHECK_FALSE(report.passed());
  CHECK(report.costs_changed);
  CHECK_FALSE((report.model_changed || report.cluster_changed || report.placement_changed));
  CHECK(regressions(report) == Names{"stored makespan_us", "fresh makespan_us"});
  CHECK(report.regressions[0].before == Approx(17'000));
  CHECK(report.regressions[0].after == Approx(20'000));
  const std::string text = to_text(report);
  CHECK(first_line(text) ==
        "FAIL: makespan of the stored placement went from 17.0 ms to 20.0 ms (+17.6 %), and 1 more regression");
  CHECK_THAT(text, Contains("changed: costs; the same: model, cluster, placement\n"));
  CHECK_THAT(text, Contains("* 20.0 ms (+17.6 %)"));
  CHECK_THAT(text, Contains("  * grew by more than allowed: makespan 2 %, peak memory 2 %, crossings 0 %\n"));
  CHECK_THAT(text, Contains("the stored placement itself got worse by what changed"));
}

TEST_CASE("one op more: the model changed, and its stored placement cannot be re-scored") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(5), two_devices());
  const CheckReport report = run(today, stored(before, kFirstOnCpu), stored(today, {1, 1, 1, 1, 1}));
  CHECK(report.model_changed);
  CHECK_FALSE(report.rescorable);
  CHECK_FALSE(report.costs_changed);  // of another model: not comparable
  CHECK(report.passed());             // 10 ms on the GPU alone
  CHECK(report.changes.added == Names{"op_4"});
  const std::string text = to_text(report);
  CHECK(first_line(text) == "PASS: makespan 10.0 ms (-41.2 %), stored 17.0 ms");
  CHECK_THAT(text, Contains("changed: model, placement; the same: cluster\n"));
  CHECK_THAT(
      text, Contains("cannot be re-scored: 1 of 5 units have no stored device that may run them, the first with op_4"));
  CHECK_THAT(text, Contains("\nnew ops:\n  op_4\n"));
  CHECK_THAT(text, Contains("\nmoved to another device, 1 of 4 ops that both have:\n  op_0: cpu0 -> gpu0\n"));
  CHECK_THAT(text, !Contains("re-scored today"));
}

TEST_CASE("only the placement changed: the search is to blame") {
  const Problem problem = chain_problem(chain(4), two_devices());
  const CheckReport report = run(problem, stored(problem, kFirstOnCpu), stored(problem, {0, 1, 0, 1}));
  CHECK(report.placement_changed);
  CHECK_FALSE((report.model_changed || report.costs_changed || report.cluster_changed));
  CHECK(regressions(report) == Names{"fresh makespan_us", "fresh crossings"});
  CHECK(report.changes.moved == Names{"op_2: gpu0 -> cpu0"});
  const std::string text = to_text(report);
  CHECK(first_line(text) ==
        "FAIL: makespan of the fresh placement went from 17.0 ms to 27.0 ms (+58.8 %), and 1 more regression");
  CHECK_THAT(text, Contains("today's search found a worse one"));
  CHECK_THAT(text, Contains("* 3 (+200.0 %)"));
}

TEST_CASE("a device that is gone is named") {
  const Problem before = chain_problem(chain(4), two_devices());
  const Problem today = chain_problem(chain(4), two_devices("16GiB", "gpu9"));
  const CheckReport report = run(today, stored(before, kFirstOnCpu), stored(today, kFirstOnCpu));
  CHECK(report.cluster_changed);
  CHECK_FALSE(report.rescorable);
  CHECK(report.changes.details ==
        Names{"cluster devices gpu0: present -> absent", "cluster devices gpu9: absent -> present"});
  CHECK_THAT(to_text(report), Contains("3 of 4 units have no stored device"));
}

TEST_CASE("figures of the cluster that changed are shown before and after") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(4), two_devices("8GiB"));
  const CheckReport report = run(today, stored(before, kFirstOnCpu), stored(today, kFirstOnCpu));
  CHECK(report.cluster_changed);
  CHECK_FALSE(report.costs_changed);
  CHECK(report.passed());
  CHECK(report.changes.details == Names{"cluster devices gpu0 memory: 16GiB -> 8GiB"});
}

TEST_CASE("memory that no longer suffices is a regression") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(4), two_devices("1MiB"));
  const CheckReport report = run(today, stored(before, kFirstOnCpu), stored(today, {0, 0, 0, 0}));
  REQUIRE_FALSE(report.regressions.empty());
  CHECK(report.regressions[0].metric == "overflow_bytes");
  CHECK_FALSE(report.regressions[0].fresh);
  CHECK_THAT(first_line(to_text(report)), StartsWith("FAIL: beyond capacity of the stored placement went from 0 B to"));
}

TEST_CASE("a re-export with other names is the same model in another file") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(4, "x_"), two_devices());
  Sidecar fresh = stored(today, kFirstOnCpu);
  fresh.model_hash = "other bytes";
  const CheckReport report = run(today, stored(before, kFirstOnCpu), fresh);
  CHECK(report.passed());
  CHECK(report.file_changed);
  CHECK_FALSE(report.model_changed);
  CHECK(report.changes.compared == 4);
  CHECK_THAT(
      to_text(report),
      Contains("changed: model file (names, weights or metadata); the same: model graph, costs, cluster, placement\n"));
}

TEST_CASE("dimensions and the cost model's version are told") {
  const Problem problem = chain_problem(chain(4), two_devices());
  Sidecar baseline = stored(problem, kFirstOnCpu), fresh = baseline;
  baseline.dims = {{"batch", 1}, {"seq", 128}};
  fresh.dims = {{"batch", 8}, {"time", 3}};
  ++fresh.cost_model_version;
  const CheckReport report = run(problem, baseline, fresh);
  CHECK(report.costs_changed);
  CHECK(report.changes.details == Names{"dimension batch: 1 -> 8", "dimension seq: 128 -> absent",
                                        "dimension time: absent -> 3", "cost model: version 1 -> 2"});
}

TEST_CASE("tolerances are relative, and what equals them passes") {
  const Problem problem = chain_problem(chain(4), two_devices());
  const Sidecar baseline = stored(problem, kFirstOnCpu);
  const auto passes = [&](auto change) {
    Sidecar fresh = baseline;
    change(fresh.metrics);
    return run(problem, baseline, fresh).passed();
  };
  CHECK(passes([](Metrics& m) { m.makespan_us *= 1.019; }));
  CHECK_FALSE(passes([](Metrics& m) { m.makespan_us *= 1.021; }));
  CHECK(passes([](Metrics& m) { m.peak_bytes["gpu0"] += m.peak_bytes["gpu0"] / 50; }));
  CHECK_FALSE(passes([](Metrics& m) { m.peak_bytes["gpu0"] += m.peak_bytes["gpu0"] / 49; }));
  CHECK_FALSE(passes([](Metrics& m) { m.peak_bytes["gpu1"] = 1; }));
  CHECK_FALSE(passes([](Metrics& m) { ++m.crossings; }));
  CHECK(passes([](Metrics& m) { m.bytes_moved *= 2; }));

  Tolerances loose;
  loose.makespan = 0.5, loose.crossings = 1;
  Sidecar fresh = baseline;
  fresh.metrics.makespan_us *= 1.5, fresh.metrics.crossings *= 2;
  CHECK(check(problem, numbered(4), baseline, fresh, loose).passed());
}

TEST_CASE("long lists end with a count") {
  const uint32_t ops = 70;
  const Problem problem = chain_problem(chain(ops), two_devices());
  const CheckReport report =
      run(problem, stored(problem, UnitPlacement(ops, 0)), stored(problem, UnitPlacement(ops, 1)));
  CHECK(report.changes.moved_ops == ops);
  REQUIRE(report.changes.moved.size() == 51);
  CHECK(report.changes.moved.back() == "... and 20 more");
  CHECK(report.passed() == false);  // the GPU's memory was not used before
}

TEST_CASE("the JSON report has everything that the text has") {
  const Problem before = chain_problem(chain(4), two_devices()), today = chain_problem(chain(4), two_devices(), 10, 3);
  const auto as_json = [](const CheckReport& report) {
    ModelCheck check;
    check.model = "m.onnx";
    check.report = report;
    return base::parse_json(to_json({check}), "report");
  };
  const auto whole = as_json(run(today, stored(before, kFirstOnCpu), stored(today, {1, 1, 1, 1})));
  CHECK(whole["schema"] == "allot.check/1");
  CHECK(whole["passed"] == false);
  const auto& json = whole["models"][0];
  CHECK(json["model"] == "m.onnx");
  CHECK(json["passed"] == false);
  CHECK(json["changed"]["costs"] == true);
  CHECK(json["changed"]["model"] == false);
  CHECK(json["changed"]["placement"] == true);
  CHECK(json["stored"]["makespan_us"] == 17000.0);
  CHECK(json["rescored"]["makespan_us"] == 20000.0);
  CHECK(json["fresh"]["makespan_us"] == 12000.0);
  CHECK(json["regressions"][0]["metric"] == "makespan_us");
  CHECK(json["regressions"][0]["placement"] == "stored");
  CHECK(json["moved"] == nlohmann::json::array({"op_0: cpu0 -> gpu0"}));
  CHECK(json["compared_ops"] == 4);
  CHECK(json["tolerances"]["makespan"] == 0.02);

  const Problem longer = chain_problem(chain(5), two_devices());
  const auto all = as_json(run(longer, stored(before, kFirstOnCpu), stored(longer, {0, 1, 1, 1, 1})));
  const auto& other = all["models"][0];
  CHECK(other["rescored"].is_null());
  CHECK_FALSE(other["obstacle"] == "");
}

TEST_CASE("diff shows two placements side by side") {
  const Problem problem = chain_problem(chain(4), two_devices());
  const Sidecar a = stored(problem, kFirstOnCpu);
  Sidecar b = stored(problem, {0, 0, 1, 1});
  b.method = "heft";
  const std::string text = diff_text(a, b);
  CHECK(first_line(text) == "1 of 4 ops are on another device; makespan 17.0 ms -> 25.0 ms (+47.1 %)");
  CHECK_THAT(text, Contains("different: method by hand -> heft\n"));
  CHECK_THAT(text, Contains("op_1: gpu0 -> cpu0"));
  CHECK_THAT(text, Contains("25.0 ms (+47.1 %)\n"));
  CHECK_THAT(diff_text(a, a), StartsWith("0 of 4 ops are on another device; makespan 17.0 ms -> 17.0 ms\n\n"));
}
