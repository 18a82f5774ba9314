// SPDX-License-Identifier: Apache-2.0
#include "train/divided_weights.h"

#include <algorithm>
#include <numeric>

#include <c10/core/CPUAllocator.h>

#include "base/error.h"
#include "train/owners.h"

namespace allot::train {

DividedWeights::DividedWeights(dist::Team& team, const exec::Program& program, std::vector<uint32_t> owners)
    : team_(team), owners_(std::move(owners)), all_(program.parameters().size()) {
  ALLOT_ASSERT(owners_.size() == all_.size());
  std::iota(all_.begin(), all_.end(), size_t{0});
  for (const exec::Parameter& parameter : program.parameters()) {
    // Else others' memory would go with it.
    ALLOT_ASSERT(parameter.tensor.storage().nbytes() == parameter.tensor.nbytes());
    tensors_.push_back({parameter.weight.name, parameter.tensor.variable_data()});
  }
  const exec::Plan& plan = program.plan();
  for (const exec::Segment& segment : plan.segments) {
    std::vector<size_t>& used = of_segment_.emplace_back();
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(used), [&](size_t i) {
      return std::any_of(segment.inputs.begin(), segment.inputs.end(), [&](exec::Slot slot) {
        const exec::Value& value = plan.constants[slot];
        return value.is_tensor() && value.tensor().is_alias_of(tensors_[i].tensor);
      });
    });
  }
}

void DividedWeights::divide() {
  if (whole_) drop(all_);
  whole_ = false;
}

void DividedWeights::make_whole() {
  if (!whole_) bring(all_);
  whole_ = true;
}

void DividedWeights::before(size_t segment) {
  if (whole_) return;
  bring(of_segment_.at(segment));
  most_bytes_ = std::max(most_bytes_, bytes());
}

void DividedWeights::after(size_t segment) {
  if (!whole_) drop(of_segment_.at(segment));
}

int64_t DividedWeights::bytes() const {
  return std::accumulate(tensors_.begin(), tensors_.end(), int64_t{0}, [](int64_t sum, const auto& each) {
    return sum + static_cast<int64_t>(each.tensor.storage().nbytes());
  });
}

void DividedWeights::bring(const std::vector<size_t>& parameters) {
  std::vector<nn::TrainedTensor> tensors;
  std::vector<uint32_t> owners;
  for (const size_t i : parameters) {
    const at::Tensor& tensor = tensors_[i].tensor;
    if (owners_[i] != team_.rank()) {
      const at::Storage& storage = tensor.storage();
      storage.unsafeGetStorageImpl()->set_data_ptr_noswap(c10::GetCPUAllocator()->allocate(tensor.nbytes()));
      storage.unsafeGetStorageImpl()->set_nbytes(tensor.nbytes());
    }
    tensors.push_back(tensors_[i]);
    owners.push_back(owners_[i]);
  }
  share_owned(team_, tensors, owners);
}

void DividedWeights::drop(const std::vector<size_t>& parameters) {
  for (const size_t i : parameters)
    if (owners_[i] != team_.rank()) tensors_[i].tensor.storage().unsafeGetStorageImpl()->reset();
}

}  // namespace allot::train
