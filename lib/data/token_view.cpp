// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/view.h"

namespace allot::data {
namespace {

constexpr int kTries = 16;  // to draw a token that is not special

class TokenView final : public View {
 public:
  TokenView(const Array& array, TokenOptions options)
      : View(array, DType::int64, {array.shape.begin() + 1, array.shape.end()}), options_(std::move(options)) {
    std::sort(options_.kept.begin(), options_.kept.end());
  }

 private:
  void make(int64_t item, const Draw& draw, uint32_t row, std::byte* out) const override {
    const std::span tokens(reinterpret_cast<int64_t*>(out), item_bytes() / sizeof(int64_t));
    base::Rng rng = View::rng(draw, row, Use::content);
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = at(item * array().elements() + static_cast<int64_t>(i));
      const double chance = rng.uniform();
      if (is_kept(tokens[i])) continue;
      if (chance < options_.dropout)
        tokens[i] = options_.mask;
      else if (chance < options_.dropout + options_.replacement)
        tokens[i] = another(tokens[i], rng);
    }
  }

  int64_t at(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    return array().dtype == DType::int64 ? array().values<int64_t>()[i] : array().values<uint8_t>()[i];
  }
  bool is_kept(int64_t token) const { return std::binary_search(options_.kept.begin(), options_.kept.end(), token); }

  int64_t another(int64_t token, base::Rng& rng) const {
    const auto count = static_cast<unsigned __int128>(array().items() * array().elements());
    for (int i = 0; i < kTries; ++i) {
      const int64_t drawn = at(static_cast<int64_t>(count * rng.next_u64() >> 64));
      if (!is_kept(drawn)) return drawn;
    }
    return token;
  }

  TokenOptions options_;
};

}  // namespace

std::unique_ptr<View> token_view(const Array& array, const TokenOptions& options) {
  ALLOT_ASSERT(array.dtype != DType::float32);
  return std::make_unique<TokenView>(array, options);
}

}  // namespace allot::data
