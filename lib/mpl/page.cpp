// SPDX-License-Identifier: Apache-2.0
#include "mpl/page.h"

#include <cmath>

#include "report/html.h"
#include "train/page.h"

namespace allot::mpl {
namespace {

constexpr int64_t kMostClasses = 40;  // in tables

std::string share(double value) { return std::isnan(value) ? "–" : fmt::format("{:.2f} %", 100 * value); }

void add_tiles(std::vector<report::Tile>& tiles, const std::string& who, const Scores& scores) {
  const std::string items = fmt::format("of {} items", scores.items);
  tiles.push_back({who + ": accuracy", share(scores.accuracy), items});
  tiles.push_back({who + ": loss", fmt::format("{:.4f}", scores.loss), ""});
  if (!std::isnan(scores.calibration_error))
    tiles.push_back(
        {who + ": calibration error", share(scores.calibration_error), "how far confidence is from accuracy"});
}

std::string name_of(const RunPage& run, size_t c) {
  return c < run.class_names.size() ? run.class_names[c] : std::to_string(c);
}

std::string class_table(const RunPage& run, const Scores& scores) {
  std::vector<std::vector<std::string>> rows;
  const auto classes = scores.by_class();
  for (size_t c = 0; c < classes.size(); ++c)
    rows.push_back({name_of(run, c), std::to_string(classes[c].items), share(classes[c].precision),
                    share(classes[c].recall), share(classes[c].f1)});
  return report::table({"Class", "Items", "Precision", "Recall", "F1"}, rows);
}

std::string confusion_table(const RunPage& run, const Scores& scores) {
  const auto classes = static_cast<size_t>(scores.classes());
  std::vector<std::string> header = {"Is, and is taken for"};
  std::vector<std::vector<std::string>> rows;
  for (size_t row = 0; row < classes; ++row) {
    header.push_back(name_of(run, row));
    rows.push_back({name_of(run, row)});
    for (size_t c = 0; c < classes; ++c) rows.back().push_back(std::to_string(scores.confusion[row * classes + c]));
  }
  return report::table(header, rows);
}

}  // namespace

std::string page_of(const RunPage& run) {
  train::TrainingPage page;
  page.title = "Training by Meta Pseudo Labels";
  if (run.student) add_tiles(page.tiles, "Student", *run.student);
  if (run.teacher) add_tiles(page.tiles, "Teacher", *run.teacher);
  if (run.student && run.student->classes() > 0 && run.student->classes() <= kMostClasses) {
    page.sections.push_back({"Classes", class_table(run, *run.student)});
    page.sections.push_back({"Confusion", confusion_table(run, *run.student)});
  }
  page.records = run.records;
  page.facts = run.facts;
  return train::render(page);
}

}  // namespace allot::mpl
