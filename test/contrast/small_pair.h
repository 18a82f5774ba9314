// SPDX-License-Identifier: Apache-2.0
// Two small encoders and a batch for them.
#pragma once

#include <memory>
#include <string>

#include "contrast/bench.h"
#include "contrast/small_towers.h"

namespace allot::test {

struct SmallPair {
  /// `second` empty: tied.
  explicit SmallPair(const std::string& of_first, const std::string& of_second = "",
                     contrast::TowerOptions first_options = {}, contrast::TowerOptions second_options = {})
      : first(contrast::make_tower(contrast::parse_tower(of_first)), first_options) {
    if (!of_second.empty())
      second =
          std::make_unique<contrast::Tower>(contrast::make_tower(contrast::parse_tower(of_second)), second_options);
  }
  contrast::Towers towers() const { return {first, second ? *second : first}; }
  contrast::RandomBatch batch(int64_t pairs) const { return {towers(), pairs, 3, 5, 7}; }

  contrast::Tower first;
  std::unique_ptr<contrast::Tower> second;
};

}  // namespace allot::test
