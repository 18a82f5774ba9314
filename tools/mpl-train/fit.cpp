// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/version.h"
#include "commands.h"
#include "mpl/page.h"
#include "text.h"
#include "train/comparison.h"
#include "train/run_folder.h"

namespace allot {
namespace {

mpl::FitContext context_of(const cli::App& app, const Options& options, uint64_t seed) {
  return {.files = options.files,
          .seed = seed,
          .threads = static_cast<unsigned>(app.common().threads),
          .stop = &cli::stop_requested(),
          .shown = options.seeds.empty(),
          .python = options.python,
          .keep_teacher = options.keep_teacher,
          .replace = app.common().replace()};
}

/// The scores of one way to train, by seed.
struct Arm {
  std::string name;
  std::vector<double> student, teacher;
};

std::string table_of(const std::vector<Arm>& arms) {
  std::vector<train::Contender> contenders;
  for (const Arm& arm : arms) {
    contenders.push_back({arm.name, arm.student});
    if (!arm.teacher.empty()) contenders.push_back({arm.name + ", teacher", arm.teacher});
  }
  return text_of(train::comparison_table(contenders, 0, "score", 4));
}

std::string json_of(const std::vector<Arm>& arms, const std::vector<uint64_t>& seeds) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.mpl-seeds/1").field("seeds", seeds).key("algorithms").begin_array();
  for (const Arm& arm : arms) {
    json.begin_object(true).field("name", arm.name).field("student", arm.student).field("teacher", arm.teacher);
    json.end_object();
  }
  return json.end_array().end_object().str();
}

void write_page(const cli::App& app, const Options& options, const mpl::Outcome& outcome,
                const train::RunFolder& folder) {
  const mpl::TrainOptions& train = options.train;
  mpl::RunPage page{
      outcome.student, outcome.teacher, outcome.class_names, train::read_records(folder.file("metrics.jsonl")), {}};
  page.facts = {{"Student", options.files.student},
                {"Teacher", options.files.teacher},
                {"Data", train.data.data},
                {"Algorithm", train.algo == "mpl" ? "mpl, feedback " + train.settings.meta.feedback.kind : train.algo},
                {"Steps", std::to_string(outcome.steps)},
                {"Skipped", std::to_string(outcome.skipped)},
                {"Seed", std::to_string(app.common().seed)},
                {"ONNX Runtime", outcome.verified ? fmt::format("{} agrees to {:.1e}", outcome.verified->runtime,
                                                                outcome.verified->largest_error)
                                                  : ""},
                {"Version", std::string(cli::version())}};
  base::write_file(folder.file("report.html"), mpl::page_of(page), app.common().replace());
}

}  // namespace

int fit(const cli::App& app, const Options& options) {
  const auto& common = app.common();
  if (!options.seeds.empty()) return fit_seeds(app, options);
  if (common.dry_run) return inspect(app, options);
  if (options.output.empty())
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", "name a folder for the run: -o run/");
  train::RunFolder folder(options.output, config::dump_yaml(app.binder(), false), options.resume, common.replace(),
                          {"steps", "epochs", "log_every", "save_every"});
  const mpl::Outcome outcome =
      mpl::fit(options.train, context_of(app, options, static_cast<uint64_t>(common.seed)), &folder);
  if (outcome.ended == train::Ended::stopped) {
    base::warn("stopped early; --resume goes on");
    return cli::stop_exit_code();
  }
  fmt::print("{}", common.json ? outcome_json(outcome) : outcome_text(outcome));
  write_page(app, options, outcome, folder);
  base::info("wrote {}", folder.file("best/student.onnx"));
  return 0;
}

int fit_seeds(const cli::App& app, const Options& options) {
  const std::vector<uint64_t> seeds = mpl::parse_seeds(options.seeds);
  std::vector<Arm> arms = {{options.train.algo, {}, {}}};
  for (const std::string& name : options.compare) arms.push_back({name, {}, {}});
  for (const uint64_t seed : seeds)
    for (Arm& arm : arms) {
      const mpl::TrainOptions changed = &arm == &arms[0] ? options.train : mpl::arm(options.train, arm.name);
      const mpl::Outcome outcome = mpl::fit(changed, context_of(app, options, seed), nullptr);
      if (outcome.ended == train::Ended::stopped) return cli::stop_exit_code();
      if (!outcome.student)
        throw base::Error(base::ErrorKind::usage, "--seeds", "has nothing to compare by",
                          "give --test-data or --test-share");
      arm.student.push_back(outcome.student->score());
      if (outcome.teacher) arm.teacher.push_back(outcome.teacher->score());
      base::info("seed {}, {}: {:.4f}", seed, arm.name, arm.student.back());
    }
  const std::string json = json_of(arms, seeds);
  fmt::print("{}", app.common().json ? json : table_of(arms));
  if (!options.output.empty()) base::write_file(options.output, json, app.common().replace());
  return 0;
}

}  // namespace allot
