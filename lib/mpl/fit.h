// SPDX-License-Identifier: Apache-2.0
// Whole runs: training, choice of the best, fine-tuning, last figures; and many of them with one seed after another.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "mpl/training.h"
#include "mpl/verify.h"
#include "train/run_folder.h"

namespace allot::mpl {

struct FitContext {
  Files files;
  uint64_t seed = 0;
  unsigned threads = 0;
  const std::atomic<bool>* stop = nullptr;  // without a team
  dist::Team* team = nullptr;               // the first rank alone has a folder
  bool shown = false;                       // progress on standard error
  std::string python = "python3";           // that may have onnxruntime
  bool keep_teacher = false;                // it is written, too
  base::Replace replace = base::Replace::own;
};

/// What a run came to.
struct Outcome {
  train::Ended ended = train::Ended::budget;
  int64_t steps = 0, skipped = 0;
  double seconds = 0;
  std::optional<Scores> student, teacher;  // on test items; else on validation items; else none
  std::vector<std::string> class_names;
  exec::WrittenBack written;
  std::optional<Verification> verified;  // none: not written, or there is no ONNX Runtime
};

/// One run, on every rank of a team alike. With a folder it leaves best/student.onnx there, and best/teacher.onnx if
/// asked for. A run that was stopped writes no network. Errors: those of Training, train::Loop and verify();
/// check_failed when ONNX Runtime computes something else than was trained.
Outcome fit(const TrainOptions& options, const FitContext& context, train::RunFolder* folder);

/// One way to train among those that are compared: "supervised", "none" (mpl without feedback), ...
TrainOptions arm(const TrainOptions& options, const std::string& name);

/// "7", "1..10" or "1,4,9". Errors: usage.
std::vector<uint64_t> parse_seeds(const std::string& text);

}  // namespace allot::mpl
