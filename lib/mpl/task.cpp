// SPDX-License-Identifier: Apache-2.0
#include "mpl/task.h"

#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/rng.h"

namespace allot::mpl {
namespace {

constexpr uint32_t kDrawStream = 0x6d706c31;
constexpr int64_t kNotCounted = -100;  // data::kIgnored

at::Tensor exact(const at::Tensor& logits) {
  return at::isReducedFloatingType(logits.scalar_type()) ? logits.to(at::kFloat) : logits;
}

/// One label an item, of several classes; items may have any shape.
class Classification final : public Task {
 public:
  at::Tensor losses(const at::Tensor& logits, const at::Tensor& label, double smoothing) const override {
    if (label.is_floating_point()) return soft_cross_entropies(logits, label, smoothing);
    return hard_cross_entropy(logits, label, smoothing, at::Reduction::None);
  }
  at::Tensor loss(const at::Tensor& logits, const at::Tensor& label, double smoothing) const override {
    if (label.is_floating_point()) return soft_cross_entropies(logits, label, smoothing).sum() / label.detach().sum();
    return hard_cross_entropy(logits, label, smoothing, at::Reduction::Mean);
  }
  at::Tensor soft_label(const at::Tensor& logits, double temperature) const override {
    const at::Tensor z = exact(logits);
    return at::softmax(temperature == 1 ? z : z / temperature, -1);
  }
  at::Tensor hard_label(const at::Tensor& logits) const override { return logits.argmax(-1); }
  at::Tensor drawn_label(const at::Tensor& logits, DrawKey key) const override {
    const at::Tensor p = at::softmax(logits.detach(), -1, at::kDouble).to(at::kCPU).contiguous();
    const int64_t classes = p.size(-1), items = p.numel() / std::max<int64_t>(1, classes);
    at::Tensor label = at::empty(p.sizes().slice(0, p.dim() - 1), at::kLong);
    const int64_t first = key.first_row * (items / std::max<int64_t>(1, logits.size(0)));
    const double* row = p.const_data_ptr<double>();
    int64_t* drawn = label.mutable_data_ptr<int64_t>();
    for (int64_t i = 0; i < items; ++i, row += classes) {
      double left = base::Rng(key.seed, kDrawStream, key.step, static_cast<uint32_t>(first + i)).uniform();
      int64_t k = 0;
      while (k + 1 < classes && left >= row[k]) left -= row[k++];
      drawn[i] = k;
    }
    return label.to(logits.device());
  }
  at::Tensor only(const at::Tensor& label, const at::Tensor& counted) const override {
    if (label.is_floating_point()) return label * counted.unsqueeze(-1);
    return label.masked_fill(counted.logical_not(), kNotCounted);
  }
  at::Tensor confidence(const at::Tensor& soft_label) const override { return soft_label.amax(-1).flatten(); }
  double diversity(const at::Tensor& soft_label) const override {
    const at::Tensor mean = soft_label.detach().flatten(0, -2).mean(0).to(at::kCPU, at::kDouble);
    double entropy = 0;
    for (const double* p = mean.const_data_ptr<double>(); p < mean.const_data_ptr<double>() + mean.numel(); ++p)
      if (*p > 0) entropy -= *p * std::log(*p);
    return mean.numel() > 1 ? entropy / std::log(static_cast<double>(mean.numel())) : 1;
  }

