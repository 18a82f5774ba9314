// SPDX-License-Identifier: Apache-2.0
// The problems on which placement quality is measured.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::bench {

struct QualityCase {
  std::string name;
  std::shared_ptr<const place::Problem> problem;
};

/// 36 generated graphs of 150 to 500 ops (placement 9.4) on 2, 4 and 8 devices, every second one on devices of two
/// speeds; their parallelism is at least 1.5.
std::vector<QualityCase> generated_cases();

/// 24 others, of four families, 150 to 390 ops, on 2 to 8 GPUs with and without the host and enough memory: to learn from.
std::vector<QualityCase> training_cases();

/// Every `stem`.onnx below `folder` that has a `stem`.costs.json and `stem`.cluster.yaml, as the converters in scripts/
/// write them, in order of names.
std::vector<QualityCase> published_cases(const std::string& folder);

}  // namespace allot::bench
