// SPDX-License-Identifier: Apache-2.0
// placer-apply: decides where the operations of an ONNX model run and writes the answer into it.
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "place/check.h"
#include "plan/check_models.h"
#include "plan/learned.h"
#include "plan/outputs.h"
#include "plan/real_run.h"
#include "plan/text.h"

namespace {

using namespace allot;

struct Options {
  plan::InputOptions input;
  plan::SearchOptions search;
  plan::PolicyOptions policy;
  plan::OutputOptions output;
  plan::CheckOptions check;
  plan::RunOptions run;
  std::string placement, explain;
  bool strip = false, diff = false;

  void bind(config::Binder& binder) {
    input.bind(binder);
    input.bind_goal(binder);
    search.bind(binder);
    policy.bind(binder);
    output.bind(binder);
    binder.text("placement", placement, "use this stored placement instead of placing anew").cli_only = true;
    check.bind(binder);
    run.bind(binder);
    binder.text("explain", explain, "say why the node of this name (or output) is where it is").cli_only = true;
    binder.flag("strip", strip, "undo: write MODEL without annotations to --output").cli_only = true;
    binder.flag("diff", diff, "compare two placement files instead: placer-apply --diff a.json b.json").cli_only = true;
  }
};

place::Budget budget(const cli::App& app, const Options& options) {
  return options.search.budget(static_cast<uint64_t>(app.common().seed), static_cast<unsigned>(app.common().threads));
}

int strip(const cli::App& app, const Options& options, const std::string& model) {
  if (options.output.output.empty())
    throw base::Error(base::ErrorKind::usage, "--strip", "needs a file to write", "add -o plain.onnx");
  base::check_output(options.output.output, app.common().replace(), {model});
  const size_t nodes = plan::strip_file(model, options.output.output, app.common().replace());
  base::info("{}: took the annotations of {} nodes away", base::printable(options.output.output), nodes);
  return 0;
}

int run(const cli::App& app, const Options& options, const std::string& model) {
  const auto& common = app.common();
  if (options.output.wanted())
    throw base::Error(
        base::ErrorKind::usage, "--run", "writes no placement",
        "place first and run then: placer-apply model.onnx -o placed.onnx && placer-apply placed.onnx --run");
  options.run.check(common.replace(), {model, options.placement, options.run.inputs});
  return plan::run_model(model, options.run,
                         {options.input, options.search, budget(app, options), options.placement, common.replace(),
                          common.json, common.dry_run, static_cast<uint32_t>(common.threads)});
}

/// A policy is asked where a model is placed anew, and nowhere else.
void require_placing(const Options& options) {
  const char* other = !options.check.check.empty() ? "--check"
                      : !options.placement.empty() ? "--placement"
                      : options.run.run            ? "--run"
                      : options.strip              ? "--strip"
                      : options.diff               ? "--diff"
                                                   : nullptr;
  if (other && !options.policy.policy.empty())
    throw base::Error(
        base::ErrorKind::usage, "--policy", fmt::format("does not go with {}", other),
        "place with the policy first: placer-apply model.onnx --policy policy.safetensors -o placed.onnx");
}

int apply(const cli::App& app, Options& options, const std::string& model) {
  const auto& common = app.common();
  options.output.check(common.replace(), {model, options.placement, options.policy.policy});
  place::Sidecar stored;
  if (!options.placement.empty()) {
    stored = place::read_sidecar(options.placement);
    options.input.adopt(stored);
  }
  std::optional<plan::LearnedPlacer> learned;
  if (!options.policy.policy.empty())
    learned.emplace(options.policy, model, options.input, static_cast<uint64_t>(common.seed),
                    static_cast<uint32_t>(common.threads));
  const auto input = plan::load(model, options.input);
  place::Budget limits = budget(app, options);
  if (learned) {
    learned->join_registry(*input);
    // Learned moves take longer to simulate: they gain where simulations are counted, not where seconds are.
    if (limits.seconds < 0) limits.moves = learned->moves();
  }
  auto placed = options.placement.empty() ? plan::place_model(*input, options.search, limits)
                                          : plan::use_placement(*input, stored, options.placement);
  if (learned) learned->note_groups(*input, placed);
  const std::string text = !options.explain.empty() ? plan::explain_text(*input, placed, options.explain)
                           : common.json            ? plan::methods_json(*input, placed)
                                                    : plan::methods_text(*input, placed);
  // When the model itself goes to standard output, the table must not.
  fmt::print(options.output.output == "-" ? stderr : stdout, "{}", text);
  if (cli::stop_requested()) base::warn("stopped early; writing the best placement found so far");
  if (!common.dry_run)
    for (const auto& path : plan::write_outputs(*input, placed, options.output, common.replace()))
      base::info("wrote {}", base::printable(path));
  return cli::stop_exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("placer-apply", "Places the operations of an ONNX model on devices and writes the placement into it");
  Options options;
  std::vector<std::string> files;
  app.positionals("MODEL", files,
                  "ONNX model; - is standard input (with --diff: two placement files; with --check: any number)", 1,
                  100'000);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("placer-apply model.onnx -o placed.onnx", "one CPU host and one A100, all methods, the best is written");
  app.example("placer-apply model.onnx --cluster configs/clusters/two-gpu.yaml --report placed.html",
              "look at a placement on your machine without writing a model");
  app.example("placer-apply model.onnx --policy policy.safetensors --method policy --seconds 1 -o placed.onnx",
              "in about a second, as a policy that placer-train made has learnt to");
  app.example("placer-apply model.onnx --check placed.placement.json --max-regression 2%",
              "in CI: fail when today's model places worse than the stored one");
  app.example("placer-apply models/*.onnx --check baselines/ --check-format github --check-format junit=placement.xml",
              "the same for many models, as annotations and as a JUnit report");
  app.example("placer-apply models/*.onnx --check baselines/ --update", "store today's placements as the baselines");
  app.example("placer-apply placed.onnx --run", "run it, and compare with the simulation and with one device");
  app.example("placer-apply placed.onnx --strip -o plain.onnx", "take the annotations out again");

  return app.run(argc, argv, [&] {
    const auto& common = app.common();
    if (options.check.update && options.check.check.empty())
      throw base::Error(base::ErrorKind::usage, "--update", "renews the baselines of --check",
                        "add --check FILE or --check FOLDER");
    require_placing(options);
    options.policy.check(files[0], options.search);
    if (!options.check.check.empty())
      return plan::check_models(
          files, options.check,
          {options.input, options.search, budget(app, options), common.replace(), common.json, common.dry_run});
    if (options.diff ? files.size() != 2 : files.size() != 1)
      throw base::Error(base::ErrorKind::usage, options.diff ? "--diff" : "MODEL",
                        options.diff ? "needs two placement files" : "only one model can be placed at a time",
                        "see placer-apply --help");
    if (options.diff) {
      fmt::print("{}", place::diff_text(place::read_sidecar(files[0]), place::read_sidecar(files[1])));
      return 0;
    }
    if (options.strip) return strip(app, options, files[0]);
    if (options.run.run) return run(app, options, files[0]);
    return apply(app, options, files[0]);
  });
}
