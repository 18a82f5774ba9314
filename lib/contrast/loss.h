// SPDX-License-Identifier: Apache-2.0
// Contrastive losses over a whole batch in closed form, in tiles: no matrix of all similarities, no graph.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace allot::contrast {

/// Which loss of the similarities A = scale * first * second'.
struct LossOptions {
  std::string kind = "clip";   // clip: softmax over the batch; sigmoid: each pair by itself
  std::string sides = "both";  // of clip: rows and columns, or first: rows alone choose their column
  int64_t tile = 1024;         // rows and columns of similarities that exist at a time
};

/// What the loss is computed from. Row i of `first` belongs to row i of `second`; rows of `second` beyond are
/// candidates that belong to nobody (hard negatives). Of a batch over several processes `first` holds the rows from
/// `first_row` on, `second` all. float32 or float64 on the CPU.
struct Similarity {
  at::Tensor first, second;  // [rows, D], [candidates, D]
  int64_t first_row = 0;
  int64_t pairs = 0;                       // in the whole batch
  double scale = 1, bias = 0;              // bias: of sigmoid
  at::Tensor first_group, second_group{};  // int64 [rows], [candidates] or undefined; see below
};
// Where the groups of a row and of another's candidate are equal, the two are duplicates: the pair counts neither as
// positive nor as negative.

/// Of clip: log-sums of exponentials over candidates, by row, and over rows, by pair. The second is over the rows at
/// hand; over several processes they are joined by logaddexp. Undefined where the loss has none.
struct Normalisers {
  at::Tensor rows, columns;  // [rows], [pairs]
};

struct LossGradient {
  double loss = 0;           // the rows' share of the batch's mean; sums over processes to it
  at::Tensor first, second;  // of the loss; `second` over the rows at hand: its sum over processes is the whole
  double scale = 0, bias = 0;
  int64_t hits = 0;  // rows whose own candidate is more similar than any other
};

/// Reads all similarities once. Work: 2 * rows * candidates * D. Memory: tile^2 + rows + candidates numbers.
Normalisers normalisers(const Similarity& similarity, const LossOptions& options);

/// Reads them a second time. `norm` holds the columns' sums over the whole batch.
/// Source: specification of contrast-train, 1.1 and 1.3; sigmoid: Zhai et al., "Sigmoid loss", ICCV 2023, algorithm 1.
LossGradient loss_gradient(const Similarity& similarity, const Normalisers& norm, const LossOptions& options);

/// Both in one process.
LossGradient loss_gradient(const Similarity& similarity, const LossOptions& options);

/// The same loss as one expression that torch differentiates, with all similarities in memory: a scalar. What the
/// closed form is held against. `scale` and `bias`: 0-dim tensors; the numbers in `similarity` are not used.
at::Tensor plain_loss(const Similarity& similarity, const at::Tensor& scale, const at::Tensor& bias,
                      const LossOptions& options);

}  // namespace allot::contrast
