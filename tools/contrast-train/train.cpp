// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "cli/version.h"
#include "commands.h"
#include "config/units.h"
#include "contrast/joint.h"
#include "contrast/page.h"
#include "contrast/run.h"
#include "contrast/shapes.h"
#include "contrast/small_towers.h"
#include "contrast/zero_shot.h"
#include "data/read_numpy.h"
#include "dist/team.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"
#include "train/inspect.h"
#include "train/run_folder.h"

namespace allot {
namespace {

std::string retrieval_text(const contrast::Retrieval& found) {
  cli::Table table({"direction", "pairs", "R@1", "R@5", "R@10", "median rank"});
  const auto row = [&](const char* name, const contrast::Ranks& ranks) {
    table.row({name, std::to_string(found.pairs()), fmt::format("{:.4f}", ranks.recall(1)),
               fmt::format("{:.4f}", ranks.recall(5)), fmt::format("{:.4f}", ranks.recall(10)),
               fmt::format("{:g}", ranks.median())});
  };
  row("image to text", found.first_to_second);
  row("text to image", found.second_to_first);
  return table.str();
}

void write(base::JsonWriter& json, const contrast::Retrieval& found) {
  json.begin_object().field("pairs", found.pairs()).field("score", found.score());
  for (const auto& [name, value] : found.metrics()) json.field(name, value);
  json.end_object();
}

std::string outcome_json(const contrast::Outcome& outcome) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.contrast-outcome/1").field("steps", outcome.steps);
  json.field("skipped", outcome.skipped).field("seconds", outcome.seconds).field("micro", outcome.micro);
  json.field("scale", outcome.scale).field("bias", outcome.bias);
  for (const auto& [key, of_ranks] :
       {std::pair("optimizer_bytes", &outcome.optimizer_bytes), std::pair("weight_bytes", &outcome.weight_bytes),
        std::pair("most_weight_bytes", &outcome.most_weight_bytes)}) {
    json.key(key).begin_array();
    for (const int64_t bytes : *of_ranks) json.value(bytes);
    json.end_array();
  }
  if (outcome.retrieval) write(json.key("retrieval"), *outcome.retrieval);
  return json.end_object().str();
}

std::string outcome_text(const contrast::Outcome& outcome) {
  return fmt::format("{} steps in {}, {} skipped; similarities are multiplied by {:.2f}\n{}", outcome.steps,
                     config::human_time(outcome.seconds), outcome.skipped, outcome.scale,
                     outcome.retrieval ? retrieval_text(*outcome.retrieval) : "");
}

/// Nothing where there are none.
std::string counted(int64_t items) { return items > 0 ? std::to_string(items) : ""; }

void write_page(const cli::App& app, const Options& options, const contrast::Training& training,
                const contrast::Outcome& outcome, const train::RunFolder& folder) {
  contrast::RunPage page{outcome,
                         training.evaluation() ? *training.evaluation() : training.source(),
                         training.towers(),
                         train::read_records(folder.file("metrics.jsonl")),
                         {}};
  page.facts = {{"First encoder", options.towers.image},
                {"Second encoder", options.towers.tied() ? "the same" : options.towers.text},
                {"Data", fmt::format("{} pairs", training.source().size())},
                {"Left out", counted(training.source().skipped())},
                {"Texts that were cut", counted(training.source().cut())},
                {"Batch", std::to_string(options.train.batch)},
                {"Micro-batch", std::to_string(outcome.micro)},
                {"Steps", std::to_string(outcome.steps)},
                {"Skipped", std::to_string(outcome.skipped)},
                {"Seed", std::to_string(app.common().seed)},
                {"Version", std::string(cli::version())}};
  base::write_file(folder.file("report.html"), contrast::page_of(page), app.common().replace());
}

}  // namespace

