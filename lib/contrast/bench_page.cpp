// SPDX-License-Identifier: Apache-2.0
#include "contrast/bench_page.h"

#include <algorithm>

#include "base/error.h"
#include "report/chart.h"
#include "report/html.h"

namespace allot::contrast {
namespace {

constexpr double kMillion = 1e6;

using Figure = double (*)(const BenchRow&);

report::Series series(const std::vector<BenchRow>& rows, const char* name, const char* method, Figure figure) {
  report::Series line{name, {}};
  for (const BenchRow& row : rows)
    if (row.method == method) line.points.emplace_back(static_cast<double>(row.batch), figure(row));
  std::sort(line.points.begin(), line.points.end());
  return line;
}

std::string chart(std::vector<report::Series> all, const char* unit) {
  std::erase_if(all, [](const report::Series& each) { return each.points.empty(); });
  return report::line_chart(all, "pairs in a batch", unit, {.log_x = true});
}

std::string memory_chart(const std::vector<BenchRow>& rows, int64_t dimension) {
  const Figure live = [](const BenchRow& row) { return static_cast<double>(row.live_bytes) / kMillion; };
  const Figure grown = [](const BenchRow& row) { return static_cast<double>(row.resident_bytes) / kMillion; };
  report::Series least{"embeddings and their gradients", {}};
  for (const auto& [batch, bytes] : series(rows, "", "two-pass", live).points)
    least.points.emplace_back(batch, 16 * static_cast<double>(dimension) * batch / kMillion);
  return chart({series(rows, "tensors", "two-pass", live), series(rows, "growth of the process", "two-pass", grown),
                series(rows, "tensors of one graph", "plain", live),
                series(rows, "growth with one graph", "plain", grown), least},
               "MB");
}

std::string time_chart(const std::vector<BenchRow>& rows) {
  return chart({series(rows, "two passes", "two-pass", [](const BenchRow& row) { return row.cpu_s; }),
                series(rows, "pass 1", "two-pass", [](const BenchRow& row) { return row.pass1_s; }),
                series(rows, "loss", "two-pass", [](const BenchRow& row) { return row.loss_s; }),
                series(rows, "pass 2", "two-pass", [](const BenchRow& row) { return row.pass2_s; }),
                series(rows, "one graph", "plain", [](const BenchRow& row) { return row.cpu_s; })},
               "seconds");
}

}  // namespace

std::string bench_page(const std::vector<BenchRow>& rows, int64_t dimension) {
  report::Page page("What a step of contrastive training costs");
  std::vector<report::Tile> tiles;
  if (const auto slope = bytes_per_pair(rows))
    tiles.push_back({"A pair adds", fmt::format("{:.0f} bytes", *slope),
                     fmt::format("embeddings and their gradients are {}", 16 * dimension)});
  tiles.push_back({"Embeddings", fmt::format("{}", dimension), "numbers"});
  page.html(report::tiles(tiles));
  page.section("Memory", memory_chart(rows, dimension));
  page.section("Time", time_chart(rows));
  return page.str();
}

}  // namespace allot::contrast
