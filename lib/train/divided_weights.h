// SPDX-License-Identifier: Apache-2.0
// Weights in parts: each rank keeps those of some tensors, and gets the others while a segment of the network runs.
#pragma once

#include <cstdint>
#include <vector>

#include "dist/team.h"
#include "exec/program.h"
#include "exec/segment_watch.h"
#include "nn/optimizer.h"

namespace allot::train {

/// Takes others' weights out of memory and brings them back, while all tensors stay the objects that they are. As all
/// ranks have to bring at the same time, all run the network equally often, in the same order; within a rank, one
/// thread does. Source: Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models",
/// 2020, section 5.3; segments are those of rematerialisation.
class DividedWeights final : public exec::SegmentWatch {
 public:
  /// `owners`: the rank of each parameter of `program`, equal on all ranks. Both others must outlive it.
  DividedWeights(dist::Team& team, const exec::Program& program, std::vector<uint32_t> owners);

  /// Only own weights stay. Nothing happens where that is so.
  void divide();
  /// All: every rank gets the owners' values of all. Nothing happens where they are there.
  void make_whole();

  /// All: brings what the segment takes.
  void before(size_t segment) override;
  void after(size_t segment) override;

  /// Of weights that are in memory now, and the most that were since they were first divided.
  int64_t bytes() const;
  int64_t most_bytes() const { return most_bytes_; }

 private:
  void bring(const std::vector<size_t>& parameters);
  void drop(const std::vector<size_t>& parameters);

  dist::Team& team_;
  const std::vector<uint32_t> owners_;
  std::vector<nn::TrainedTensor> tensors_;       // the parameters' memory, whose changes autograd does not count
  std::vector<std::vector<size_t>> of_segment_;  // parameters
  std::vector<size_t> all_;
  bool whole_ = true;
  int64_t most_bytes_ = 0;
};

}  // namespace allot::train
