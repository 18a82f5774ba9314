// SPDX-License-Identifier: Apache-2.0
// The options of enas-search.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "enas/compare.h"
#include "enas/generate.h"

namespace allot {

struct Options {
  enas::GenerateOptions generate;
  enas::SearchOptions search;
  enas::BesideOptions beside;
  std::string output, space, arch, table, carrier = "model", weights = "shared", budget_of;
  int64_t top = 1, children = 30, runs = 30, table_samples = 0, table_seeds = 1;
  bool resume = false, enumerate = false;

  void bind(config::Binder& binder) {
    binder.text("output", output, "folder of the run; of generate, profile, derive and table the file").cli_only = true;
    binder.text("space", space, "YAML file with the search space; default: the model's metadata").cli_only = true;
    binder.flag("resume", resume, "go on with the run in the output folder").cli_only = true;
    binder.text("arch", arch, "of derive: an architecture, as in ranking.json; default: the best of the run").cli_only =
        true;
    binder.integer("top", top, "of derive: the run's best child, second best, ...", 1, 100).cli_only = true;
    binder
        .choice("weights", weights, "of derive and retrain: those that were searched with, or drawn anew",
                {"shared", "init"})
        .cli_only = true;
    binder
        .choice("carrier", carrier, "of generate: the search space in the model's metadata, or in that of its nodes",
                {"model", "nodes"})
        .cli_only = true;
    binder.flag("enumerate", enumerate, "of validate: print every architecture").cli_only = true;
    binder.text("budget_of", budget_of, "of random: as many validation items as this run looked at").cli_only = true;
    binder.text("table", table, "of report: scores of children trained alone, from the command table").cli_only = true;
    binder.integer("table_samples", table_samples, "of table: random children; 0 = all", 0, int64_t{1} << 40).cli_only =
        true;
    binder.integer("table_seeds", table_seeds, "of table: trainings of each child", 1, 1 << 20).cli_only = true;
    binder.integer("children", children, "of profile and validate: random children that are looked at", 2, 1 << 20)
        .cli_only = true;
    binder.integer("runs", runs, "of profile: of which the median counts", 1, 1 << 20).cli_only = true;
    binder.section("generate", "a supergraph of a published space", [this](config::Binder& b) { generate.bind(b); });
    search.bind(binder);
    beside.bind(binder);
  }
};

}  // namespace allot
