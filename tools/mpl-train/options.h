// SPDX-License-Identifier: Apache-2.0
// The options of mpl-train.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mpl/fit.h"

namespace allot {

struct Options {
  mpl::Files files;
  mpl::TrainOptions train;
  std::string output, seeds, net, points, python = "python3";
  std::vector<std::string> compare;
  bool resume = false, keep_teacher = false;

  void bind(config::Binder& binder) {
    binder.text("student", files.student, "ONNX network to train, evaluate or inspect").cli_only = true;
    binder.text("teacher", files.teacher, "ONNX network that gives labels; default: the student's file").cli_only =
        true;
    binder.text("output", output, "folder of the run; of gen the file").cli_only = true;
    binder.flag("resume", resume, "go on with the run in the output folder").cli_only = true;
    binder.flag("keep_teacher", keep_teacher, "write the teacher, too").cli_only = true;
    binder.text("seeds", seeds, "runs with each of these, in a table: 1..10").cli_only = true;
    binder.list("compare", compare, "other algorithms in that table, paired by seed; none: mpl without feedback")
        .cli_only = true;
    binder.text("python", python, "interpreter whose onnxruntime, if it has one, runs the result for comparison")
        .cli_only = true;
    binder.text("net", net, "of gen: mlp:2-16-16-2,activation=tanh, conv:1x28x28-32-64-10 or residual:10-512-512")
        .cli_only = true;
    binder.text("points", points, "of gen: moons, rings, blobs, spirals or glyphs").cli_only = true;
    train.bind(binder);
  }
};

}  // namespace allot
