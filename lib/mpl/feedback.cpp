// SPDX-License-Identifier: Apache-2.0
#include "mpl/feedback.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "mpl/views.h"

namespace allot::mpl {
namespace {

template <typename T>
double dot_of(const T* a, const T* b, int64_t size) {
  std::array<double, 4> sums{};  // independent, so that additions overlap
  int64_t i = 0;
  for (; i + 4 <= size; i += 4)
    for (int64_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
  for (; i < size; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sums[0] + sums[1] + (sums[2] + sums[3]);
}

double dot_of(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return 0;
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  if (x.is_cpu() && x.scalar_type() == at::kFloat)
    return dot_of(x.const_data_ptr<float>(), y.const_data_ptr<float>(), x.numel());
  if (x.is_cpu() && x.scalar_type() == at::kDouble)
    return dot_of(x.const_data_ptr<double>(), y.const_data_ptr<double>(), x.numel());
  return at::dot(x.flatten().to(at::kDouble), y.flatten().to(at::kDouble)).item<double>();
}

}  // namespace

double dot(const Gradients& a, const Gradients& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += dot_of(a[i], b[i]);
  return sum;
}

double norm(const Gradients& a) { return std::sqrt(dot(a, a)); }

double cosine(const Gradients& a, const Gradients& b) { return dot(a, b) / (norm(a) * norm(b) + 1e-12); }

Look look_at(const Network& student, const Task& task, const Inputs& inputs, const at::Tensor& labels, const Pass& pass,
             bool with_gradients, double share) {
  const at::AutoGradMode recording(with_gradients);
  const at::Tensor loss = shard_loss(task, student.logits(inputs, pass), labels, 0, share);
  return {loss.item<double>(), with_gradients ? gradients_of(loss, leaves_of(student)) : Gradients()};
}

double look_aside(const Network& student, const Turn& turn, const std::function<void(size_t side)>& look) {
  const at::NoGradGuard no_gradients;
  const double epsilon = 2e-3 / std::max(norm(turn.direction), 1e-3);
  std::vector<at::Tensor> leaves = leaves_of(student), end;
  for (const at::Tensor& leaf : leaves) end.push_back(leaf.clone());
  for (const size_t side : {0, 1}) {
    for (size_t i = 0; i < leaves.size(); ++i) {
      leaves[i].copy_(turn.start[i]);
      if (turn.direction[i].defined()) leaves[i].add_(turn.direction[i], side == 0 ? epsilon : -epsilon);
    }
    look(side);
  }
  for (size_t i = 0; i < leaves.size(); ++i) leaves[i].copy_(end[i]);
  return turn.factor / (2 * epsilon);
}

at::Tensor soft_feedback(const Task& task, const Sides& sides, double slope, const at::Tensor& q, double smoothing,
                         double share) {
  if (share == 0) return q.sum() * 0;
  return (shard_loss(task, sides[1], q, smoothing, share) - shard_loss(task, sides[0], q, smoothing, share)) * slope;
}

void FeedbackOptions::bind(config::Binder& binder) {
  binder.choice("feedback", kind, "what tells the teacher how well the student does",
                {"cos", "dot", "dot2", "fd", "jvp", "none", "inverted-fd"});
  binder.number("feedback_scale", scale, "of the teacher's share of it", 0, 1e6);
  binder.flag("baseline", baseline, "feedback counts less its moving average");
  binder.number("feedback_clip", clip, "largest, after that; 0 = no limit", 0, 1e9);
  binder.choice("probe_mode", probe_mode,
                "how the student is probed: as in evaluation, or as in training with the same random numbers",
                {"eval", "train-crn"});
}

Baseline::Baseline() : state_(at::zeros({2}, at::kDouble)) {}

double Baseline::value() const { return state_.const_data_ptr<double>()[0]; }

double Baseline::centered(double h) {
  double* state = state_.mutable_data_ptr<double>();
  state[0] = state[1] != 0 ? state[0] + 0.01 * (h - state[0]) : h;
  state[1] = 1;
  return h - state[0];
}

double weight_of(double h, const FeedbackOptions& options, Baseline& baseline) {
  double weight = options.baseline ? baseline.centered(h) : h;
  if (options.clip > 0) weight = std::clamp(weight, -options.clip, options.clip);
  return options.scale * weight;
}

}  // namespace allot::mpl
