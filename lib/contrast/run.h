// SPDX-License-Identifier: Apache-2.0
// Whole runs: training, choice of the best, last figures, files.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "contrast/training.h"
#include "train/run_folder.h"
#include "train/runtime_check.h"

namespace allot::contrast {

struct RunContext {
  uint64_t seed = 0;
  unsigned threads = 0;
  const std::atomic<bool>* stop = nullptr;
  dist::Team* team = nullptr;
  bool shown = false;  // progress on standard error
  base::Replace replace = base::Replace::own;
};

/// What a run came to.
struct Outcome {
  train::Ended ended = train::Ended::budget;
  int64_t steps = 0, skipped = 0, micro = 0;
  double seconds = 0, scale = 0, bias = 0;
  std::optional<Retrieval> retrieval;      // of the best, on evaluation pairs
  std::vector<int64_t> optimizer_bytes;    // that each rank keeps of the optimiser's state
  std::vector<int64_t> weight_bytes;       // of trained weights, that each rank keeps between segments
  std::vector<int64_t> most_weight_bytes;  // and has at a time while a step runs
};

/// Trains `training`; the best encoders, or the last where nothing is evaluated, are left in it.
/// Errors: those of train::Loop.
Outcome run(Training& training, const TrainOptions& options, const RunContext& context, train::RunFolder* folder);

/// Writes both encoders as "<prefix>image.onnx" and, unless they are one, "<prefix>text.onnx", with scale, bias and the
/// embedding's size in their metadata. Returns the paths. Errors: those of Network::write.
std::vector<std::string> write_towers(const Towers& towers, const Temperature& temperature, const std::string& prefix,
                                      base::Replace replace);

/// Whether ONNX Runtime computes what a written encoder does here, on up to 64 items; none where there is no runtime,
/// or fewer items than a file of a fixed batch takes. Errors: those of train::check_runtime; check_failed if it does
/// not.
std::optional<train::RuntimeCheck> check_written(const Tower& tower, const std::string& path, const PairSource& source,
                                                 Side side, const std::string& python);

}  // namespace allot::contrast
