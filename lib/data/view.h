// SPDX-License-Identifier: Apache-2.0
// Views: what is done to items on their way into a batch, from nothing at all to strong augmentation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "data/dataset.h"
#include "data/streams.h"

namespace allot::data {

/// Names the random numbers of a batch: row r is made with those of (seed, stream, step, first_row + r). An item that
/// stands twice in a batch is changed in two ways; a rank that makes rows [a, b) sets first_row = a. Weak and strong
/// views that are filled with the same Draw share their crop and flip (mpl 1.7).
struct Draw {
  uint64_t seed = 0;
  uint32_t stream = 0;  // below 2^28; who draws: labelled batch, unlabelled batch, ...
  uint32_t step = 0;
  uint32_t first_row = 0;
};

/// One array of a dataset as a network gets it. Views are immutable and keep their array's memory alive.
class View {
 public:
  View(Array array, DType dtype, std::vector<int64_t> shape);
  virtual ~View() = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  DType dtype() const { return dtype_; }                        // float32 or int64
  const std::vector<int64_t>& shape() const { return shape_; }  // of one item
  size_t item_bytes() const { return item_bytes_; }

  /// Writes the views of `items` one after another; out holds items.size() * item_bytes(), aligned for dtype. The same
  /// bytes at any number of threads; without a pool, on the caller's.
  void fill(std::span<const int64_t> items, const Draw& draw, std::span<std::byte> out,
            base::ThreadPool* pool = nullptr) const;

 protected:
  static base::Rng rng(const Draw& draw, uint32_t row, Use use);
  const Array& array() const { return array_; }

 private:
  virtual void make(int64_t item, const Draw& draw, uint32_t row, std::byte* out) const = 0;

  Array array_;
  DType dtype_;
  std::vector<int64_t> shape_;
  size_t item_bytes_;
};

/// value -> (value * factor - mean[c]) / deviation[c]. c: the channel of an image, else the index within the last
/// dimension. Empty mean or deviation: 0 and 1; of one element: the same for all.
struct Scaling {
  float factor = 1;
  std::vector<float> mean{}, deviation{};
};

/// Mean and deviation by column (last dimension) of `items`, in double; constant columns get deviation 1.
Scaling standardise(const Array& array, std::span<const int64_t> items);

/// Items as they are: integers as int64 where `scaling` is null, all else as float32.
std::unique_ptr<View> plain_view(const Array& array, const Scaling* scaling = nullptr);

/// As plain_view with normal noise of deviation `sigma` added after scaling: tables and points.
std::unique_ptr<View> jitter_view(const Array& array, const Scaling& scaling, double sigma);

struct TokenOptions {
  double dropout = 0;      // probability that a token becomes `mask`
  double replacement = 0;  // probability that it becomes one drawn from the array itself
  int64_t mask = 0;
  std::vector<int64_t> kept{};  // special ids (padding, separators, ...) that neither happens to, nor becomes of others
};

/// int64 token ids with some dropped or replaced in place, so that masks and positions stay right.
std::unique_ptr<View> token_view(const Array& array, const TokenOptions& options);

}  // namespace allot::data
