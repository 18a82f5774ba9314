// SPDX-License-Identifier: Apache-2.0
// Whether the two-pass gradient is that of the whole batch, and whether the check would notice if it were not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "contrast/two_pass.h"

namespace allot::contrast {

/// What is checked. Controls compute what other programs do, and have to fail:
///   naive      the loss of each micro-batch by itself, averaged
///   k-fold     a temperature gradient that is counted once a micro-batch (open_clip --accum-freq)
///   stream     dropout that repeats itself in the second pass, but is drawn by micro-batch (GradCache)
const std::vector<std::string>& check_methods();  // "two-pass", then the controls

struct GradcheckOptions {
  StepOptions step;             // of the loss, threads, and ranks
  std::vector<int64_t> micros;  // sizes of micro-batches
  std::vector<int64_t> tiles;   // of the loss
  std::string method = "two-pass";
  uint64_t seed = 0;
};

struct GradcheckRow {
  int64_t micro = 0, tile = 0;
  double weights = 0;              // |g - g0| / |g0| over all weights
  double log_scale = 0, bias = 0;  // |g - g0|
  double loss = 0;                 // difference, relative
  bool holds = false;
};

struct Gradcheck {
  std::vector<GradcheckRow> rows;
  double norm = 0;                        // |g0|
  double log_scale = 0;                   // the reference's gradient of it
  double weights_bar = 0, scale_bar = 0;  // what counts as equal
  bool holds() const;
};

/// Every size of micro-batch with every tile against one graph over the batch, whose loss is computed in float64 from
/// the embeddings that the networks give in their type. Bars: 1e-12 of float64, 1e-5 of float32; of the temperature
/// 1e-6 |g0| + 1e-8, of float64 1e-12 |g0| + 1e-14; of the bias, to which pairs give up to 1 each of either sign, 1e-6
/// (1 + |g0|), of float64 1e-12 (1 + |g0|). Source: specification of contrast-train, 6.1.
Gradcheck gradcheck(const Towers& towers, const Batch& batch, const Temperature& temperature,
                    const GradcheckOptions& options);

}  // namespace allot::contrast
