// SPDX-License-Identifier: Apache-2.0
// The options of mixcal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "dist/team.h"
#include "mixcal/calibrate.h"
#include "mixcal/exporters.h"
#include "mixcal/prepare.h"

namespace allot {

struct Options {
  std::vector<std::string> words;  // the command, then what it works on
  mixcal::PrepareOptions prepare;
  mixcal::CalibrateOptions calibrate;
  mixcal::ExportOptions exported;
  std::string output, weights, online, ratios, metrics, net;
  std::vector<std::string> caps;
  double primary_parameters = 1e9, primary_tokens = 20e9;
  int64_t net_vocabulary = 258;
  int64_t tier = 0;
  bool resume = false;
  dist::Team* team = nullptr;  // of all ranks, set by main()

  const std::string& task() const { return prepare.task; }
  bool is_first() const { return team->is_first(); }
  std::vector<std::string> paths() const { return {words.begin() + 1, words.end()}; }

  void bind(config::Binder& binder) {
    binder.text("output", output, "folder or file that is written").cli_only = true;
    binder.flag("resume", resume, "go on with what is in the output folder").cli_only = true;
    binder
        .text("weights", weights,
              "of train: a mixture, name,weight lines (.csv), or uniform, natural, temperature, unimax")
        .cli_only = true;
    binder
        .choice("online", online, "of train: in place of --weights, weights that follow the training itself",
                {"", "aioli"})
        .cli_only = true;
    binder.text("ratios", ratios, "of fit and optimize: CSV with the mixtures of a swarm").cli_only = true;
    binder.text("metrics", metrics, "of fit and optimize: CSV with what came of them; losses, less is better")
        .cli_only = true;
    binder.list("cap", caps, "of optimize: NAME=SHARE that a domain may not exceed").cli_only = true;
    binder.text("net", net, "of gen: a built-in model to write as ONNX").cli_only = true;
    binder.integer("net_vocabulary", net_vocabulary, "of gen: its tokens", 2, 1 << 24).cli_only = true;
    binder
        .choice("task", prepare.task,
                "lm = tokens; classify = tables or images with classes, of which prep makes items; of gen: five (the "
                "default) or other, domains of known entropy",
                {"lm", "classify", "five", "other"})
        .cli_only = true;
    binder
        .integer("tier", tier,
                 "of bench: 0 = known answers, in seconds; 1 = domains of known entropy; 2 = the data that is named, "
                 "where domains outside --over are noise",
                 0, 2)
        .cli_only = true;
    binder.number("primary_parameters", primary_parameters, "of plan: of the model that the weights are for", 1, 1e15)
        .cli_only = true;
    binder.number("primary_tokens", primary_tokens, "of plan: that it is trained on", 1, 1e18).cli_only = true;
    prepare.bind(binder);
    calibrate.bind(binder);
    exported.bind(binder);
  }
};

}  // namespace allot
