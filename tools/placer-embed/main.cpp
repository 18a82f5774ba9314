// SPDX-License-Identifier: Apache-2.0
// placer-embed: an ONNX model as a sequence of operation embeddings, with a cost and parallelism report.
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "cli/version.h"
#include "emit/embedding_pictures.h"
#include "graph/generate_model.h"
#include "onnxio/writer.h"
#include "place/embedding.h"
#include "plan/calibration.h"
#include "plan/input.h"
#include "plan/language_model.h"
#include "plan/learned.h"
#include "plan/text.h"

namespace {

using namespace allot;

void generate(const std::string& recipe, const std::string& output, base::Replace replace) {
  if (output.empty())
    throw base::Error(base::ErrorKind::usage, "--gen", "has no place for the model", "name it with -o FILE.onnx");
  const ir::Model model = graph::generate(graph::parse_recipe(recipe));
  onnxio::write(model, output, replace);
  base::info("{}: {} nodes", base::printable(output), model.graph.nodes.size());
}

std::vector<int64_t> parse_lengths(const std::vector<std::string>& texts) {
  std::vector<int64_t> lengths;
  for (const auto& text : texts) {
    int64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc() || end != text.data() + text.size() || length < 1 || length > 1'000'000'000)
      throw base::Error(base::ErrorKind::usage, "--kv-cache", fmt::format("'{}' is no length", base::printable(text)),
                        "give whole numbers of tokens, e.g. --kv-cache 128 --kv-cache 1024");
    lengths.push_back(length);
  }
  return lengths;
}

int calibrate(const cli::App& app, const std::string& model, const plan::InputOptions& input,
              const plan::CalibrationOptions& options) {
  const auto& common = app.common();
  for (const auto& path : options.outputs()) base::check_output(path, common.replace(), {model, options.calibrate});
  const auto calibration = options.measure
                               ? plan::measure_ops(model, input, options, static_cast<uint32_t>(common.threads),
                                                   static_cast<uint64_t>(common.seed))
                               : plan::calibrate(model, input, options);
  fmt::print("{}", common.json ? plan::calibration_json(calibration) : plan::calibration_text(calibration));
  if (!common.dry_run) plan::write_calibration(calibration, options, common.replace());
  return 0;
}

std::string page_of(const plan::Input& input, const emit::EmbeddingPicture& picture, const std::string& policy) {
  return emit::embedding_page(std::filesystem::path(input.path).filename().string(), *input.problem, picture,
                              {{"Model", input.path},
                               {"Model hash", input.model_hash},
                               {"Policy", policy},
                               {"Version", std::string(cli::version())}});
}

std::string families_help() {
  std::string names;
  for (const auto& family : graph::families()) names += fmt::format("{}{}", names.empty() ? "" : ", ", family.name);
  return "write a generated model instead, e.g. layered:ops=1000,width=16,seed=1; families: " + names;
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("placer-embed",
               "Reads an ONNX model, prints its operations, costs and parallelism, and writes embeddings");
  plan::InputOptions input_options;
  std::vector<std::string> models, cache_lengths;
  std::string output, report, recipe, policy;
  int64_t top = 10;
  plan::CalibrationOptions calibration;
  app.positionals("MODEL", models, "ONNX model; - is standard input", 0, 1);
  app.bind([&](config::Binder& binder) {
    input_options.bind(binder);
    binder.text("output", output, "write the operation embeddings here (.safetensors); with --gen, the model")
        .cli_only = true;
    binder.text("report", report, "write a row an operation here (.json or .csv); with --policy, also a page (.html)")
        .cli_only = true;
    binder
        .text("policy", policy,
              "write what this policy (.safetensors) has learnt of the operations, as embeddings and pictures")
        .cli_only = true;
    binder.text("gen", recipe, families_help()).cli_only = true;
    binder.list("kv_cache", cache_lengths, "of a language model, report cache, prompt and next token at these lengths")
        .cli_only = true;
    calibration.bind(binder);
    binder.integer("top", top, "operator types to list", 0, 10'000);
  });
  app.short_flag("o", "output");
  app.example("placer-embed model.onnx", "what is in the model, and where its time goes");
  app.example("placer-embed model.onnx --dim batch=8 -o model.safetensors", "embeddings at batch 8");
  app.example("placer-embed model.onnx --policy policy.safetensors -o model.safetensors --report model.html",
              "what a policy that placer-train made has learnt of them, with pictures");
  app.example("placer-embed gpt2.onnx --kv-cache 1024", "key-value cache, prompt and next token at 1,024 tokens");
  app.example("placer-embed --gen transformer:ops=1000,width=4 -o graph.onnx", "a sharded transformer of 1,000 ops");
  app.example("placer-embed model.onnx --report ops.csv --cluster configs/clusters/h100-node.yaml", "costs of each op");

  app.example("placer-embed model.onnx --calibrate profile.json --fitted machine.yaml --measured costs.json",
              "your machine as ONNX Runtime profiled it, for --cluster and --costs");
  app.example("placer-embed model.onnx --measure --cluster machine.yaml --fitted fitted.yaml --measured costs.json",
              "the same from times of LibTorch, measured now");

  return app.run(argc, argv, [&] {
    const auto& common = app.common();
    for (const auto& path : {output, report})
      if (!path.empty()) base::check_output(path, common.replace(), models);
    if (!recipe.empty()) return generate(recipe, output, common.replace()), 0;
    if (models.empty())
      throw base::Error(base::ErrorKind::usage, "MODEL", "is missing",
                        "name an ONNX model, or generate one with --gen");
    if (!cache_lengths.empty()) {
      fmt::print("{}", plan::language_model_text(models[0], input_options, parse_lengths(cache_lengths)));
      return 0;
    }
    if (calibration.wanted()) return calibrate(app, models[0], input_options, calibration);
    if (policy.empty() && report.ends_with(".html"))
      throw base::Error(base::ErrorKind::usage, "--report", "is a page only of what a policy has learnt",
                        "add --policy policy.safetensors, or name a .json or .csv file");
    std::optional<plan::LearnedEmbeddings> learned;
    if (!policy.empty())
      learned.emplace(policy, models[0], input_options, common.dry_run ? "" : output, common.replace());
    const auto input = plan::load(models[0], input_options);
    emit::EmbeddingPicture picture;
    if (learned) picture = learned->picture(*input);
    if (common.json)
      fmt::print("{}", plan::report_json(*input));
    else
      fmt::print("{}\n{}", plan::totals_text(*input), plan::top_operators_text(*input, static_cast<size_t>(top)));
    if (common.dry_run) return 0;
    if (!output.empty() && !learned) {
      const auto seed = static_cast<uint64_t>(common.seed);
      place::write_embeddings(place::embed(*input->problem, plan::tensor_dims(*input), seed), input->graph_hash, seed,
                              output, common.replace());
    }
    if (!report.empty())
      base::write_file(report,
                       report.ends_with(".html")  ? page_of(*input, picture, policy)
                       : report.ends_with(".csv") ? plan::report_csv(*input)
                                                  : plan::report_json(*input),
                       common.replace());
    return 0;
  });
}
