// SPDX-License-Identifier: Apache-2.0
// Who chooses where a controller says how likely what is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "enas/space.h"

namespace allot::enas {

class Picker {
 public:
  virtual ~Picker() = default;
  /// Pick number `pick` of a variable of kind one_of or k_of, by probabilities that add up to 1.
  virtual size_t one(size_t sample, size_t variable, size_t pick, std::span<const float> probabilities) = 0;
  /// Of a subset, whose alternatives are independent but for its bounds.
  virtual Choice some(size_t sample, size_t variable, const Variable& what, std::span<const float> probabilities) = 0;
};

/// Draws; sample number m by the numbers of (seed, stream, step, m), whatever the others draw.
class RandomPicker final : public Picker {
 public:
  RandomPicker(uint64_t seed, uint32_t stream, uint32_t step, size_t samples);
  size_t one(size_t sample, size_t variable, size_t pick, std::span<const float> probabilities) override;
  Choice some(size_t sample, size_t variable, const Variable& what, std::span<const float> probabilities) override;

 private:
  std::vector<base::Rng> rngs_;
};

/// Repeats what was chosen.
class GivenPicker final : public Picker {
 public:
  explicit GivenPicker(const std::vector<Assignment>& given) : given_(given) {}
  size_t one(size_t sample, size_t variable, size_t pick, std::span<const float>) override {
    return given_[sample][variable][pick];
  }
  Choice some(size_t sample, size_t variable, const Variable&, std::span<const float>) override {
    return given_[sample][variable];
  }

 private:
  const std::vector<Assignment>& given_;
};

}  // namespace allot::enas
