// SPDX-License-Identifier: Apache-2.0
#include "mpl/evaluation.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace allot::mpl {
namespace {

constexpr size_t kBins = 15;

/// What one batch counts.
struct Tally {
  double loss = 0;  // sum over items
  int64_t items = 0, right = 0, in_five = 0;
  std::array<double, kBins> gaps{};  // between how sure and how right, by how sure
  std::vector<int64_t> cells;        // of the confusion, one an item

  void add_classes(const at::Tensor& probabilities, const at::Tensor& labels);
  void add_flags(const at::Tensor& predicted, const at::Tensor& labels);
};

void Tally::add_classes(const at::Tensor& probabilities, const at::Tensor& labels) {
  const at::Tensor p = probabilities.flatten(0, -2).to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor flat = labels.flatten().to(at::kCPU).contiguous();
  const int64_t classes = p.size(1);
  for (int64_t i = 0; i < p.size(0); ++i) {
    const double* row = p.const_data_ptr<double>() + i * classes;
    const int64_t label = flat.const_data_ptr<int64_t>()[i];
    if (label < 0 || label >= classes) continue;
    const int64_t best = std::max_element(row, row + classes) - row;
    const auto above = std::count_if(row, row + classes, [&](double other) { return other > row[label]; });
    ++items;
    right += best == label;
    in_five += above < 5;
    gaps[std::min(kBins - 1, static_cast<size_t>(row[best] * kBins))] += row[best] - (best == label ? 1 : 0);
    cells.push_back(label * classes + best);
  }
}

void Tally::add_flags(const at::Tensor& predicted, const at::Tensor& labels) {
  items += predicted.numel();
  right += (predicted == labels.to(predicted.scalar_type())).sum().item<int64_t>();
}

void write(dist::WireWriter& out, const Tally& tally) {
  out.number(tally.loss);
  for (const int64_t count : {tally.items, tally.right, tally.in_five}) out.number(count);
  out.number(tally.gaps);
  out.number(tally.cells.size());
  out.bytes(tally.cells.data(), tally.cells.size() * sizeof(int64_t));
}

Tally read_tally(dist::WireReader& in) {
  Tally tally;
  tally.loss = in.number<double>();
  for (int64_t* count : {&tally.items, &tally.right, &tally.in_five}) *count = in.number<int64_t>();
  tally.gaps = in.number<std::array<double, kBins>>();
  tally.cells.resize(in.number<size_t>());
  for (int64_t& cell : tally.cells) cell = in.number<int64_t>();
  return tally;
}

bool has_classes(const data::Dataset& dataset) {
  return dataset.label_kind == data::LabelKind::classes || dataset.label_kind == data::LabelKind::tokens;
}

/// Of some items; `classes` becomes the number that the network tells apart.
Tally tally_of(const Network& network, const Task& task, const Source& source, std::span<const int64_t> items,
               int64_t& classes) {
  Tally tally;
  const at::Tensor logits = network.logits(tensors_of(source.plain, items, {}, nullptr), {});
  const at::Tensor labels = labels_of(source.dataset, items);
  tally.loss = task.loss(logits, labels).item<double>() * static_cast<double>(items.size());
  if (has_classes(source.dataset)) {
    classes = logits.size(-1);
    tally.add_classes(task.soft_label(logits), labels);
  } else if (source.dataset.label_kind == data::LabelKind::multilabel) {
    tally.add_flags(task.hard_label(logits), labels);
  }
  return tally;
}

/// Of `seen` items, from the batches in order.
Scores scores_of(const std::vector<Tally>& tallies, int64_t seen, bool by_class, int64_t classes) {
  Scores scores;
  scores.items = seen;
  double loss = 0;
  int64_t items = 0, right = 0, in_five = 0;
  std::array<double, kBins> gaps{};
  if (by_class) scores.confusion.resize(static_cast<size_t>(classes * classes));
  for (const Tally& tally : tallies) {
    loss += tally.loss;
    items += tally.items;
    right += tally.right;
    in_five += tally.in_five;
    for (size_t i = 0; i < kBins; ++i) gaps[i] += tally.gaps[i];
    for (const int64_t cell : tally.cells) ++scores.confusion[static_cast<size_t>(cell)];
  }
  scores.loss = loss / static_cast<double>(seen);
  const auto share = [&](double count) { return count / static_cast<double>(items); };
  if (items == 0) return scores;
  scores.accuracy = share(static_cast<double>(right));
  if (!by_class) return scores;
  double gap = 0;
  for (const double each : gaps) gap += std::abs(each);
  scores.calibration_error = share(gap);
  if (classes > 5) scores.top5 = share(static_cast<double>(in_five));
  return scores;
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

Scores evaluate(const Network& network, const Task& task, const Part& part, size_t batch, dist::Team* team) {
  const at::NoGradGuard no_gradients;
  const size_t count = part.items.size();
  if (count == 0) return {};
  const auto items_of = [&](size_t piece) {
    return std::span(part.items.data() + piece * batch, std::min(batch, count - piece * batch));
  };
  std::vector<Tally> tallies((count + batch - 1) / batch);
  int64_t classes = 0;
  for (const size_t piece : dist::dealt(team, tallies.size()))
    tallies[piece] = tally_of(network, task, *part.source, items_of(piece), classes);
  if (dist::dealt(team, tallies.size()).empty()) tally_of(network, task, *part.source, items_of(0), classes);
  dist::exchange(team, tallies, write, read_tally);
  return scores_of(tallies, static_cast<int64_t>(count), has_classes(part.source->dataset), classes);
}

}  // namespace allot::mpl
