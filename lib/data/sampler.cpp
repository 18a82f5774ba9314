// SPDX-License-Identifier: Apache-2.0
#include "data/sampler.h"

#include <cmath>

#include "base/error.h"
#include "data/streams.h"

namespace allot::data {
namespace {

// Few rounds leave the halves of small sets too regular: test/data/sampler_test.cpp shows it below 24.
constexpr uint32_t kRounds = 8, kRoundsOfSmall = 24;
constexpr uint64_t kSmall = 4096;

// The least b with b * b >= x.
uint64_t ceil_sqrt(uint64_t x) {
  auto root = static_cast<uint64_t>(std::sqrt(static_cast<double>(x)));
  while (root * root < x) ++root;
  while (root > 1 && (root - 1) * (root - 1) >= x) --root;
  return root;
}

}  // namespace

Permutation::Permutation(uint64_t size, uint64_t seed, uint32_t stream, uint32_t epoch)
    : size_(size),
      left_(ceil_sqrt(size)),
      right_(left_ == 0 ? 0 : (size + left_ - 1) / left_),
      rounds_(size < kSmall ? kRoundsOfSmall : kRounds),
      key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
      stream_(stream),
      epoch_(epoch) {
  ALLOT_ASSERT(size > 0 && size < uint64_t{1} << 62);
}

uint64_t Permutation::operator[](uint64_t index) const {
  do {
    uint64_t left = index % left_, right = index / left_;
    for (uint32_t round = 0; round < rounds_; ++round) {
      const auto half = static_cast<uint32_t>(round % 2 == 0 ? right : left);
      const auto numbers = base::philox({half, round, epoch_, stream_}, key_);
      const uint64_t number = uint64_t{numbers[0]} << 32 | numbers[1];
      if (round % 2 == 0)
        left = (left + number % left_) % left_;
      else
        right = (right + number % right_) % right_;
    }
    index = right * left_ + left;
  } while (index >= size_);
  return index;
}

Sampler::Sampler(std::vector<int64_t> items, uint64_t seed, uint32_t stream, Order order)
    : items_(std::move(items)), seed_(seed), stream_(stream_of(stream, Use::order)), order_(order) {
  ALLOT_ASSERT(!items_.empty());
}

int64_t Sampler::operator[](uint64_t position) const {
  int64_t item = 0;
  fill(position, {&item, 1});
  return item;
}

void Sampler::fill(uint64_t first, std::span<int64_t> out) const {
  const uint64_t size = items_.size();
  for (size_t i = 0; i < out.size();) {
    const uint64_t position = first + i, epoch = position / size;
    const uint64_t end = std::min<uint64_t>(out.size(), i + (size - position % size));
    const Permutation shuffled(size, seed_, stream_, static_cast<uint32_t>(epoch));
    for (; i < end; ++i) {
      const uint64_t at = (first + i) % size;
      if (order_ == Order::stored) out[i] = items_[at];
      if (order_ == Order::shuffled) out[i] = items_[shuffled[at]];
      if (order_ == Order::replacement) out[i] = items_[draw(first + i)];
    }
  }
}

uint64_t Sampler::draw(uint64_t position) const {
  base::Rng rng(seed_, stream_, static_cast<uint32_t>(position >> 32), static_cast<uint32_t>(position));
  return static_cast<uint64_t>(static_cast<unsigned __int128>(rng.next_u64()) * items_.size() >> 64);
}

std::vector<int64_t> Sampler::batch(uint64_t step, size_t size) const {
  std::vector<int64_t> items(size);
  fill(step * size, items);
  return items;
}

}  // namespace allot::data
