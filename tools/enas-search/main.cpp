// SPDX-License-Identifier: Apache-2.0
// enas-search: finds a child of an ONNX supergraph by training all candidates with shared weights.
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/app.h"
#include "commands.h"
#include "nn/threads.h"

namespace {

using namespace allot;

using Command = int (*)(const cli::App&, const Options&, const std::string&);

int run(const cli::App& app, const Options& options, const std::vector<std::string>& words) {
  static const std::map<std::string, Command> kCommands = {
      {"generate", generate}, {"validate", validate},     {"profile", profile},
      {"search", search},     {"random", random_command}, {"derive", derive},
      {"retrain", retrain},   {"table", table},           {"report", report}};
  const auto found = kCommands.find(words[0]);
  if (found == kCommands.end()) {
    std::vector<std::string> names;
    for (const auto& [each, command] : kCommands) names.push_back(each);
    throw base::Error(base::ErrorKind::usage, base::printable(words[0]), "is no command",
                      base::suggestion(words[0], names));
  }
  if ((words[0] == "generate") == (words.size() > 1))
    throw base::Error(base::ErrorKind::usage, words[0], words.size() > 1 ? "takes no file" : "needs a file",
                      words.size() > 1 ? "name the output: -o" : "name a supergraph, a child or a run");
  nn::compute_alone();
  return found->second(app, options, words.size() > 1 ? words[1] : "");
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("enas-search", "Finds a child of an ONNX supergraph whose candidates train with shared weights");
  Options options;
  std::vector<std::string> words;
  app.positionals("COMMAND", words,
                  "generate, validate, profile, search, random, derive, retrain, table or report; then a supergraph, "
                  "a child or the folder of a run",
                  1, 2);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("enas-search generate --generate.kind macro --generate.input 1x28x28 -o super.onnx", "a published space");
  app.example("enas-search search super.onnx --data images/ --epochs 30 -o run/",
              "run/best/child.onnx, run/report.html");
  app.example("enas-search validate my.onnx --space space.yaml", "a space of your own, on any model");
  app.example("enas-search profile super.onnx -o latencies.json", "times of nodes, for --reward.cost latency");
  app.example("enas-search derive run/ --top 2 -o second.onnx", "another child");
  app.example("enas-search retrain child.onnx --data images/ --epochs 60 -o final/", "train it alone");
  app.example("enas-search table super.onnx --data images/ --table-samples 100 --steps 500 -o table.json",
              "children trained alone");
  app.example("enas-search report run/ --table table.json", "rank, regret, Kendall's tau");
  return app.run(argc, argv, [&] { return run(app, options, words); });
}
