// SPDX-License-Identifier: Apache-2.0
#include "mixcal/bench.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "train/statistics.h"

namespace allot::mixcal {
namespace {

/// [seed]: what `of` makes of an arm's losses by domain.
template <typename Of>
std::vector<double> by_seed(const Arm& arm, const Of& of) {
  std::vector<double> values;
  for (const std::vector<double>& losses : arm.losses) values.push_back(of(losses));
  return values;
}

double mean_of(const std::vector<double>& values) { return train::summarize(values).mean; }

/// A difference that is to be below 0 for sure; of one seed nothing is sure.
Criterion below(const std::string& what, const std::vector<double>& found, const std::vector<double>& other) {
  if (found.size() < 2) return {what, fmt::format("{:+.4f}", found[0] - other[0]), "below 0: two seeds or more", {}};
  const train::Interval interval = train::paired_difference(found, other);
  return {what, train::difference_text(interval, 4), "interval below 0", interval.high < 0};
}

/// Steps to the last loss of natural shares, of all: the mean, and the most.
struct Sooner {
  double mean, most;
};
Sooner steps_of(const Calibration& calibration) {
  std::vector<double> steps = judge(calibration.arms[2], calibration.arms[0], calibration.over).steps;
  for (double& each : steps) {
    if (std::isnan(each)) each = std::numeric_limits<double>::infinity();
    each /= static_cast<double>(calibration.compared_steps);
  }
  return {mean_of(steps), *std::max_element(steps.begin(), steps.end())};
}

/// Weights of one domain by seed, over its natural share.
std::vector<double> ratios_of(const Calibration& calibration, size_t domain) {
  std::vector<double> ratios;
  for (const Weights& weights : calibration.by_seed)
    ratios.push_back(weights[domain] / calibration.arms[0].weights[domain]);
  return ratios;
}

/// The largest rise of a domain's loss over natural's on any seed, and on how many domains it falls, at the least.
struct Moves {
  double worst = -std::numeric_limits<double>::infinity();
  size_t least_better;
};
Moves moves_of(const Calibration& calibration) {
  Moves moves{.least_better = calibration.over.size()};
  for (size_t seed = 0; seed < calibration.by_seed.size(); ++seed) {
    size_t better = 0;
    for (const size_t i : calibration.over) {
      const double change = calibration.arms[2].losses[seed][i] - calibration.arms[0].losses[seed][i];
      moves.worst = std::max(moves.worst, change);
      better += change < 0 ? 1 : 0;
    }
    moves.least_better = std::min(moves.least_better, better);
  }
  return moves;
}

Criterion not_worse_than_uniform(const Calibration& calibration) {
  const Verdict found = judge(calibration.arms[2], calibration.arms[1], calibration.over),
                even = judge(calibration.arms[1], calibration.arms[1], calibration.over);
  const std::string what = "average less uniform's";
  if (found.averages.size() < 2)
    return {what, fmt::format("{:+.4f}", found.averages[0] - even.averages[0]), "told", {}};
  return {what, train::difference_text(train::paired_difference(found.averages, even.averages), 4),
          "interval not above 0", !is_worse(calibration.arms[2], calibration.arms[1], calibration.over)};
}

size_t place_of(const Calibration& calibration, const std::string& name) {
  const std::vector<std::string> names = calibration.mixture.names();
  const auto found = std::find(names.begin(), names.end(), name);
  ALLOT_ASSERT(found != names.end());
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

void use_synthetic_settings(CalibrateOptions& options) {
  options.settings.model = {.model = "nano", .length = 33};
  options.settings.batch = 32;
  options.settings.loop.evaluate_every = 20;
  options.settings.schedule.rate = 0.012;
  options.dro.step = 0.03;
  options.epochs = 1000;
}

std::vector<Criterion> synthetic_criteria(const Calibration& calibration, const std::vector<double>& entropy) {
  const auto excess = [&](const std::vector<double>& losses) {
    std::vector<double> values;
    for (size_t i = 0; i < losses.size(); ++i) values.push_back(losses[i] - entropy[i]);
    return values;
  };
  const auto worst = [&](const std::vector<double>& losses) {
    const std::vector<double> values = excess(losses);
    return *std::max_element(values.begin(), values.end());
  };
  const auto average = [&](const std::vector<double>& losses) { return mean_of(excess(losses)); };
  const Arm &natural = calibration.arms[0], &found = calibration.arms[2];
  std::vector<double> worst_ratios;
  const std::vector<double> worst_found = by_seed(found, worst), worst_natural = by_seed(natural, worst);
  for (size_t i = 0; i < worst_found.size(); ++i) worst_ratios.push_back(worst_found[i] / worst_natural[i]);
  const std::vector<double> average_found = by_seed(found, average), average_natural = by_seed(natural, average);
  const double ratio = mean_of(average_found) / mean_of(average_natural), sooner = steps_of(calibration).mean;
  const double hard = mean_of(ratios_of(calibration, place_of(calibration, "hard"))),
               easy = mean_of(ratios_of(calibration, place_of(calibration, "easy"))),
               noise = calibration.mixture.weights()[place_of(calibration, "noise")],
               rise = moves_of(calibration).worst;
  return {{"worst excess over entropy, of natural's", fmt::format("{:.2f}", mean_of(worst_ratios)), "0.80 at most",
           mean_of(worst_ratios) <= 0.80},
          {"average excess, of natural's", fmt::format("{:.2f}", ratio), "0.92 at most", ratio <= 0.92},
          below("average less natural's", average_found, average_natural),
          {"steps to natural's end, of all", fmt::format("{:.2f}", sooner), "0.85 at most", sooner <= 0.85},
          {"weight of hard over its share", fmt::format("{:.2f}", hard), "2.5 at least", hard >= 2.5},
          {"weight of easy over its share", fmt::format("{:.2f}", easy), "0.4 at most", easy <= 0.4},
          {"weight of noise", fmt::format("{:.3f}", noise), "0.10 at most", noise <= 0.10},
          {"largest rise of a domain over natural's", fmt::format("{:+.3f}", rise), "+0.05 at most", rise <= 0.05},
          not_worse_than_uniform(calibration)};
}

std::vector<Criterion> text_criteria(const Calibration& calibration) {
  std::vector<Criterion> criteria;
  const std::vector<std::string> names = calibration.mixture.names();
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::find(calibration.over.begin(), calibration.over.end(), i) != calibration.over.end()) continue;
    const std::vector<double> ratios = ratios_of(calibration, i);
    const double mean = mean_of(ratios), most = *std::max_element(ratios.begin(), ratios.end());
    criteria.push_back({"weight of " + names[i] + " over its share", fmt::format("{:.2f}, {:.2f} at most", mean, most),
                        "0.5, 0.6 at most", mean <= 0.5 && most <= 0.6});
  }
  const Verdict found = judge(calibration.arms[2], calibration.arms[0], calibration.over),
                natural = judge(calibration.arms[0], calibration.arms[0], calibration.over);
  criteria.push_back(below("average less natural's", found.averages, natural.averages));
  const Sooner sooner = steps_of(calibration);
  criteria.push_back({"steps to natural's end, of all", fmt::format("{:.2f}, {:.2f} at most", sooner.mean, sooner.most),
                      "0.80, 0.85 at most", sooner.mean <= 0.80 && sooner.most <= 0.85});
  const Moves moves = moves_of(calibration);
  const size_t wanted = (5 * calibration.over.size() + 7) / 8;
  criteria.push_back({"domains better than with natural shares, every seed",
                      fmt::format("{} of {}", moves.least_better, calibration.over.size()),
                      fmt::format("{} at least", wanted), moves.least_better >= wanted});
  criteria.push_back({"largest rise of a domain over natural's", fmt::format("{:+.3f}", moves.worst), "+0.10 at most",
                      moves.worst <= 0.10});
  criteria.push_back(not_worse_than_uniform(calibration));
  return criteria;
}

bool all_hold(const std::vector<Criterion>& criteria) {
  return std::all_of(criteria.begin(), criteria.end(), [](const Criterion& each) { return each.holds.value_or(true); });
}

train::TextTable criteria_table(const std::vector<Criterion>& criteria) {
  train::TextTable table{{"criterion", "figure", "target", "verdict"}, {}};
  for (const Criterion& each : criteria)
    table.rows.push_back({each.what, each.figure, each.target,
                          !each.holds   ? "told"
                          : *each.holds ? "holds"
                                        : "falls short"});
  return table;
}

std::string to_json(const std::vector<Criterion>& criteria, int64_t tier) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.bench/1").field("tool", "mixcal").field("tier", tier);
  json.key("criteria").begin_array();
  for (const Criterion& each : criteria) {
    json.begin_object(true).field("what", each.what).field("figure", each.figure).field("target", each.target);
    json.key("holds");
    if (each.holds)
      json.value(*each.holds);
    else
      json.null();
    json.end_object();
  }
  return json.end_array().field("all_hold", all_hold(criteria)).end_object().str();
}

}  // namespace allot::mixcal
