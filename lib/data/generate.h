// SPDX-License-Identifier: Apache-2.0
// Small tasks made from a seed, so that examples and tests need no files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allot::data {

struct GenerateOptions {
  std::string task = "moons";
  int64_t per_class = 1000;
  int64_t classes = 0;  // 0: the task's own number (2; blobs 3, glyphs 10)
  int64_t size = 10;    // glyphs: pixels a side
  double noise = -1;    // deviation of normal noise; negative: the task's own
  uint64_t seed = 0;
};

/// Names of the tasks: moons (two interleaving half circles, as scikit-learn's make_moons; noise 0.1), rings
/// (concentric), blobs (normal clusters on a circle), spirals (arms of one), glyphs (images [1, size, size] from 0 to 1
/// of strokes that the seed draws for each class, moved, turned and scaled a little; noise 0.2).
const std::vector<std::string>& task_names();

/// float32 array "x", class labels; items class by class. Errors: usage for unknown tasks and impossible numbers.
Dataset generate(const GenerateOptions& options);

}  // namespace allot::data
