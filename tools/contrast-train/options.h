// SPDX-License-Identifier: Apache-2.0
// The options of contrast-train.
#pragma once

#include <string>
#include <vector>

#include "config/binder.h"
#include "contrast/gradcheck.h"
#include "contrast/options.h"

namespace allot {

struct Options {
  contrast::TowersOptions towers;
  contrast::TrainOptions train;
  std::string output, net, shapes, classes, python = "python3";
  std::vector<std::string> micros = {"1", "7", "64", "full"}, tiles = {"3", "64", "full"},
                           batches = {"256", "1024", "4096"};
  std::string method = "two-pass";
  int64_t plain_up_to = 0, length = 32, vocabulary = 32, copies = 4;
  bool resume = false;

  void bind(config::Binder& binder) {
    towers.bind(binder);
    binder.text("output", output, "folder of the run; of gen and bench the file, of bench JSON or a page (.html)")
        .cli_only = true;
    binder.flag("resume", resume, "go on with the run in the output folder").cli_only = true;
    binder.text("python", python, "interpreter whose onnxruntime, if it has one, runs the result for comparison")
        .cli_only = true;
    binder.list("micros", micros, "of gradcheck: sizes of micro-batches; full = the batch").cli_only = true;
    binder.list("tiles", tiles, "of gradcheck: sizes of the loss's tiles; full = the batch").cli_only = true;
    binder
        .choice("method", method,
                "of gradcheck: what is checked; all but two-pass are mistakes of others that it has to notice",
                contrast::check_methods())
        .cli_only = true;
    binder.list("batches", batches, "of bench: sizes of batches").cli_only = true;
    binder.integer("plain_up_to", plain_up_to, "of bench: the largest batch that is also run in one piece", 0, 1 << 30)
        .cli_only = true;
    binder.integer("length", length, "of bench and gradcheck: inputs' open dimensions", 1, 1 << 20).cli_only = true;
    binder.integer("vocabulary", vocabulary, "of bench and gradcheck: token ids are below it", 2, 1 << 30).cli_only =
        true;
    binder.text("net", net, "of gen: conv:3x32x32-16-32-64, mlp:32-64-16, bag:64x12-32-64 or transformer:64x12-32-2-64")
        .cli_only = true;
    binder
        .text("shapes", shapes,
              "of gen: pictures with sentences: train, seen or unseen; their words, or prompts of their classes")
        .cli_only = true;
    binder.text("classes", classes, "of eval: YAML file of classes and prompts; images are put into these, zero-shot")
        .cli_only = true;
    binder.integer("copies", copies, "of gen --shapes train: pictures of each combination", 1, 1000).cli_only = true;
    train.bind(binder);
  }
};

}  // namespace allot
