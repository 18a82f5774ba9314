// SPDX-License-Identifier: Apache-2.0
// Commands that train children alone: retrain, table.
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "commands.h"
#include "enas/derive.h"
#include "enas/score_table.h"
#include "onnxio/reader.h"
#include "train/run_folder.h"

namespace allot {

int retrain(const cli::App& app, const Options& options, const std::string& file) {
  require_output(options, "a folder for the run");
  const enas::SearchOptions& settings = options.search;
  const auto seed = static_cast<uint64_t>(app.common().seed);
  auto model = std::make_shared<ir::Model>(onnxio::read(file));
  if (options.weights == "init") enas::draw_weights(*model, enas::init_scheme(*model), seed);
  const auto datasets = enas::read_datasets(settings.data, enas::task_of(settings.task));
  enas::ChildTraining training(std::move(model), *datasets, settings, seed);
  train::RunFolder folder(options.output, config::dump_yaml(app.binder(), false), options.resume,
                          app.common().replace(), {"steps", "epochs", "log_every", "save_every", "threads"});
  train::Loop loop(training, &folder, settings.loop,
                   {.schema = enas::kChildSchema,
                    .fingerprint = training.fingerprint(),
                    .steps_per_epoch = training.steps_per_epoch(),
                    .stop = &cli::stop_requested(),
                    .shown = true});
  if (loop.run() == train::Ended::stopped) {
    base::warn("stopped early; --resume goes on");
    return cli::stop_exit_code();
  }
  loop.take_best();
  training.network().write(folder.file("best/child.onnx"), app.common().replace(), {{"allot.tool", "enas-search"}});
  const enas::ChildScores scores = training.scores();
  if (app.common().json) {
    base::JsonWriter json;
    fmt::print("{}", json.begin_object()
                         .field("validation", scores.validation)
                         .field("test", scores.test)
                         .field(scores.figure_name, scores.figure)
                         .field("steps", loop.step())
                         .end_object()
                         .str());
  } else {
    fmt::print("{} {:.4f} after {} steps\n", scores.figure_name, scores.figure, loop.step());
  }
  base::info("wrote {}", folder.file("best/child.onnx"));
  return 0;
}

int table(const cli::App& app, const Options& options, const std::string& file, dist::Team& team) {
  require_output(options, "a file for the table");
  const enas::SearchOptions& settings = options.search;
  if (settings.loop.steps <= 0)
    throw base::Error(base::ErrorKind::usage, "--steps", "is missing", "say for how many steps each child is trained");
  const enas::Supergraph supergraph = enas::open_supergraph(file, options.space);
  const auto datasets = enas::read_datasets(settings.data, enas::task_of(settings.task));
  const enas::ScoreTable table =
      enas::make_table(supergraph, *datasets, settings, settings.loop.steps, options.table_samples, options.table_seeds,
                       context_of(app, team, false));
  if (team.stop_code() != 0) return team.stop_code();
  if (!team.is_first()) return 0;
  base::write_file(options.output, enas::to_text(table), app.common().replace());
  base::info("wrote {}: {} children", base::printable(options.output), table.rows.size());
  return 0;
}

}  // namespace allot
