// SPDX-License-Identifier: Apache-2.0
// The page of a training run, which every tool fills with what is its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/html.h"
#include "train/comparison.h"
#include "train/record.h"

namespace allot::train {

struct PageSection {
  std::string heading, html;  // made with lib/report
};

struct TrainingPage {
  std::string title;
  std::vector<report::Tile> tiles;                         // the result at a glance
  std::vector<PageSection> sections;                       // a system's own, above the curves
  std::vector<Record> records;                             // of metrics.jsonl
  std::vector<std::pair<std::string, std::string>> facts;  // about the run
};

/// Like all pages of Allot it fetches nothing.
std::string render(const TrainingPage& page);

/// Charts over steps. Metrics whose names begin alike up to a point share one: "loss.teacher", "loss.student"; so do
/// those of training and of evaluation that have the same name.
std::string curves(const std::vector<Record>& records);

std::string to_html(const TextTable& table);

}  // namespace allot::train
