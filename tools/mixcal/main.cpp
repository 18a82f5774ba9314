// SPDX-License-Identifier: Apache-2.0
// mixcal: finds the shares of domains that a language model is best trained on, by small proxies.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "commands.h"
#include "exec/allocator.h"
#include "nn/threads.h"

namespace {

using namespace allot;

using Command = int (*)(const cli::App&, const Options&);

int run(const cli::App& app, const Options& options) {
  static const std::map<std::string, Command> kCommands = {{"prep", prep},          {"inspect", inspect},
                                                           {"plan", plan},          {"reference", train_reference},
                                                           {"proxy", train_proxy},  {"calibrate", calibrate},
                                                           {"swarm", swarm},        {"fit", fit},
                                                           {"optimize", optimize},  {"train", train_primary},
                                                           {"eval", eval},          {"export", export_mixture},
                                                           {"report", report_runs}, {"gen", gen},
                                                           {"bench", bench}};
  const std::string& name = options.words.front();
  const auto found = kCommands.find(name);
  if (found == kCommands.end()) {
    std::vector<std::string> names;
    for (const auto& [each, command] : kCommands) names.push_back(each);
    throw base::Error(base::ErrorKind::usage, base::printable(name), "is no command", base::suggestion(name, names));
  }
  exec::keep_freed_memory();
  nn::compute_alone();
  static const std::set<std::string> kOfAllRanks = {"reference", "proxy", "calibrate", "train", "bench"};
  return options.is_first() || kOfAllRanks.contains(name) ? found->second(app, options) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  cli::App app("mixcal", "Finds the mixture of training data by small proxy models");
  Options options;
  app.positionals(
      "COMMAND", options.words,
      "prep, inspect, plan, reference, proxy, calibrate, swarm, fit, optimize, train, eval, export, report, gen or "
      "bench, then what it works on",
      1, 10'000);
  app.bind([&](config::Binder& binder) { options.bind(binder); });
  app.short_flag("o", "output");
  app.example("mixcal calibrate data/ -o run/",
              "each folder or file of data/ is a domain; run/mixture.json, run/report.html");
  app.example("mixcal prep data/ -o tokens/ && mixcal inspect tokens/", "what there is");
  app.example("mixcal calibrate tokens/ --seeds 5 --model micro --primary small -o run/",
              "with intervals, compared on a larger model");
  app.example("mixcal optimize --ratios ratios.csv --metrics metrics.csv --law.objective worst -o mixture.json",
              "from runs made elsewhere");
  app.example("mixcal report doremi/ doge/ law/ -o report/", "several searches beside each other");
  app.example("mixcal export run/mixture.json --to megatron", "for another trainer");
  app.example("mpirun -n 4 mixcal calibrate tokens/ --shards 4 -o run/", "on four ranks");
  return app.run(argc, argv, [&] {
    dist::Team team(dist::ranks(), {.stop = &cli::stop_requested(), .stop_code = cli::stop_exit_code});
    if (!team.is_first()) base::configure_log({"mixcal", base::LogLevel::quiet, false, ""});
    options.team = &team;
    return team.run([&] { return run(app, options); });
  });
}