 private:
  /// Fused where labels are hard: half of a small network's step.
  static at::Tensor hard_cross_entropy(const at::Tensor& logits, const at::Tensor& label, double smoothing,
                                       at::Reduction::Reduction reduction) {
    return at::cross_entropy_loss(exact(logits).flatten(0, -2), label.flatten(), {}, reduction, kNotCounted, smoothing);
  }
  /// Of rows that add up to 0 there is no loss.
  static at::Tensor soft_cross_entropies(const at::Tensor& logits, const at::Tensor& label, double smoothing) {
    const at::Tensor log_p = at::log_softmax(exact(logits), -1);
    const at::Tensor q = label.to(log_p.scalar_type());
    if (smoothing == 0) return -(q * log_p).sum(-1).flatten();
    const at::Tensor uniform = q.detach().sum(-1, true) * (smoothing / static_cast<double>(q.size(-1)));
    return -((q * (1 - smoothing) + uniform) * log_p).sum(-1).flatten();
  }
};

/// What losses over items of several numbers have in common: all items count.
class Dense : public Task {
 public:
  at::Tensor loss(const at::Tensor& logits, const at::Tensor& label, double smoothing) const override {
    return losses(logits, label, smoothing).mean();
  }
  double diversity(const at::Tensor&) const override { return std::numeric_limits<double>::quiet_NaN(); }
  at::Tensor only(const at::Tensor&, const at::Tensor&) const override {
    throw base::Error(base::ErrorKind::config, "--task", "has one label an item, all of which count",
                      "leave the mask out, or use --task token");
  }
};

/// Labels that are there or not, each by itself: a Bernoulli variable. An item's likelihood is their product.
class Multilabel final : public Dense {
 public:
  at::Tensor losses(const at::Tensor& logits, const at::Tensor& label, double smoothing) const override {
    const at::Tensor z = exact(logits);
    at::Tensor target = label.to(z.scalar_type());
    if (smoothing > 0) target = target * (1 - smoothing) + smoothing / 2;
    return at::binary_cross_entropy_with_logits(z, target, {}, {}, at::Reduction::None).flatten(1).sum(-1);
  }
  at::Tensor soft_label(const at::Tensor& logits, double temperature) const override {
    return (exact(logits) / temperature).sigmoid();
  }
  at::Tensor hard_label(const at::Tensor& logits) const override {
    return (logits.detach() > 0).to(exact(logits).scalar_type());
  }
  at::Tensor drawn_label(const at::Tensor& logits, DrawKey key) const override {
    at::Tensor label = logits.detach().to(at::kCPU, at::kDouble).sigmoid().contiguous();
    const int64_t items = label.size(0), width = label.numel() / std::max<int64_t>(1, items);
    double* p = label.mutable_data_ptr<double>();
    for (int64_t i = 0; i < items; ++i) {
      base::Rng rng(key.seed, kDrawStream, key.step, static_cast<uint32_t>(key.first_row + i));
      for (int64_t k = 0; k < width; ++k, ++p) *p = rng.uniform() < *p ? 1 : 0;
    }
    return label.to(logits.device(), exact(logits).scalar_type());
  }
  at::Tensor confidence(const at::Tensor& soft_label) const override {
    return at::maximum(soft_label, 1 - soft_label).flatten(1).mean(-1);
  }
};

/// Numbers with a Gaussian error of variance 1, up to a constant.
class Regression final : public Dense {
 public:
  at::Tensor losses(const at::Tensor& logits, const at::Tensor& label, double) const override {
    const at::Tensor z = exact(logits);
    return (z - label.to(z.scalar_type()).reshape(z.sizes())).square().flatten(1).sum(-1) / 2;
  }
  at::Tensor soft_label(const at::Tensor& logits, double) const override { return exact(logits); }
  at::Tensor hard_label(const at::Tensor& logits) const override { return exact(logits).detach(); }
  at::Tensor drawn_label(const at::Tensor&, DrawKey) const override {
    throw base::Error(base::ErrorKind::config, "--pseudo-label", "of numbers are not drawn",
                      "use --pseudo-label soft with --feedback jvp");
  }
  at::Tensor confidence(const at::Tensor& soft_label) const override {
    return at::ones({soft_label.size(0)}, soft_label.options().requires_grad(false));
  }
  bool draws() const override { return false; }
};

}  // namespace

at::Tensor shard_loss(const Task& task, const at::Tensor& logits, const at::Tensor& label, double smoothing,
                      double share) {
  if (share == 0) return logits.sum() * 0;
  const at::Tensor loss = task.loss(logits, label, smoothing);
  return share == 1 ? loss : loss * share;
}

at::Tensor mean_label(const at::Tensor& soft_label) {
  const at::Tensor rows = soft_label.detach();
  return (rows.dim() > 2 ? rows.flatten(0, -2) : rows).mean(0, true);
}

std::vector<std::string> task_names() { return {"classification", "multilabel", "token", "regression"}; }

std::unique_ptr<Task> make_task(const std::string& name) {
  if (name == "classification" || name == "token") return std::make_unique<Classification>();
  if (name == "multilabel") return std::make_unique<Multilabel>();
  if (name == "regression") return std::make_unique<Regression>();
  throw base::Error(base::ErrorKind::usage, "--task", fmt::format("unknown: '{}'", base::printable(name)),
                    base::suggestion(name, task_names()));
}

}  // namespace allot::mpl
