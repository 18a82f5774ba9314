// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "commands.h"
#include "config/units.h"
#include "contrast/bench_page.h"

namespace allot {
namespace {

std::vector<std::string> split(const std::vector<std::string>& lists) {
  std::vector<std::string> items;
  for (const std::string& list : lists)
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      items.push_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
  return items;
}

std::vector<int64_t> sizes_of(const std::vector<std::string>& texts, int64_t full) {
  std::vector<int64_t> sizes;
  for (const std::string& text : split(texts))
    sizes.push_back(text == "full" ? full : config::parse_integer(text, 1, int64_t{1} << 32));
  return sizes;
}

contrast::Temperature temperature_of(const contrast::TrainOptions& options) {
  return {-std::log(options.temperature.initial), options.loss.kind == "sigmoid" ? options.temperature.bias : 0};
}

/// Pairs of the data where there are some, else random ones.
struct Given {
  Given(const Options& options, const contrast::Towers& towers, uint64_t seed, int64_t pairs) {
    if (options.train.data.files.empty()) {
      batch = std::make_unique<contrast::RandomBatch>(towers, pairs, seed, options.length, options.vocabulary);
      return;
    }
    source = contrast::open_pairs(options.train.data, towers);
    if (source->size() < pairs)
      throw base::Error(base::ErrorKind::config, "--batch",
                        fmt::format("is {}, while there are {} pairs", pairs, source->size()),
                        "choose a smaller batch, or give more data");
    std::vector<int64_t> items(static_cast<size_t>(pairs));
    for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int64_t>(i);
    batch = std::make_unique<contrast::SourceBatch>(*source, items, options.train.deduplicate);
  }
  std::unique_ptr<contrast::PairSource> source;
  std::unique_ptr<contrast::Batch> batch;
};

std::string check_json(const contrast::Gradcheck& check, const Options& options) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.contrast-gradcheck/1").field("method", options.method);
  json.field("holds", check.holds()).field("norm", check.norm).field("log_scale", check.log_scale);
  json.field("weights_bar", check.weights_bar).field("scale_bar", check.scale_bar).key("rows").begin_array();
  for (const contrast::GradcheckRow& row : check.rows)
    json.begin_object(true)
        .field("micro", row.micro)
        .field("tile", row.tile)
        .field("weights", row.weights)
        .field("log_scale", row.log_scale)
        .field("bias", row.bias)
        .field("loss", row.loss)
        .field("holds", row.holds)
        .end_object();
  return json.end_array().end_object().str();
}

std::string check_text(const contrast::Gradcheck& check) {
  cli::Table table({"micro-batch", "tile", "weights", "temperature", "bias", "loss", ""});
  for (const contrast::GradcheckRow& row : check.rows)
    table.row({std::to_string(row.micro), std::to_string(row.tile), fmt::format("{:.1e}", row.weights),
               fmt::format("{:.1e}", row.log_scale), fmt::format("{:.1e}", row.bias), fmt::format("{:.1e}", row.loss),
               row.holds ? "equal" : "differs"});
  return fmt::format("{}|g| = {:.4g}; equal: weights within {:.0e} of it, the temperature's {:.4g} within {:.1e}\n",
                     table.str(), check.norm, check.weights_bar, check.log_scale, check.scale_bar);
}

std::string bench_json(const std::vector<contrast::BenchRow>& rows, int64_t dimension) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.contrast-bench/1").field("embedding", dimension);
  if (const auto slope = contrast::bytes_per_pair(rows)) json.field("bytes_per_pair", *slope);
  json.key("rows").begin_array();
  for (const contrast::BenchRow& row : rows)
    json.begin_object(true)
        .field("method", row.method)
        .field("batch", row.batch)
        .field("micro", row.micro)
        .field("live_bytes", row.live_bytes)
        .field("resident_bytes", row.resident_bytes)
        .field("cpu_s", row.cpu_s)
        .field("pass_1_s", row.pass1_s)
        .field("loss_s", row.loss_s)
        .field("pass_2_s", row.pass2_s)
        .end_object();
  return json.end_array().end_object().str();
}

std::string bench_text(const std::vector<contrast::BenchRow>& rows, int64_t dimension) {
  cli::Table table({"step", "batch", "micro-batch", "tensors", "process", "CPU", "pass 1", "loss", "pass 2"});
  for (const contrast::BenchRow& row : rows) {
    const bool parts = row.method == "two-pass";
    const auto time = [&](double seconds) { return parts ? config::human_time(seconds) : "-"; };
    table.row({row.method, std::to_string(row.batch), std::to_string(row.micro),
               config::human_bytes(static_cast<double>(row.live_bytes)),
               config::human_bytes(static_cast<double>(row.resident_bytes)), config::human_time(row.cpu_s),
               time(row.pass1_s), time(row.loss_s), time(row.pass2_s)});
  }
  std::string text = table.str();
  if (const auto slope = contrast::bytes_per_pair(rows))
    text += fmt::format("{:.0f} bytes a pair; embeddings and their gradients are {}\n", *slope, 16 * dimension);
  return text;
}

}  // namespace

int gradcheck(const cli::App& app, const Options& options) {
  dist::Team team = join_ranks();
  return team.run([&] {
    const auto seed = static_cast<uint64_t>(app.common().seed);
    const contrast::TowerPair towers(options.towers, seed);
    const int64_t pairs = options.train.batch;
    const Given given(options, towers, seed, pairs);
    contrast::GradcheckOptions check;
    check.step.loss = options.train.loss;
    check.step.micro_second = options.train.micro_second;
    check.step.threads = static_cast<unsigned>(app.common().threads);
    check.step.team = &team;
    check.micros = sizes_of(options.micros, pairs);
    check.tiles = sizes_of(options.tiles, pairs);
    check.method = options.method;
    check.seed = seed;
    const contrast::Gradcheck found = contrast::gradcheck(towers, *given.batch, temperature_of(options.train), check);
    if (team.is_first()) fmt::print("{}", app.common().json ? check_json(found, options) : check_text(found));
    return found.holds() ? 0 : base::exit_code(base::ErrorKind::check_failed);
  });
}

int bench(const cli::App& app, const Options& options) {
  const auto seed = static_cast<uint64_t>(app.common().seed);
  const contrast::TowerPair pair(options.towers, seed);
  const contrast::Towers towers = pair;
  std::vector<contrast::BenchRow> rows;
  for (const int64_t batch : sizes_of(options.batches, options.train.batch)) {
    const contrast::RandomBatch random(towers, batch, seed, options.length, options.vocabulary);
    contrast::StepOptions step;
    step.loss = options.train.loss;
    step.micro_second = options.train.micro_second;
    step.micro = options.train.micro == "auto"
                     ? contrast::fastest_micro(towers, random, 1, static_cast<int64_t>(options.train.micro_memory))
                     : config::parse_integer(options.train.micro, 1, int64_t{1} << 32);
    rows.push_back(contrast::measure_step(towers, random, temperature_of(options.train), step, false));
    if (batch <= options.plain_up_to)
      rows.push_back(contrast::measure_step(towers, random, temperature_of(options.train), step, true));
    base::verbose("batch {}: {}", batch, config::human_time(rows.back().cpu_s));
  }
  const std::string json = bench_json(rows, towers.first.dimension());
  fmt::print("{}", app.common().json ? json : bench_text(rows, towers.first.dimension()));
  const bool as_page = options.output.ends_with(".html");
  if (!options.output.empty())
    base::write_file(options.output, as_page ? contrast::bench_page(rows, towers.first.dimension()) : json,
                     app.common().replace());
  return 0;
}

}  // namespace allot
