// SPDX-License-Identifier: Apache-2.0
#include "mpl/evaluation.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace allot::mpl {
namespace {

/// Gaps between how sure and how right, by how sure.
class Calibration {
 public:
  void add(double confidence, bool right) {
    const auto bin = std::min<size_t>(kBins - 1, static_cast<size_t>(confidence * kBins));
    gaps_[bin] += confidence - (right ? 1 : 0);
    ++items_;
  }
  double error() const {
    double sum = 0;
    for (const double gap : gaps_) sum += std::abs(gap);
    return items_ > 0 ? sum / static_cast<double>(items_) : kNone;
  }

 private:
  static constexpr size_t kBins = 15;
  std::array<double, kBins> gaps_{};
  int64_t items_ = 0;
};

/// Counts over all batches.
struct Tally {
  double loss = 0;
  int64_t items = 0, right = 0, in_five = 0;
  Calibration calibration;
  std::vector<int64_t> confusion;

  void add_classes(const at::Tensor& probabilities, const at::Tensor& labels);
  void add_flags(const at::Tensor& predicted, const at::Tensor& labels);
};

void Tally::add_classes(const at::Tensor& probabilities, const at::Tensor& labels) {
  const at::Tensor p = probabilities.flatten(0, -2).to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor flat = labels.flatten().to(at::kCPU).contiguous();
  const int64_t classes = p.size(1);
  confusion.resize(static_cast<size_t>(classes * classes));
  for (int64_t i = 0; i < p.size(0); ++i) {
    const double* row = p.const_data_ptr<double>() + i * classes;
    const int64_t label = flat.const_data_ptr<int64_t>()[i];
    if (label < 0 || label >= classes) continue;
    const int64_t best = std::max_element(row, row + classes) - row;
    const auto above = std::count_if(row, row + classes, [&](double other) { return other > row[label]; });
    ++items;
    right += best == label;
    in_five += above < 5;
    calibration.add(row[best], best == label);
    ++confusion[static_cast<size_t>(label * classes + best)];
  }
}

void Tally::add_flags(const at::Tensor& predicted, const at::Tensor& labels) {
  items += predicted.numel();
  right += (predicted == labels.to(predicted.scalar_type())).sum().item<int64_t>();
}

}  // namespace

int64_t Scores::classes() const {
  return static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(confusion.size()))));
}

std::vector<Scores::OfClass> Scores::by_class() const {
  std::vector<OfClass> result;
  const int64_t n = classes();
  const auto at = [&](int64_t row, int64_t column) { return confusion[static_cast<size_t>(row * n + column)]; };
  for (int64_t c = 0; c < n; ++c) {
    int64_t there = 0, predicted = 0;
    for (int64_t other = 0; other < n; ++other) there += at(c, other), predicted += at(other, c);
    const auto share = [&](int64_t of) { return of > 0 ? static_cast<double>(at(c, c)) / static_cast<double>(of) : 0; };
    const double precision = share(predicted), recall = share(there), sum = precision + recall;
    result.push_back({precision, recall, sum > 0 ? 2 * precision * recall / sum : 0, there});
  }
  return result;
}

train::Metrics Scores::metrics(const std::string& prefix) const {
  train::Metrics metrics;
  const auto add = [&](const char* name, double value) {
    if (!std::isnan(value)) metrics[prefix + name] = value;
  };
  add("loss", loss);
  add("accuracy", accuracy);
  add("top5", top5);
  add("calibration_error", calibration_error);
  return metrics;
}

Scores evaluate(const Network& network, const Task& task, const Part& part, size_t batch) {
  const at::NoGradGuard no_gradients;
  Tally tally;
  int64_t seen = 0;
  const data::LabelKind kind = part.source->dataset.label_kind;
  const bool by_class = kind == data::LabelKind::classes || kind == data::LabelKind::tokens;
  for (size_t first = 0; first < part.items.size(); first += batch) {
    const std::span items(part.items.data() + first, std::min(batch, part.items.size() - first));
    const at::Tensor logits = network.logits(tensors_of(part.source->plain, items, {}, nullptr), {});
    const at::Tensor labels = labels_of(part.source->dataset, items);
    tally.loss += task.loss(logits, labels).item<double>() * static_cast<double>(items.size());
    seen += static_cast<int64_t>(items.size());
    if (by_class)
      tally.add_classes(task.soft_label(logits), labels);
    else if (kind == data::LabelKind::multilabel)
      tally.add_flags(task.hard_label(logits), labels);
  }
  Scores scores;
  scores.items = seen;
  if (seen == 0) return scores;
  scores.loss = tally.loss / static_cast<double>(seen);
  const auto share = [&](int64_t count) { return static_cast<double>(count) / static_cast<double>(tally.items); };
  if (tally.items > 0) scores.accuracy = share(tally.right);
  if (!by_class) return scores;
  scores.confusion = std::move(tally.confusion);
  scores.calibration_error = tally.calibration.error();
  if (scores.classes() > 5) scores.top5 = share(tally.in_five);
  return scores;
}

}  // namespace allot::mpl
