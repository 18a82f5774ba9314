// SPDX-License-Identifier: Apache-2.0
// enas-search: finds a child of an ONNX supergraph by training all candidates with shared weights.
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "commands.h"
#include "dist/team.h"
#include "nn/threads.h"

namespace {

using namespace allot;

using Command = int (*)(const cli::App&, const Options&, const std::string&);
using TeamCommand = int (*)(const cli::App&, const Options&, const std::string&, dist::Team&);

int run(const cli::App& app, const Options& options, const std::vector<std::string>& words, dist::Team& team) {
  static const std::map<std::string, Command> kCommands = {{"generate", generate}, {"validate", validate},
                                                           {"profile", profile},   {"derive", derive},
                                                           {"retrain", retrain},   {"report", report}};
  static const std::map<std::string, TeamCommand> kTeamCommands = {
      {"search", search}, {"random", random_command}, {"table", table}};
  const auto found = kCommands.find(words[0]);
  const auto shared = kTeamCommands.find(words[0]);
  if (found == kCommands.end() && shared == kTeamCommands.end()) {
    std::vector<std::string> names;
    for (const auto& [each, command] : kCommands) names.push_back(each);
    for (const auto& [each, command] : kTeamCommands) names.push_back(each);
    throw base::Error(base::ErrorKind::usage, base::printable(words[0]), "is no command",
                      base::suggestion(words[0], names));
  }
  if ((words[0] == "generate") == (words.size() > 1))
    throw base::Error(base::ErrorKind::usage, words[0], words.size() > 1 ? "takes no file" : "needs a file",
                      words.size() > 1 ? "name the output: -o" : "name a supergraph, a child or a run");
  nn::compute_alone();
  const std::string file = words.size() > 1 ? words[1] : "";
  if (shared != kTeamCommands.end()) return shared->second(app, options, file, team);
  return team.is_first() ? found->second(app, options, file) : 0;
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
  app.example("mpirun -n 4 enas-search search super.onnx --data images/ --shards 4 -o run/", "on four ranks");
  return app.run(argc, argv, [&] {
    dist::Team team(dist::ranks(), {.stop = &cli::stop_requested(), .stop_code = cli::stop_exit_code});
    if (!team.is_first()) base::configure_log({"enas-search", base::LogLevel::quiet, false, ""});
    return team.run([&] { return run(app, options, words, team); });
  });
}