namespace {

/// What would be trained, and on what.
void tell(const contrast::Training& training) {
  const contrast::Towers towers = training.towers();
  const int64_t first = towers.first.trains() ? train::trained_numbers(towers.first.network()) : 0;
  const int64_t second = !towers.tied() && towers.second.trains() ? train::trained_numbers(towers.second.network()) : 0;
  fmt::print("{} pairs with {} hard negatives each; embeddings of {} numbers; {} numbers are trained in {}\n",
             training.source().size(), training.source().negatives(), towers.first.dimension(), first + second,
             towers.tied() ? "one encoder" : "two encoders");
}

void write_and_check(const Options& options, const contrast::Training& training, const std::string& prefix,
                     base::Replace replace) {
  const contrast::Towers towers = training.towers();
  const auto paths = contrast::write_towers(towers, training.temperature(), prefix, replace);
  for (size_t i = 0; i < paths.size(); ++i) {
    const contrast::Side side = i == 0 ? contrast::Side::first : contrast::Side::second;
    const auto check = contrast::check_written(towers.of(side), paths[i], training.source(), side, options.python);
    base::info("wrote {}{}", base::printable(paths[i]),
               check ? fmt::format("; ONNX Runtime {} agrees to {:.1e}", check->runtime, check->largest_error) : "");
  }
}

/// The first rank has the folder and what is printed.
int train_in_step(const cli::App& app, const Options& options, dist::Team& team) {
  const auto& common = app.common();
  const bool together = team.size() > 1;
  contrast::RunContext context;
  context.seed = static_cast<uint64_t>(common.seed);
  context.threads = common.threads > 0 || !together ? static_cast<unsigned>(common.threads) : team.cores();
  context.stop = &team.stop_requested();
  context.team = together ? &team : nullptr;
  context.shown = team.is_first();
  context.replace = common.replace();
  contrast::Training training(options.towers, options.train, context.seed, context.threads, context.team);
  if (common.dry_run) {
    if (team.is_first()) tell(training);
    return 0;
  }
  std::unique_ptr<train::RunFolder> folder;
  if (team.is_first())
    folder = std::make_unique<train::RunFolder>(
        options.output, config::dump_yaml(app.binder(), false), options.resume, common.replace(),
        std::vector<std::string>{"steps", "epochs", "log_every", "save_every", "micro", "micro_text", "micro_memory",
                                 "tile", "shard", "cache_embeddings"});
  const contrast::Outcome outcome = contrast::run(training, options.train, context, folder.get());
  if (outcome.ended == train::Ended::stopped) {
    if (team.is_first()) base::warn("stopped early; --resume goes on");
    return team.stop_code();
  }
  if (!team.is_first()) return 0;
  fmt::print("{}", common.json ? outcome_json(outcome) : outcome_text(outcome));
  write_page(app, options, training, outcome, *folder);
  write_and_check(options, training, folder->file("best/"), common.replace());
  return 0;
}

}  // namespace

dist::Team join_ranks() {
  if (dist::ranks().rank() != 0) base::configure_log({"contrast-train", base::LogLevel::quiet, false, ""});
  return dist::Team(dist::ranks(), {.stop = &cli::stop_requested(), .stop_code = cli::stop_exit_code});
}

int train_towers(const cli::App& app, const Options& options) {
  if (options.output.empty() && !app.common().dry_run)
    throw base::Error(base::ErrorKind::usage, "--output", "is missing", "name a folder for the run: -o run/");
  dist::Team team = join_ranks();
  return team.run([&] { return train_in_step(app, options, team); });
}

