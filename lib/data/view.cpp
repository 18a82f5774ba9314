// SPDX-License-Identifier: Apache-2.0
#include "data/view.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace allot::data {
namespace {

constexpr size_t kRowsAtOnce = 8;

// Integers, as a network of token ids takes them.
class IntegerView final : public View {
 public:
  explicit IntegerView(const Array& array) : View(array, DType::int64, {array.shape.begin() + 1, array.shape.end()}) {}

 private:
  void make(int64_t item, const Draw&, uint32_t, std::byte* out) const override {
    if (array().dtype == DType::int64) {
      std::memcpy(out, array().row<int64_t>(item).data(), item_bytes());
    } else {
      const auto row = array().row<uint8_t>(item);
      std::copy(row.begin(), row.end(), reinterpret_cast<int64_t*>(out));
    }
  }
};

class RealView final : public View {
 public:
  RealView(const Array& array, const Scaling& scaling, double sigma)
      : View(array, DType::float32, {array.shape.begin() + 1, array.shape.end()}),
        scale_(array, scaling),
        sigma_(sigma) {}

 private:
  void make(int64_t item, const Draw& draw, uint32_t row, std::byte* out) const override {
    const std::span values(reinterpret_cast<float*>(out), item_bytes() / sizeof(float));
    switch (array().dtype) {
      case DType::uint8:
        scale_.apply(array().row<uint8_t>(item), values);
        break;
      case DType::int64:
        scale_.apply(array().row<int64_t>(item), values);
        break;
      case DType::float32:
        scale_.apply(array().row<float>(item), values);
        break;
    }
    if (sigma_ == 0) return;
    base::Rng noise = rng(draw, row, Use::content);
    for (float& value : values) value += static_cast<float>(sigma_ * noise.normal());
  }

  // (value * factor - mean) / deviation as value * slope + offset by column.
  class Columns {
   public:
    Columns(const Array& array, const Scaling& scaling) {
      const auto columns = static_cast<size_t>(array.shape.size() > 1 ? array.shape.back() : 1);
      for (size_t c = 0; c < columns; ++c) {
        const float mean = at(scaling.mean, c, columns, 0), deviation = at(scaling.deviation, c, columns, 1);
        slope_.push_back(scaling.factor / deviation);
        offset_.push_back(-mean / deviation);
      }
    }
    template <typename T>
    void apply(std::span<const T> in, std::span<float> out) const {
      for (size_t i = 0, c = 0; i < in.size(); ++i) {
        out[i] = static_cast<float>(in[i]) * slope_[c] + offset_[c];
        if (++c == slope_.size()) c = 0;
      }
    }

   private:
    static float at(const std::vector<float>& values, size_t c, size_t columns, float none) {
      ALLOT_ASSERT(values.size() <= 1 || values.size() == columns);
      return values.empty() ? none : values[values.size() == 1 ? 0 : c];
    }
    std::vector<float> slope_, offset_;
  };

  Columns scale_;
  double sigma_;
};

}  // namespace

View::View(Array array, DType dtype, std::vector<int64_t> shape)
    : array_(std::move(array)), dtype_(dtype), shape_(std::move(shape)), item_bytes_(dtype_bytes(dtype)) {
  for (const int64_t dim : shape_) item_bytes_ *= static_cast<size_t>(dim);
}

void View::fill(std::span<const int64_t> items, const Draw& draw, std::span<std::byte> out,
                base::ThreadPool* pool) const {
  ALLOT_ASSERT(out.size() == items.size() * item_bytes_);
  const auto rows = [&](size_t shard, unsigned) {
    const size_t end = std::min(items.size(), (shard + 1) * kRowsAtOnce);
    for (size_t row = shard * kRowsAtOnce; row < end; ++row)
      make(items[row], draw, static_cast<uint32_t>(row), out.data() + row * item_bytes_);
  };
  const size_t shards = (items.size() + kRowsAtOnce - 1) / kRowsAtOnce;
  if (pool != nullptr)
    pool->run(shards, rows);
  else
    for (size_t shard = 0; shard < shards; ++shard) rows(shard, 0);
}

base::Rng View::rng(const Draw& draw, uint32_t row, Use use) {
  return base::Rng(draw.seed, stream_of(draw.stream, use), draw.step, draw.first_row + row);
}

Scaling standardise(const Array& array, std::span<const int64_t> items) {
  const auto columns = static_cast<size_t>(array.shape.size() > 1 ? array.shape.back() : 1);
  const auto value_at = [&](int64_t item, size_t i) -> double {
    switch (array.dtype) {
      case DType::uint8:
        return array.row<uint8_t>(item)[i];
      case DType::int64:
        return static_cast<double>(array.row<int64_t>(item)[i]);
      default:
        return array.row<float>(item)[i];
    }
  };
  std::vector<double> sum(columns), squares(columns);
  const double count = static_cast<double>(items.size()) * static_cast<double>(array.elements()) / double(columns);
  const auto elements = static_cast<size_t>(array.elements());
  for (const int64_t item : items)
    for (size_t i = 0; i < elements; ++i) sum[i % columns] += value_at(item, i);
  for (const int64_t item : items)
    for (size_t i = 0; i < elements; ++i)
      squares[i % columns] += std::pow(value_at(item, i) - sum[i % columns] / count, 2);
  Scaling scaling;
  for (size_t c = 0; c < columns; ++c) {
    const double deviation = count > 0 ? std::sqrt(squares[c] / count) : 0;
    scaling.mean.push_back(count > 0 ? static_cast<float>(sum[c] / count) : 0);
    scaling.deviation.push_back(deviation > 0 ? static_cast<float>(deviation) : 1);
  }
  return scaling;
}

std::unique_ptr<View> plain_view(const Array& array, const Scaling* scaling) {
  if (scaling == nullptr && array.dtype != DType::float32) return std::make_unique<IntegerView>(array);
  return std::make_unique<RealView>(array, scaling == nullptr ? Scaling{} : *scaling, 0);
}

std::unique_ptr<View> jitter_view(const Array& array, const Scaling& scaling, double sigma) {
  return std::make_unique<RealView>(array, scaling, sigma);
}

}  // namespace allot::data
