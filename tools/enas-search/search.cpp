// SPDX-License-Identifier: Apache-2.0
// Commands that search: search, random; and derive, which takes what they found.
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/version.h"
#include "commands.h"
#include "enas/derive.h"
#include "enas/page.h"
#include "enas/space_file.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"
#include "run_files.h"
#include "train/run_folder.h"

namespace allot {
namespace {

int search_with(const cli::App& app, const Options& options, const enas::SearchOptions& settings,
                const std::string& file, dist::Team& team) {
  require_output(options, "a folder for the run");
  const enas::Supergraph supergraph = enas::open_supergraph(file, options.space);
  const auto datasets = enas::read_datasets(settings.data, enas::task_of(settings.task));
  std::unique_ptr<train::RunFolder> folder;
  if (team.is_first())
    folder = std::make_unique<train::RunFolder>(
        options.output, config::dump_yaml(app.binder(), false), options.resume, app.common().replace(),
        std::vector<std::string>{"steps", "epochs", "log_every", "save_every", "beside", "retrain_steps", "threads"});
  const enas::RunContext context = context_of(app, team, true);
  const enas::Outcome outcome =
      enas::run_search(supergraph, *datasets, settings, context, options.beside, folder.get());
  if (outcome.ended == train::Ended::stopped) {
    base::warn("stopped early; --resume goes on");
    return team.stop_code();
  }
  const auto contestants = enas::compare(supergraph, *datasets, settings, context, options.beside, outcome);
  if (!enas::goes_on(context)) {
    base::warn("stopped while children were trained alone; --resume goes on");
    return team.stop_code();
  }
  if (!team.is_first()) return 0;
  const std::string json = enas::to_json(outcome, contestants);
  base::write_file(folder->file("outcome.json"), json, app.common().replace());
  fmt::print("{}", app.common().json ? json : text_of(enas::contestant_table(contestants)));
  write_page(app, options.output, "");
  base::info("wrote {}", folder->file("best/child.onnx"));
  return 0;
}

}  // namespace

enas::RunContext context_of(const cli::App& app, dist::Team& team, bool shown) {
  const bool shares_cores = app.common().threads == 0 && team.size() > 1;
  return {.seed = static_cast<uint64_t>(app.common().seed),
          .threads = shares_cores ? team.cores() : static_cast<unsigned>(app.common().threads),
          .stop = &team.stop_requested(),
          .team = &team,
          .shown = shown && team.is_first(),
          .replace = app.common().replace()};
}

int search(const cli::App& app, const Options& options, const std::string& file, dist::Team& team) {
  return search_with(app, options, options.search, file, team);
}

int random_command(const cli::App& app, const Options& options, const std::string& file, dist::Team& team) {
  enas::Outcome of;
  of.judged_items = options.search.samples;
  of.validation_items = 1;
  if (!options.budget_of.empty()) of = read_outcome(options.budget_of);
  return search_with(app, options, enas::random_search(options.search, of), file, team);
}

int derive(const cli::App& app, const Options& options, const std::string& file) {
  require_output(options, "a file for the child");
  const bool is_run = std::filesystem::is_directory(file);
  if (!is_run && options.arch.empty())
    throw base::Error(base::ErrorKind::usage, "--arch", "is missing",
                      "name an architecture, or a run to take the best of");
  const enas::Supergraph supergraph =
      enas::open_supergraph(is_run ? file + "/best/supergraph.onnx" : file, options.space);
  const std::string arch = options.arch.empty() ? ranked_architecture(file, options.top) : options.arch;
  const enas::Child child = supergraph.child(enas::parse_assignment(supergraph.space(), arch));
  const base::Replace replace = app.common().replace();
  if (options.weights == "init") {
    ir::Model model = enas::derive(supergraph, child, {{"allot.arch", child.name}, {"allot.tool", "enas-search"}});
    enas::draw_weights(model, enas::init_scheme(supergraph.model()), static_cast<uint64_t>(app.common().seed));
    onnxio::write(model, options.output, replace);
  } else if (is_run) {
    const StoredRun run(file);
    const enas::SearchOptions& settings = run.options.search;
    const auto datasets = enas::read_datasets(settings.data, enas::task_of(settings.task));
    const train::Network whole(supergraph.shared_model());
    const enas::Feed feed(*datasets, settings.data, whole, static_cast<uint64_t>(run.common.seed));
    enas::write_child(supergraph, child, &feed, settings, options.beside.recalibration, {}, options.output, replace);
  } else {
    enas::write_child(supergraph, child, nullptr, options.search, 0, {}, options.output, replace);
  }
  base::info("wrote {}: {}", base::printable(options.output), base::printable(child.name));
  return 0;
}

void write_page(const cli::App& app, const std::string& folder, const std::string& table) {
  const StoredRun run(folder);
  const enas::Supergraph supergraph = enas::open_supergraph(folder + "/best/supergraph.onnx");
  enas::SearchPage page;
  page.supergraph = &supergraph;
  page.ranking = read_ranking(folder, supergraph);
  page.contestants = read_contestants(folder);
  page.archive = enas::read_archive(folder + "/archs.jsonl");
  page.records = train::read_records(folder + "/metrics.jsonl");
  page.facts = {{"Data", run.options.search.data.data},
                {"Policy", run.options.search.policy.kind},
                {"Space", fmt::format("10^{:.2f} architectures", enas::size_of(supergraph.space()).log10)},
                {"Seed", std::to_string(run.common.seed)},
                {"Version", std::string(cli::version())}};
  if (!table.empty()) {
    page.table = enas::read_table(table);
    page.verdict = judge_run(run, supergraph, *page.table, page.contestants);
  }
  base::write_file(folder + "/report.html", enas::page_of(page), app.common().replace());
  if (page.verdict)
    fmt::print("{}", app.common().json ? verdict_json(*page.verdict) : verdict_text(*page.verdict, *page.table));
}

int report(const cli::App& app, const Options& options, const std::string& file) {
  write_page(app, file, options.table);
  base::info("wrote {}/report.html", base::printable(file));
  return 0;
}

}  // namespace allot
