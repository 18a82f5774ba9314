// SPDX-License-Identifier: Apache-2.0
#include "contrast/page.h"

#include <algorithm>

#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>

#include "contrast/pictures.h"
#include "report/chart.h"
#include "report/heat_map.h"
#include "report/html.h"
#include "train/page.h"

namespace allot::contrast {
namespace {

constexpr int64_t kShownPairs = 32, kQueries = 6, kFound = 5, kGallery = 2000;

std::string recall_chart(const Retrieval& found) {
  const auto series = [&](const char* name, const Ranks& ranks) {
    report::Series line{name, {}, true};
    for (int64_t k = 1; k <= std::min<int64_t>(100, found.pairs()); ++k)
      line.points.emplace_back(static_cast<double>(k), ranks.recall(k));
    return line;
  };
  return report::line_chart(
      {series("image to text", found.first_to_second), series("text to image", found.second_to_first)},
      "candidates looked at", "share found", {.log_x = true});
}

/// Similarities of pairs spread over all: rows are first sides, columns second ones.
std::string matrix(const at::Tensor& first, const at::Tensor& second) {
  const int64_t pairs = first.size(0), shown = std::min(kShownPairs, pairs);
  const at::Tensor spread = at::arange(shown, at::kLong).mul(pairs).floor_divide(shown);
  const at::Tensor similarities =
      at::mm(first.index_select(0, spread), second.index_select(0, spread).t()).contiguous();
  const int64_t count = similarities.size(0);
  const float* values = similarities.const_data_ptr<float>();
  std::vector<std::vector<double>> rows;
  for (int64_t row = 0; row < count; ++row) rows.emplace_back(values + row * count, values + (row + 1) * count);
  return report::heat_map(
      rows, "similarities of pairs: rows are first sides, columns second ones",
      [&](size_t row, size_t column) { return fmt::format("{} with {}: {:.2f}", row, column, rows[row][column]); });
}

std::string item_html(const PairSource& source, int64_t item) {
  if (const auto picture = source.picture(item)) return picture_html(*picture);
  return report::escape(fmt::format("item {}", item));
}

/// For some second sides, the first sides that are most similar.
std::string examples(const PairSource& source, const at::Tensor& first, const at::Tensor& second,
                     const std::vector<int64_t>& items) {
  std::vector<report::Column> header = {{"Asked for"}, {"Its own"}};
  for (int64_t i = 0; i < kFound; ++i) header.push_back({fmt::format("Found {}", i + 1), i > 2});
  std::vector<std::vector<std::string>> rows;
  for (int64_t query = 0; query < std::min<int64_t>(kQueries, second.size(0)); ++query) {
    const int64_t place = query * second.size(0) / kQueries;
    const at::Tensor order = at::mm(first, second.narrow(0, place, 1).t()).flatten().argsort(-1, true);
    const int64_t* best = order.const_data_ptr<int64_t>();
    const int64_t own = items[static_cast<size_t>(place)];
    const std::string text = source.text(own);
    rows.push_back({report::escape(text.empty() ? fmt::format("item {}", own) : text), item_html(source, own)});
    for (int64_t i = 0; i < kFound; ++i)
      rows.back().push_back(i < order.size(0) ? item_html(source, items[static_cast<size_t>(best[i])]) : "");
  }
  return report::table_of_html(header, rows);
}

/// Evenly spread items, few enough for a page.
std::vector<int64_t> shown_items(const PairSource& source) {
  const int64_t count = std::min(kGallery, source.size());
  std::vector<int64_t> items;
  for (int64_t i = 0; i < count; ++i) items.push_back(i * source.size() / count);
  return items;
}

}  // namespace

std::string page_of(const RunPage& run) {
  const at::NoGradGuard no_gradients;
  train::TrainingPage page;
  page.title = "Contrastive training";
  if (const auto& found = run.outcome.retrieval) {
    page.tiles = {{"Image to text, R@1", fmt::format("{:.1f} %", 100 * found->first_to_second.recall(1)),
                   fmt::format("of {} pairs", found->pairs())},
                  {"Text to image, R@1", fmt::format("{:.1f} %", 100 * found->second_to_first.recall(1)), ""},
                  {"Chance", fmt::format("{:.2g} %", 100.0 / static_cast<double>(found->pairs())), ""}};
    page.sections.push_back({"Retrieval", recall_chart(*found)});
  }
  page.tiles.push_back({"Scale", fmt::format("{:.1f}", run.outcome.scale), "of similarities"});
  const std::vector<int64_t> items = shown_items(run.source);
  const SourceBatch batch(run.source, items, false);
  const auto embedded = [&](Side side) {
    return embed_rows(run.towers.of(side), batch, side, {0, batch.pairs()}, 256, 1, {}).to(at::kFloat);
  };
  const at::Tensor first = embedded(Side::first), second = embedded(Side::second);
  page.sections.push_back({"Similarity of pairs", matrix(first, second)});
  page.sections.push_back({"Examples of retrieval", examples(run.source, first, second, items)});
  page.records = run.records;
  page.facts = run.facts;
  return train::render(page);
}

}  // namespace allot::contrast