int eval(const cli::App& app, const Options& options) {
  contrast::TowersOptions towers_options = options.towers;
  if (towers_options.batch_norm == "refuse") towers_options.batch_norm = "frozen";
  const contrast::TowerPair pair(towers_options, 0);
  const contrast::Towers towers = pair;
  const auto source = contrast::open_pairs(options.train.data, towers);
  const int64_t micro = config::parse_integer(options.train.micro, 1, int64_t{1} << 32);
  const auto threads = static_cast<unsigned>(app.common().threads);
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.contrast-eval/1");
  std::string text;
  if (!options.classes.empty()) {
    const contrast::ZeroShot found = contrast::zero_shot(towers, *source, contrast::read_prompts(options.classes),
                                                         options.train.data.tokenizer, micro, threads);
    json.key("zero_shot").begin_object().field("items", found.items).field("top_1", found.top1);
    json.field("top_5", found.top5).field("mean_of_classes", found.mean_of_classes).end_object();
    cli::Table table({"items", "top 1", "top 5", "mean over classes"});
    table.row({std::to_string(found.items), fmt::format("{:.4f}", found.top1), fmt::format("{:.4f}", found.top5),
               fmt::format("{:.4f}", found.mean_of_classes)});
    text = table.str();
  } else {
    const contrast::Retrieval found = contrast::retrieval(towers, *source, micro, threads);
    write(json.key("retrieval"), found);
    text = retrieval_text(found);
  }
  fmt::print("{}", app.common().json ? json.end_object().str() : text);
  return 0;
}

int export_joint(const cli::App& app, const Options& options) {
  const contrast::TowersOptions& towers = options.towers;
  if (towers.image.empty() || options.output.empty())
    throw base::Error(base::ErrorKind::usage, "export", "joins two encoders",
                      "give --image, --text and -o with the file to write");
  const std::string& text = towers.text.empty() ? towers.image : towers.text;
  base::check_output(options.output, app.common().replace(), {towers.image, text});
  const ir::Model first = onnxio::read(towers.image), second = onnxio::read(text);
  const auto number = [&](const char* key, double otherwise) {
    for (const ir::Model* model : {&first, &second})
      if (const auto value = model->metadata_value(key)) return config::parse_quantity(*value, config::Unit::none);
    return otherwise;
  };
  contrast::Temperature temperature;
  temperature.log_scale = std::log(number("allot.contrast.logit_scale", 1 / options.train.temperature.initial));
  temperature.bias = number("allot.contrast.logit_bias", 0);
  onnxio::write(contrast::joint_model(first, towers.image_out, second, towers.text_out, temperature), options.output,
                app.common().replace());
  base::info("wrote {}", base::printable(options.output));
  return 0;
}

int gen(const cli::App& app, const Options& options) {
  const base::Replace replace = app.common().replace();
  const auto seed = static_cast<uint64_t>(app.common().seed);
  if (options.output.empty() || options.net.empty() == options.shapes.empty())
    throw base::Error(base::ErrorKind::usage, "gen", "writes one thing",
                      "give --net or --shapes, and -o with the file to write");
  if (!options.net.empty()) {
    contrast::TowerRecipe recipe = contrast::parse_tower(options.net);
    if (recipe.seed == 0) recipe.seed = seed;
    onnxio::write(contrast::make_tower(recipe), options.output, replace);
  } else {
    using Part = contrast::ShapesPart;
    const std::vector<std::pair<std::string, Part>> parts = {
        {"train", Part::train}, {"seen", Part::seen}, {"unseen", Part::unseen}};
    if (options.shapes == "words" || options.shapes == "classes") {
      base::write_file(options.output,
                       options.shapes == "words" ? contrast::shape_vocabulary() : contrast::shape_prompts(), replace);
      base::info("wrote {}", base::printable(options.output));
      return 0;
    }
    const auto part =
        std::find_if(parts.begin(), parts.end(), [&](auto& each) { return each.first == options.shapes; });
    if (part == parts.end())
      throw base::Error(
          base::ErrorKind::usage, "--shapes", "is no part of the data",
          base::suggestion(options.shapes, std::vector<std::string>{"train", "seen", "unseen", "words", "classes"}));
    data::write_npz(options.output, contrast::shapes(part->second, options.copies, seed), replace);
  }
  base::info("wrote {}", base::printable(options.output));
  return 0;
}

}  // namespace allot
