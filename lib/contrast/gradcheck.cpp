// SPDX-License-Identifier: Apache-2.0
#include "contrast/gradcheck.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "contrast/whole_batch.h"

namespace allot::contrast {
namespace {

using Gradients = std::vector<at::Tensor>;

/// Rows [begin, begin + size) of a batch as a batch of their own.
class Excerpt final : public Batch {
 public:
  Excerpt(const Batch& whole, RowRange range) : whole_(whole), range_(range) {}
  int64_t pairs() const override { return range_.size(); }
  int64_t rows(Side) const override { return range_.size(); }
  Inputs inputs(Side side, int64_t begin, int64_t count) const override {
    return whole_.inputs(side, range_.begin + begin, count);
  }
  at::Tensor groups(Side side) const override {
    const at::Tensor all = whole_.groups(side);
    return all.defined() ? all.narrow(0, range_.begin, range_.size()) : all;
  }

 private:
  const Batch& whole_;
  const RowRange range_;
};

void add_scaled(Gradients& sum, const Gradients& more, double factor) {
  const at::NoGradGuard no_gradients;
  if (sum.empty()) sum.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i)
    if (more[i].defined()) sum[i] = sum[i].defined() ? sum[i] + more[i] * factor : more[i] * factor;
}

/// Each micro-batch by itself: another loss.
StepGradient naive(const Towers& towers, const Batch& batch, const Temperature& temperature, const StepOptions& options,
                   uint64_t seed) {
  StepGradient sum;
  for (int64_t begin = 0; begin < batch.pairs(); begin += options.micro) {
    const RowRange range{begin, std::min(batch.pairs(), begin + options.micro)};
    const StepGradient part = whole_batch(towers, Excerpt(batch, range), temperature, options.loss, seed, 0);
    const double share = static_cast<double>(range.size()) / static_cast<double>(batch.pairs());
    add_scaled(sum.first, part.first, share);
    add_scaled(sum.second, part.second, share);
    sum.loss += share * part.loss;
    sum.log_scale += share * part.log_scale;
    sum.bias += share * part.bias;
  }
  return sum;
}

/// The two passes with random numbers by micro-batch: they repeat themselves, but depend on how the batch is cut.
class ByMicroBatch {
 public:
  ByMicroBatch(const Towers& towers, const Batch& batch, const Temperature& temperature, const StepOptions& options,
               uint64_t seed)
      : towers_(towers), batch_(batch), temperature_(temperature), options_(options), seed_(seed) {}

  StepGradient run() {
    const at::NoGradGuard no_gradients;
    Similarity s;
    s.first = embedded(Side::first);
    s.second = embedded(Side::second);
    s.pairs = batch_.pairs();
    s.scale = std::exp(temperature_.log_scale);
    s.bias = temperature_.bias;
    const LossGradient loss = loss_gradient(s, options_.loss);
    StepGradient result;
    result.loss = loss.loss;
    result.log_scale = loss.scale * s.scale;
    result.bias = loss.bias;
    propagate(Side::first, loss.first, result.first);
    propagate(Side::second, loss.second, towers_.tied() ? result.first : result.second);
    return result;
  }

 private:
  Pass pass(Side side, int64_t begin) const {
    Pass pass;
    pass.training = true;
    pass.seed = (side == Side::first ? seed_ : ~seed_) + 1 + static_cast<uint64_t>(begin / options_.micro);
    return pass;
  }
  template <typename Visit>
  void for_each(Side side, const Visit& visit) const {
    for (int64_t begin = 0; begin < batch_.rows(side); begin += options_.micro)
      visit(RowRange{begin, std::min(batch_.rows(side), begin + options_.micro)});
  }
  at::Tensor embedded(Side side) const {
    Gradients parts;
    for_each(side, [&](RowRange r) {
      parts.push_back(towers_.of(side).embed(batch_.inputs(side, r.begin, r.size()), pass(side, r.begin)));
    });
    return at::cat(parts);
  }
  void propagate(Side side, const at::Tensor& upstream, Gradients& sum) const {
    if (!towers_.of(side).trains()) return;
    for_each(side, [&](RowRange r) {
      Pass second = pass(side, r.begin);
      second.second = true;
      add_scaled(sum,
                 towers_.of(side).gradient(batch_.inputs(side, r.begin, r.size()),
                                           upstream.narrow(0, r.begin, r.size()), second),
                 1);
    });
  }

