// SPDX-License-Identifier: Apache-2.0
#include "train/comparison.h"

#include "base/error.h"

namespace allot::train {

TextTable comparison_table(const std::vector<Contender>& contenders, size_t reference, const std::string& score,
                           int decimals) {
  const Contender& other = contenders.at(reference);
  const auto text = [decimals](double value) { return fmt::format("{:.{}f}", value, decimals); };
  TextTable table{{"method", score, "median", "min", "max", fmt::format("more than {} [95 %]", other.name)}, {}};
  for (size_t i = 0; i < contenders.size(); ++i) {
    const Summary all = summarize(contenders[i].scores);
    const std::string spread = all.count > 1 ? fmt::format(" ± {}", text(all.deviation)) : "";
    const bool compares = i != reference && all.count > 1;
    table.rows.push_back(
        {contenders[i].name, text(all.mean) + spread, text(all.median), text(all.min), text(all.max),
         compares ? difference_text(paired_difference(contenders[i].scores, other.scores), decimals) : "–"});
  }
  return table;
}

}  // namespace allot::train
