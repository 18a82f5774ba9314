// SPDX-License-Identifier: Apache-2.0
#include <memory>

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

mpl::FitContext context_of(const cli::App& app, const Options& options, uint64_t seed, dist::Team& team) {
  const bool shares_cores = app.common().threads == 0 && team.size() > 1;
  return {.files = options.files,
          .seed = seed,
          .threads = shares_cores ? team.cores() : static_cast<unsigned>(app.common().threads),
          .stop = &team.stop_requested(),
          .team = &team,
          .shown = options.seeds.empty() && team.is_first(),
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

void write_page(const cli::App& app, const Options& options, uint64_t seed, const mpl::Outcome& outcome,
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
                {"Seed", std::to_string(seed)},
                {"ONNX Runtime", outcome.verified ? fmt::format("{} agrees to {:.1e}", outcome.verified->runtime,
                                                                outcome.verified->largest_error)
                                                  : ""},
                {"Version", std::string(cli::version())}};
  base::write_file(folder.file("report.html"), mpl::page_of(page), app.common().replace());
}

/// One run in a folder of its own: of the first rank, where `path` names one.
mpl::Outcome run(const cli::App& app, const Options& options, const std::string& config, uint64_t seed,
                 const std::string& path, bool resume, dist::Team& team) {
  std::unique_ptr<train::RunFolder> folder;
  if (team.is_first() && !path.empty())
    folder = std::make_unique<train::RunFolder>(path, config, resume, app.common().replace(),
                                                std::vector<std::string>{"steps", "epochs", "log_every", "save_every"});
  mpl::Outcome outcome = mpl::fit(options.train, context_of(app, options, seed, team), folder.get());
  if (outcome.ended == train::Ended::stopped)
    base::warn("stopped early; --resume goes on");
  else if (folder)
    write_page(app, options, seed, outcome, *folder);
  return outcome;
}

/// One seed of one arm of a table.
mpl::Outcome run_arm(const cli::App& app, Options options, const std::string& name, uint64_t seed, dist::Team& team) {
  config::Binder binder;
  options.bind(binder);
  const std::string config = fmt::format("seed: {}\n{}", seed, config::dump_yaml(binder, false));
  const std::string path = options.output.empty() ? "" : fmt::format("{}/{}-seed-{}", options.output, name, seed);
  const bool begun = options.resume && base::written_by_allot(path + "/config.yaml");
  return run(app, options, config, seed, path, begun, team);
}

}  // namespace

int fit(const cli::App& app, const Options& options, dist::Team& team) {
  const auto& common = app.common();
  if (!options.seeds.empty()) return fit_seeds(app, options, team);
  if (common.dry_run) return team.is_first() ? inspect(app, options) : 0;
  if (options.output.empty())
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", "name a folder for the run: -o run/");
  const mpl::Outcome outcome = run(app, options, config::dump_yaml(app.binder(), false),
                                   static_cast<uint64_t>(common.seed), options.output, options.resume, team);
  if (outcome.ended == train::Ended::stopped) return team.stop_code();
  if (!team.is_first()) return 0;
  fmt::print("{}", common.json ? outcome_json(outcome) : outcome_text(outcome));
  base::info("wrote {}/best/student.onnx", base::printable(options.output));
  return 0;
}

int fit_seeds(const cli::App& app, const Options& options, dist::Team& team) {
  const std::vector<uint64_t> seeds = mpl::parse_seeds(options.seeds);
  std::vector<Arm> arms = {{options.train.algo, {}, {}}};
  for (const std::string& name : options.compare) arms.push_back({name, {}, {}});
  for (const uint64_t seed : seeds)
    for (Arm& arm : arms) {
      Options changed = options;
      if (&arm != &arms[0]) changed.train = mpl::arm(options.train, arm.name);
      const mpl::Outcome outcome = run_arm(app, changed, arm.name, seed, team);
      if (outcome.ended == train::Ended::stopped) return team.stop_code();
      if (!outcome.student)
        throw base::Error(base::ErrorKind::usage, "--seeds", "has nothing to compare by",
                          "give --test-data or --test-share");
      arm.student.push_back(outcome.student->score());
      if (outcome.teacher) arm.teacher.push_back(outcome.teacher->score());
      base::info("seed {}, {}: {:.4f}", seed, arm.name, arm.student.back());
    }
  if (!team.is_first()) return 0;
  const std::string json = json_of(arms, seeds);
  fmt::print("{}", app.common().json ? json : table_of(arms));
  if (!options.output.empty()) base::write_file(options.output + "/seeds.json", json, app.common().replace());
  return 0;
}

}  // namespace allot
