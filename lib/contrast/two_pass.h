// SPDX-License-Identifier: Apache-2.0
// The gradient of a whole batch in the memory of one micro-batch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "contrast/batch.h"
#include "contrast/loss.h"
#include "dist/team.h"

namespace allot::contrast {

/// Both encoders; one that encodes both sides is given twice.
struct Towers {
  const Tower& first;
  const Tower& second;
  bool tied() const { return &first == &second; }
  const Tower& of(Side side) const { return side == Side::first ? first : second; }
};

/// exp(log_scale) multiplies similarities; `bias` is added to those of the sigmoid loss. float64 scalars.
struct Temperature {
  double log_scale = 0, bias = 0;
};

/// Gradients of some micro-batches of a side at once: by micro-batch, then leaf; and how many such groups the step has.
using TakeParts = std::function<void(Side side, const std::vector<std::vector<at::Tensor>>& parts, int64_t groups)>;

struct StepOptions {
  LossOptions loss;
  int64_t micro = 256, micro_second = 0;  // rows of a side that have activations at a time; 0: as the first
  unsigned threads = 1;                   // micro-batches at a time
  dist::Team* team = nullptr;             // each rank has its part of the rows
  // Gets weight gradients, of two micro-batches a rank at a time, in place of StepGradient; all ranks' on each of them.
  // Wants towers that are not tied, and rows of a side that two micro-batches a rank divide. Null: they are added up.
  TakeParts take_parts = nullptr;
  // Of a trained tower whose weights are divided among ranks: who brings them. There is one thread then.
  exec::SegmentWatch *first_weights = nullptr, *second_weights = nullptr;  // of tied towers the first
};

struct StepGradient {
  double loss = 0;
  double log_scale = 0, bias = 0;         // gradients of Temperature
  std::vector<at::Tensor> first, second;  // of leaves; undefined: none; `second` is empty where towers are tied
  int64_t hits = 0;                       // pairs whose first side finds its own second side
  double pass1_s = 0, loss_s = 0, pass2_s = 0;
};

/// Embeds all rows without recording, computes the loss and its gradient by embeddings, and embeds all again to
/// propagate that into weights. Equal to the gradient of the batch in one piece but for rounding, whatever micro-batch,
/// tile, threads and ranks. Frozen towers have no second pass. All ranks call it, and get the same but for rounding,
/// after one exchange of weight gradients. Source: Gao et al., "Scaling deep contrastive learning batch size under
/// memory limited setup", 2021, section 3; specification of contrast-train, 1.2.
StepGradient two_pass(const Towers& towers, const Batch& batch, const Temperature& temperature,
                      const StepOptions& options, uint64_t seed, uint32_t step);

/// The two sides of a pair draw numbers of their own, also where one tower encodes both.
uint64_t seed_of(Side side, uint64_t seed);

/// Embeddings of rows [range.begin, range.end) of a side, without recording, `micro` at a time.
at::Tensor embed_rows(const Tower& tower, const Batch& batch, Side side, RowRange range, int64_t micro,
                      unsigned threads, Pass pass);

}  // namespace allot::contrast
