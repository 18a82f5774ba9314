// SPDX-License-Identifier: Apache-2.0
#include "mixcal/import_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rng.h"
#include "nn/optimizer.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x6d697869;
constexpr double kMoved = 1e-4;  // by which logits may change through rounding, relative to the largest
constexpr int64_t kLongest = 33;
constexpr size_t kGradients = 20, kSteps = 50;

double largest_change(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

class ImportCheck {
 public:
  ImportCheck(const LanguageModel& model, uint64_t seed)
      : model_(model),
        rng_(seed, kStream),
        length_(model.has_fixed_length() || model.of_items() ? model.length() : std::min(model.length(), kLongest)) {}

  void outputs() {
    const at::NoGradGuard no_gradients;
    if (model_.of_items()) {
      check_items();
      return;
    }
    const at::Tensor seen = tokens(2, length_ - 1), logits = model_.logits(seen);
    scale_ = 1 + logits.abs().max().item<double>();
    check_causality(seen, logits);
    if (!model_.has_fixed_length()) check_shapes(seen, logits);
    if (model_.takes_mask()) check_padding(seen);
  }
  void begins_knowing_nothing() {
    const double loss = loss_of(tokens(2, length_)), expected = std::log(static_cast<double>(model_.vocabulary()));
    if (std::abs(loss - expected) > 0.1 * expected)
      base::warn("fresh weights begin at {:.2f} nats {} instead of {:.2f}: draw other ones, and keep them: --init keep",
                 loss, model_.of_items() ? "an item" : "a token", expected);
  }
  void training() {
    check_gradients();
    check_learning();
  }

 private:
  at::Tensor tokens(int64_t rows, int64_t length) {
    at::Tensor drawn = at::zeros({rows, length}, at::kLong);
    if (model_.of_items()) {
      int64_t* at = drawn.mutable_data_ptr<int64_t>();
      for (int64_t i = 0; i < drawn.numel(); ++i)
        at[i] = (i + 1) % length == 0 ? rng_.below(static_cast<uint32_t>(model_.vocabulary()))
                                      : std::bit_cast<uint32_t>(static_cast<float>(rng_.normal()));
      return drawn;
    }
    for (int64_t i = 0; i < drawn.numel(); ++i)
      drawn.mutable_data_ptr<int64_t>()[i] = rng_.below(static_cast<uint32_t>(model_.vocabulary()));
    return drawn;
  }
  at::Tensor next(const at::Tensor& tokens) const { return (tokens + 1).remainder(model_.vocabulary()); }
  bool moved(const at::Tensor& a, const at::Tensor& b) const { return !(largest_change(a, b) <= kMoved * scale_); }

  [[noreturn]] void fail(const std::string& what, const std::string& remedy) const {
    throw Error(ErrorKind::check_failed, "--model", what, remedy);
  }

  void check_items() {
    const at::Tensor seen = tokens(2, length_), logits = model_.logits(seen);
    scale_ = 1 + logits.abs().max().item<double>();
    at::Tensor other = seen.clone();
    other[0] = tokens(1, length_)[0];
    if (moved(logits[1], model_.logits(other)[1])) fail("mixes the rows of a batch", "export it with a free batch");
  }

  void check_causality(const at::Tensor& seen, const at::Tensor& logits) {
    const int64_t middle = seen.size(1) / 2;
    at::Tensor later = seen.clone(), other = seen.clone();
    later.narrow(1, middle, seen.size(1) - middle).copy_(next(seen.narrow(1, middle, seen.size(1) - middle)));
    other[0] = next(other[0]);
    if (middle > 0 && moved(logits.narrow(1, 0, middle), model_.logits(later).narrow(1, 0, middle)))
      fail("sees tokens that it is to predict: it is not causal", "export a decoder, with its causal mask");
    if (moved(logits[1], model_.logits(other)[1])) fail("mixes the rows of a batch", "export it with a free batch");
  }

  void check_shapes(const at::Tensor& seen, const at::Tensor& logits) {
    const int64_t half = (seen.size(1) + 1) / 2;
    const at::Tensor alone = model_.logits(seen.narrow(0, 0, 1).narrow(1, 0, half).contiguous());
    if (moved(alone, logits.narrow(0, 0, 1).narrow(1, 0, half)))
      fail("gives other logits where a sequence is shorter", "export it with a free sequence length");
  }

  void check_padding(const at::Tensor& seen) {
    const int64_t hidden = seen.size(1) / 3, rest = seen.size(1) - hidden;
    if (hidden == 0) return;
    at::Tensor mask = at::ones_like(seen), other = seen.clone();
    mask.narrow(1, 0, hidden).fill_(0);
    other.narrow(1, 0, hidden).copy_(next(seen.narrow(1, 0, hidden)));
    const at::Tensor one = model_.logits(seen, mask).narrow(1, hidden, rest),
                     two = model_.logits(other, mask).narrow(1, hidden, rest);
    if (moved(one, two)) fail("sees tokens that attention_mask hides", "export it anew: its mask has no effect");
  }

  double loss_of(const at::Tensor& rows) const {
    const at::NoGradGuard no_gradients;
    return model_.losses(rows).mean(at::kDouble).item<double>();
  }

  /// Along its own gradient a tensor's derivative is the gradient's norm, which rounding hides less than it does single
  /// numbers' derivatives.
  void check_gradients() {
    const at::Tensor rows = tokens(2, length_);
    const auto trained = model_.network().trained();
    const auto gradients = torch::autograd::grad({model_.losses(rows).mean()}, model_.network().leaves(), {},
                                                 std::nullopt, false, /*allow_unused=*/true);
    const at::NoGradGuard no_gradients;
    double whole = 0;
    for (const at::Tensor& gradient : gradients)
      if (gradient.defined()) whole = std::max(whole, gradient.norm().item<double>());
    if (!(whole > 0)) fail("has no gradient in any weight", "export it as it is trained, not quantised");
    for (size_t i = 0; i < std::min(kGradients, trained.size()); ++i) {
      const size_t at = trained.size() <= kGradients ? i : rng_.below(static_cast<uint32_t>(trained.size()));
      if (!gradients[at].defined()) continue;
      const double norm = gradients[at].norm().item<double>();
      if (norm < 1e-2 * whole) continue;  // what is left of it in a float32 loss says nothing
      at::Tensor weight = trained[at].tensor;
      const at::Tensor before = weight.clone();
      // A change of the loss by about a thousandth: large beside its rounding, small beside its curvature.
      const at::Tensor step =
          gradients[at] * std::min(2e-3 / (norm * norm), 1e-2 * (1 + before.norm().item<double>()) / norm);
      weight.add_(step);
      const double above = loss_of(rows);
      weight.copy_(before - step);
      const double below = loss_of(rows);
      weight.copy_(before);
      const double expected = 2 * norm * step.norm().item<double>();
      if (!(std::abs(above - below - expected) <= 1e-2 * expected + 2e-6))
        fail(fmt::format("changes its loss by {:.3g} where the gradient of '{}' says {:.3g}", above - below,
                         base::printable(trained[at].name), expected),
             "report the file: an operator's gradient is wrong");
    }
  }

  /// Rates differ by what is trained: tables want larger ones than transformers bear.
  void check_learning() {
    const at::Tensor rows = tokens(2, length_);
    const double before = loss_of(rows);
    double best = before;
    for (const double rate : {3e-3, 3e-2}) {
      best = std::min(best, loss_after(rows, rate));
      if (best <= 0.7 * before) return;
    }
    fail(fmt::format("does not learn: {} steps on one batch took its loss from {:.3f} to {:.3f}", kSteps, before, best),
         "export it with its weights as weights, not as constants that nothing trains");
  }

  double loss_after(const at::Tensor& rows, double rate) const {
    const auto trained = model_.network().trained();
    const auto leaves = model_.network().leaves();
    std::vector<at::Tensor> before;
    for (const nn::TrainedTensor& each : trained) before.push_back(each.tensor.detach().clone());
    nn::Optimizer optimizer(trained, {.kind = "adamw", .beta2 = 0.99, .clip_norm = 1});
    for (size_t step = 0; step < kSteps; ++step)
      optimizer.step(torch::autograd::grad({model_.losses(rows).mean()}, leaves, {}, std::nullopt, false, true), rate);
    const double after = loss_of(rows);
    const at::NoGradGuard no_gradients;
    for (size_t i = 0; i < trained.size(); ++i) at::Tensor(trained[i].tensor).copy_(before[i]);
    return std::isfinite(after) ? after : std::numeric_limits<double>::infinity();
  }

  const LanguageModel& model_;
  base::Rng rng_;
  int64_t length_;
  double scale_ = 1;
};

}  // namespace

void check_outputs(const LanguageModel& model, uint64_t seed) { ImportCheck(model, seed).outputs(); }

void check_import(LanguageModel& model, uint64_t seed, bool fresh) {
  ImportCheck check(model, seed);
  check.outputs();
  if (fresh) check.begins_knowing_nothing();
  check.training();
}

}  // namespace allot::mixcal
