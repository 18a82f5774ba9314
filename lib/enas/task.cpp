// SPDX-License-Identifier: Apache-2.0
#include "enas/task.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "base/error.h"
#include "nn/loss.h"

namespace allot::enas {
namespace {

const std::vector<std::string> kNames = {"classification", "token", "regression"};

}  // namespace

std::vector<std::string> task_names() { return kNames; }

TaskKind task_of(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<TaskKind>(i);
  throw base::Error(base::ErrorKind::usage, "--task", fmt::format("'{}' is none", base::printable(name)),
                    base::suggestion(name, kNames));
}

at::Tensor loss_of(TaskKind task, const at::Tensor& logits, const at::Tensor& labels) {
  if (task == TaskKind::regression) return (logits - labels.view_as(logits)).square().mean();
  return nn::cross_entropy(logits, labels);
}

void Tally::add(const at::Tensor& logits, const at::Tensor& labels) {
  if (task_ == TaskKind::regression) {
    const at::Tensor y = labels.view_as(logits).flatten(1).to(at::kDouble);
    loss_ += (logits.flatten(1) - y).square().sum().item<double>();
    count_ += static_cast<double>(y.numel());
    rows_ += static_cast<double>(y.size(0));
    sums_.resize(static_cast<size_t>(y.size(1)));
    squares_.resize(sums_.size());
    const at::Tensor sums = y.sum(0), squares = y.square().sum(0);
    for (size_t i = 0; i < sums_.size(); ++i) {
      sums_[i] += sums.const_data_ptr<double>()[i];
      squares_[i] += squares.const_data_ptr<double>()[i];
    }
    return;
  }
  const at::Tensor counted = labels != nn::kIgnored;
  loss_ += nn::cross_entropies(logits, labels).sum().item<double>();
  count_ += counted.sum().item<double>();
  right_ += ((logits.argmax(-1) == labels) & counted).sum().item<double>();
}

double Tally::loss() const { return count_ > 0 ? loss_ / count_ : 0; }

double Tally::figure() const {
  if (task_ == TaskKind::classification) return count_ > 0 ? right_ / count_ : 0;
  if (task_ == TaskKind::token) return std::exp(loss());
  double variance = 0;
  for (size_t i = 0; i < sums_.size(); ++i) variance += squares_[i] - sums_[i] * sums_[i] / rows_;
  return variance > 0 ? 1 - loss_ / variance : 0;
}

const char* Tally::figure_name() const {
  return task_ == TaskKind::classification ? "accuracy" : task_ == TaskKind::token ? "perplexity" : "R2";
}

double Tally::quality() const {
  const double figure = this->figure();
  const double quality = task_ == TaskKind::token ? scale_ / figure : figure;
  return std::isnan(quality) ? quality : std::clamp(quality, 0.0, 1.0);
}

}  // namespace allot::enas
