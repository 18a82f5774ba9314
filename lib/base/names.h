// SPDX-License-Identifier: Apache-2.0
// Many short strings in one array.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace allot::base {

/// Added at the end, never changed: 4 bytes and its characters each, where a std::string takes 32 bytes or more.
class Names {
 public:
  class Iterator {
   public:
    Iterator(const Names& names, size_t index) : names_(&names), index_(index) {}
    std::string_view operator*() const { return (*names_)[index_]; }
    Iterator& operator++() { return ++index_, *this; }
    bool operator==(const Iterator& other) const = default;

   private:
    const Names* names_;
    size_t index_;
  };

  Names() = default;
  Names(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) push_back(name);
  }
  /// `count` names of no characters.
  explicit Names(size_t count) : begin_(count + 1) {}

  size_t size() const { return begin_.size() - 1; }
  /// Valid until the next push_back.
  std::string_view operator[](size_t index) const {
    return std::string_view(characters_).substr(begin_[index], begin_[index + 1] - begin_[index]);
  }
  void push_back(std::string_view name) {
    ALLOT_ASSERT(characters_.size() + name.size() <= std::numeric_limits<uint32_t>::max());
    characters_ += name;
    begin_.push_back(static_cast<uint32_t>(characters_.size()));
  }
  void shrink_to_fit() {
    characters_.shrink_to_fit();
    begin_.shrink_to_fit();
  }
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

  bool operator==(const Names& other) const = default;

 private:
  std::string characters_;
  std::vector<uint32_t> begin_{0};
};

}  // namespace allot::base