  const Towers& towers_;
  const Batch& batch_;
  const Temperature& temperature_;
  const StepOptions& options_;
  const uint64_t seed_;
};

StepGradient by_method(const std::string& method, const Towers& towers, const Batch& batch,
                       const Temperature& temperature, const StepOptions& options, uint64_t seed) {
  if (method == "naive") return naive(towers, batch, temperature, options, seed);
  if (method == "stream") return ByMicroBatch(towers, batch, temperature, options, seed).run();
  StepGradient gradient = two_pass(towers, batch, temperature, options, seed, 0);
  if (method == "k-fold") {
    const auto micro_batches = static_cast<double>((batch.pairs() + options.micro - 1) / options.micro);
    gradient.log_scale *= micro_batches;
    gradient.bias *= micro_batches;
  }
  return gradient;
}

/// Squares of a - b and of b, summed over all; what is undefined counts as 0.
void compare(const Gradients& a, const Gradients& b, double& difference, double& norm) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const at::Tensor x = i < a.size() ? a[i] : at::Tensor(), y = i < b.size() ? b[i] : at::Tensor();
    const auto squares = [](const at::Tensor& t) {
      const double length = at::linalg_vector_norm(t.to(at::kDouble)).item<double>();
      return length * length;
    };
    if (y.defined()) norm += squares(y);
    if (x.defined() && y.defined())
      difference += squares(x.to(at::kDouble) - y.to(at::kDouble));
    else if (x.defined() || y.defined())
      difference += squares(x.defined() ? x : y);
  }
}

}  // namespace

const std::vector<std::string>& check_methods() {
  static const std::vector<std::string> methods = {"two-pass", "naive", "k-fold", "stream"};
  return methods;
}

bool Gradcheck::holds() const {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const GradcheckRow& row) { return row.holds; });
}

Gradcheck gradcheck(const Towers& towers, const Batch& batch, const Temperature& temperature,
                    const GradcheckOptions& options) {
  const StepGradient expected =
      whole_batch(towers, batch, temperature, options.step.loss, options.seed, 0, /*wide_loss=*/true);
  const bool wide = towers.first.type() == at::kDouble;
  Gradcheck check;
  check.log_scale = expected.log_scale;
  check.weights_bar = wide ? 1e-12 : 1e-5;
  const double relative = wide ? 1e-12 : 1e-6, absolute = wide ? 1e-14 : 1e-8;
  check.scale_bar = relative * std::abs(expected.log_scale) + absolute;
  for (const int64_t micro : options.micros) {
    for (const int64_t tile : options.tiles) {
      StepOptions step = options.step;
      step.micro = std::min(micro, batch.pairs());
      step.loss.tile = tile;
      const StepGradient found = by_method(options.method, towers, batch, temperature, step, options.seed);
      GradcheckRow row;
      row.micro = step.micro;
      row.tile = tile;
      double difference = 0, norm = 0;
      compare(found.first, expected.first, difference, norm);
      compare(found.second, expected.second, difference, norm);
      check.norm = std::sqrt(norm);
      row.weights = std::sqrt(difference / std::max(norm, 1e-300));
      row.log_scale = std::abs(found.log_scale - expected.log_scale);
      row.bias = std::abs(found.bias - expected.bias);
      row.loss = std::abs(found.loss - expected.loss) / std::max(std::abs(expected.loss), 1e-300);
      const double bias_bar = relative * (1 + std::abs(expected.bias));  // a pair gives up to 1, of either sign
      row.holds = row.weights <= check.weights_bar && row.log_scale <= check.scale_bar && row.bias <= bias_bar;
      check.rows.push_back(row);
    }
  }
  return check;
}

}  // namespace allot::contrast
