// SPDX-License-Identifier: Apache-2.0
// placer-embed: an ONNX model as a sequence of operation embeddings, with a cost and parallelism report.
#include <string>
#include <vector>

#include <fmt/core.h>

#include "cli/app.h"
#include "place/embedding.h"
#include "plan/input.h"
#include "plan/text.h"

namespace {

using namespace allot;

std::vector<std::vector<int64_t>> tensor_dims(const plan::Input& input) {
  std::vector<std::vector<int64_t>> dims;
  for (const auto& name : input.graph().tensor_names)
    dims.push_back(input.planning.shapes.types[input.planning.values.find(name)].dims);
  return dims;
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("placer-embed",
               "Reads an ONNX model, prints its operations, costs and parallelism, and writes embeddings");
  plan::InputOptions input_options;
  std::vector<std::string> models;
  std::string output, report;
  int64_t top = 10;
  app.positionals("MODEL", models, "ONNX model; - is standard input", 1, 1);
  app.bind([&](config::Binder& binder) {
    input_options.bind(binder);
    binder.text("output", output, "write the operation embeddings here (.safetensors)").cli_only = true;
    binder.text("report", report, "write a row an operation here (.json or .csv)").cli_only = true;
    binder.integer("top", top, "operator types to list", 0, 10'000);
  });
  app.short_flag("o", "output");
  app.example("placer-embed model.onnx", "what is in the model, and where its time goes");
  app.example("placer-embed model.onnx --dim batch=8 -o model.safetensors", "embeddings at batch 8");
  app.example("placer-embed model.onnx --report ops.csv --cluster configs/clusters/h100-node.yaml", "costs of each op");

  return app.run(argc, argv, [&] {
    const auto& common = app.common();
    for (const auto& path : {output, report})
      if (!path.empty()) base::check_output(path, common.replace(), models);
    const auto input = plan::load(models[0], input_options);
    if (common.json)
      fmt::print("{}", plan::report_json(*input));
    else
      fmt::print("{}\n{}", plan::totals_text(*input), plan::top_operators_text(*input, static_cast<size_t>(top)));
    if (common.dry_run) return 0;
    if (!output.empty()) {
      const auto seed = static_cast<uint64_t>(common.seed);
      place::write_embeddings(place::embed(*input->problem, tensor_dims(*input), seed), input->graph_hash, seed, output,
                              common.replace());
    }
    if (!report.empty())
      base::write_file(report, report.ends_with(".csv") ? plan::report_csv(*input) : plan::report_json(*input),
                       common.replace());
    return 0;
  });
}
