// SPDX-License-Identifier: Apache-2.0
// One image while it is worked on: a plane a channel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace allot::data {

template <typename T>
class Planes {
 public:
  Planes(int64_t channels, int64_t height, int64_t width)
      : channels_(channels), height_(height), width_(width), values_(static_cast<size_t>(channels * height * width)) {}

  int64_t channels() const { return channels_; }
  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  size_t pixels() const { return static_cast<size_t>(height_ * width_); }
  std::span<T> values() { return values_; }
  std::span<const T> values() const { return values_; }
  std::span<T> plane(int64_t c) { return std::span(values_).subspan(static_cast<size_t>(c) * pixels(), pixels()); }
  std::span<const T> plane(int64_t c) const {
    return std::span(values_).subspan(static_cast<size_t>(c) * pixels(), pixels());
  }
  const T& at(int64_t c, int64_t y, int64_t x) const {
    return values_[static_cast<size_t>((c * height_ + y) * width_ + x)];
  }
  T& at(int64_t c, int64_t y, int64_t x) { return values_[static_cast<size_t>((c * height_ + y) * width_ + x)]; }

 private:
  int64_t channels_, height_, width_;
  std::vector<T> values_;
};

using Pixels = Planes<uint8_t>;

}  // namespace allot::data
