// SPDX-License-Identifier: Apache-2.0
#include "contrast/evaluation.h"

#include <algorithm>
#include <numeric>

#include <ATen/ops/arange.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>

namespace allot::contrast {
namespace {

constexpr int64_t kRows = 256;  // of similarities in memory at a time

std::vector<int64_t> all_items(const PairSource& source) {
  std::vector<int64_t> items(static_cast<size_t>(source.size()));
  std::iota(items.begin(), items.end(), int64_t{0});
  return items;
}

}  // namespace

double Ranks::recall(int64_t k) const {
  const auto found = std::count_if(ranks.begin(), ranks.end(), [k](int64_t rank) { return rank < k; });
  return ranks.empty() ? 0 : static_cast<double>(found) / static_cast<double>(ranks.size());
}

double Ranks::median() const {
  if (ranks.empty()) return 0;
  std::vector<int64_t> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  const int64_t twice = sorted[middle] + sorted[sorted.size() % 2 == 1 ? middle : middle - 1];
  return 1 + static_cast<double>(twice) / 2;
}

double Retrieval::score() const { return (first_to_second.recall(1) + second_to_first.recall(1)) / 2; }

train::Metrics Retrieval::metrics() const {
  train::Metrics metrics;
  for (const int64_t k : {1, 5, 10}) {
    metrics[fmt::format("recall_{}.image_to_text", k)] = first_to_second.recall(k);
    metrics[fmt::format("recall_{}.text_to_image", k)] = second_to_first.recall(k);
  }
  metrics["median_rank.image_to_text"] = first_to_second.median();
  metrics["median_rank.text_to_image"] = second_to_first.median();
  return metrics;
}

Ranks rank_all(const at::Tensor& queries, const at::Tensor& candidates) {
  const at::NoGradGuard no_gradients;
  Ranks result;
  const int64_t count = queries.size(0);
  const at::Tensor columns = at::arange(candidates.size(0), at::kLong).unsqueeze(0);
  for (int64_t begin = 0; begin < count; begin += kRows) {
    const int64_t rows = std::min(kRows, count - begin);
    const at::Tensor a = at::mm(queries.narrow(0, begin, rows), candidates.t());
    const at::Tensor own = a.diagonal(begin).unsqueeze(1);
    const at::Tensor place = at::arange(begin, begin + rows, at::kLong).unsqueeze(1);
    const at::Tensor before = (a > own).logical_or((a == own).logical_and(columns < place));
    const at::Tensor ranks = before.sum(1);
    const int64_t* first = ranks.const_data_ptr<int64_t>();
    result.ranks.insert(result.ranks.end(), first, first + rows);
  }
  return result;
}

at::Tensor embed_all(const Towers& towers, const PairSource& source, Side side, int64_t micro, unsigned threads) {
  const SourceBatch batch(source, all_items(source), false);
  return embed_rows(towers.of(side), batch, side, {0, source.size()}, micro, threads, {});
}

Retrieval retrieval(const Towers& towers, const PairSource& source, int64_t micro, unsigned threads) {
  const at::Tensor first = embed_all(towers, source, Side::first, micro, threads);
  const at::Tensor second = embed_all(towers, source, Side::second, micro, threads);
  return {rank_all(first, second), rank_all(second, first)};
}

}  // namespace allot::contrast
