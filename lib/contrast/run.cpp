// SPDX-License-Identifier: Apache-2.0
#include "contrast/run.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allot::contrast {
namespace {

std::vector<int64_t> bytes_of_ranks(int64_t own, dist::Team* team) {
  if (!team) return {own};
  dist::WireWriter out;
  out.number(own);
  std::vector<int64_t> all;
  for (const std::string& bytes : team->gather(out.take())) all.push_back(dist::WireReader(bytes).number<int64_t>());
  return all;
}

}  // namespace

Outcome run(Training& training, const TrainOptions& options, const RunContext& context, train::RunFolder* folder) {
  train::Loop loop(training, folder, options.loop,
                   {.schema = kTrainingSchema,
                    .fingerprint = training.fingerprint(),
                    .steps_per_epoch = training.steps_per_epoch(),
                    .stop = context.stop,
                    .team = context.team,
                    .shown = context.shown});
  Outcome outcome;
  outcome.ended = loop.run();
  outcome.steps = loop.step();
  outcome.skipped = loop.skipped();
  outcome.seconds = loop.seconds();
  outcome.micro = training.micro();
  if (outcome.ended == train::Ended::stopped) return outcome;
  outcome.optimizer_bytes = bytes_of_ranks(training.optimizer_bytes(), context.team);
  outcome.weight_bytes = bytes_of_ranks(training.weight_bytes().kept, context.team);
  outcome.most_weight_bytes = bytes_of_ranks(training.weight_bytes().most, context.team);
  loop.take_best();
  outcome.scale = std::exp(training.temperature().log_scale);
  outcome.bias = training.temperature().bias;
  if (training.evaluation())
    outcome.retrieval = retrieval(training.towers(), *training.evaluation(), training.micro(), context.threads);
  return outcome;
}

std::vector<std::string> write_towers(const Towers& towers, const Temperature& temperature, const std::string& prefix,
                                      base::Replace replace) {
  const std::map<std::string, std::string> metadata = {
      {"allot.tool", "contrast-train"},
      {"allot.contrast.logit_scale", fmt::format("{}", std::exp(temperature.log_scale))},
      {"allot.contrast.logit_bias", fmt::format("{}", temperature.bias)},
      {"allot.contrast.embed_dim", fmt::format("{}", towers.first.dimension())},
      {"allot.contrast.normalized", towers.first.options().normalised ? "true" : "false"}};
  std::vector<std::string> paths = {prefix + "image.onnx"};
  towers.first.network().write(paths.back(), replace, metadata);
  if (towers.tied()) return paths;
  paths.push_back(prefix + "text.onnx");
  towers.second.network().write(paths.back(), replace, metadata);
  return paths;
}

std::optional<train::RuntimeCheck> check_written(const Tower& tower, const std::string& path, const PairSource& source,
                                                 Side side, const std::string& python) {
  constexpr int64_t kItems = 64;
  const int64_t fixed = tower.network().batch().declared;
  if (fixed > source.size()) return std::nullopt;
  std::vector<int64_t> items(static_cast<size_t>(fixed > 0 ? fixed : std::min(kItems, source.size())));
  std::iota(items.begin(), items.end(), int64_t{0});
  const auto found = train::check_runtime(path, source.rows(side, items), python);
  if (found && !found->holds())
    throw base::Error(base::ErrorKind::check_failed, base::printable(path),
                      fmt::format("ONNX Runtime {} computes something else: an error of {:.2g}", found->runtime,
                                  found->largest_error),
                      "please report it with the encoder");
  return found;
}

}  // namespace allot::contrast
