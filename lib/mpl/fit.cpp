// SPDX-License-Identifier: Apache-2.0
#include "mpl/fit.h"

#include <charconv>
#include <sstream>

#include "base/error.h"
#include "base/log.h"

namespace allot::mpl {
namespace {

uint64_t seed_of(std::string_view text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size())
    throw base::Error(base::ErrorKind::usage, "--seeds", fmt::format("'{}' is no number", base::printable(text)),
                      "write 1..10 or 1,4,9");
  return seed;
}

void write(const Training& training, const train::RunFolder& folder, const FitContext& context, Outcome& outcome) {
  const std::map<std::string, std::string> metadata = {{"allot.tool", "mpl-train"}};
  const std::string path = folder.file("best/student.onnx");
  outcome.written = training.result_network().write(path, context.replace, metadata);
  if (context.keep_teacher && training.teacher_network())
    training.teacher_network()->write(folder.file("best/teacher.onnx"), context.replace, metadata);
  outcome.verified = verify(path, training.feed().unlabelled(), training.features(), context.python);
  if (outcome.verified && !outcome.verified->holds())
    throw base::Error(base::ErrorKind::check_failed, path,
                      fmt::format("ONNX Runtime {} computes something else: an error of {:.2g}",
                                  outcome.verified->runtime, outcome.verified->largest_error),
                      "please report it with the network");
}

}  // namespace

Outcome fit(const TrainOptions& options, const FitContext& context, train::RunFolder* folder) {
  Training training(context.files, options, context.seed, context.threads, context.team);
  train::Loop loop(training, folder, options.settings.loop,
                   {.schema = kTrainingSchema,
                    .fingerprint = training.fingerprint(),
                    .steps_per_epoch = training.steps_per_epoch(),
                    .stop = context.stop,
                    .team = context.team,
                    .shown = context.shown});
  if (folder) training.feed().write_split(folder->file("split.json"), base::Replace::own);
  Outcome outcome;
  outcome.ended = loop.run();
  outcome.steps = loop.step();
  outcome.skipped = loop.skipped();
  outcome.seconds = loop.seconds();
  if (outcome.ended == train::Ended::stopped) return outcome;
  loop.take_best();
  training.fine_tune();
  const Feed& feed = training.feed();
  outcome.class_names = feed.labelled().source->dataset.class_names;
  const Part& last = feed.test().items.empty() ? feed.validation() : feed.test();
  if (!last.items.empty()) {
    outcome.student = training.result_on(last);
    if (training.teacher_network()) outcome.teacher = training.teacher_on(last);
  }
  if (folder) write(training, *folder, context, outcome);
  return outcome;
}

TrainOptions arm(const TrainOptions& options, const std::string& name) {
  TrainOptions changed = options;
  changed.algo = name == "none" ? "mpl" : name;
  if (name == "none") changed.settings.meta.feedback.kind = "none";
  return changed;
}

std::vector<uint64_t> parse_seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  if (const size_t dots = text.find(".."); dots != std::string::npos) {
    const uint64_t first = seed_of(text.substr(0, dots)), last = seed_of(text.substr(dots + 2));
    if (last < first || last - first >= 10'000)
      throw base::Error(base::ErrorKind::usage, "--seeds", "has none or too many", "write 1..10");
    for (uint64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
    return seeds;
  }
  std::istringstream in(text);
  for (std::string each; std::getline(in, each, ',');) seeds.push_back(seed_of(each));
  return seeds;
}

}  // namespace allot::mpl
