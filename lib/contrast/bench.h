// SPDX-License-Identifier: Apache-2.0
// What a step costs: bytes and seconds over the size of the batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contrast/two_pass.h"

namespace allot::contrast {

struct BenchRow {
  std::string method;  // two-pass or plain
  int64_t batch = 0, micro = 0;
  int64_t live_bytes = 0;      // the most that tensors held above what they held before
  int64_t resident_bytes = 0;  // by which the process grew at most, as the system sees it
  double cpu_s = 0;            // of the process, user and system
  double pass1_s = 0, loss_s = 0, pass2_s = 0;
};

/// Pairs of random inputs that are made when they are read, so that a batch of any size needs no memory. An input's
/// dimensions are those of the file, open ones as `length`; indices are below `vocabulary`.
class RandomBatch final : public Batch {
 public:
  RandomBatch(const Towers& towers, int64_t pairs, uint64_t seed, int64_t length, int64_t vocabulary);
  int64_t pairs() const override { return pairs_; }
  int64_t rows(Side) const override { return pairs_; }
  Inputs inputs(Side side, int64_t begin, int64_t count) const override;

 private:
  struct Input {
    std::vector<int64_t> item;
    at::ScalarType type;
    bool whole;
  };
  std::vector<Input> of_first_, of_second_;
  int64_t pairs_, vocabulary_;
  uint64_t seed_;
};

/// One step after one to warm up. Plain: one graph over the whole batch.
BenchRow measure_step(const Towers& towers, const Batch& batch, const Temperature& temperature,
                      const StepOptions& options, bool plain);

/// Bytes by which live memory grows a pair, over the two-pass rows: least squares; none for fewer than two.
std::optional<double> bytes_per_pair(const std::vector<BenchRow>& rows);

/// The smallest micro-batch, of powers of two up to the batch and 1,024, that is within 5 % of the fastest, and whose
/// passes on each of `threads` stay below `most_bytes` (0: any). Both passes over the same rows of `batch` are timed in
/// turn for all sizes.
int64_t fastest_micro(const Towers& towers, const Batch& batch, unsigned threads, int64_t most_bytes);

}  // namespace allot::contrast
