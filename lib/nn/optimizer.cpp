// SPDX-License-Identifier: Apache-2.0
#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "nn/optimizer_rules.h"

namespace allot::nn {
namespace {

const OptimizerRule* rule_of(const std::string& kind) {
  for (const OptimizerRule& rule : optimizer_rules())
    if (kind == rule.kind) return &rule;
  throw base::Error(base::ErrorKind::config, "optimizer", fmt::format("'{}' is none", base::printable(kind)),
                    base::suggestion(kind, optimizer_kinds()));
}

double decay_of(const TrainedTensor& trained, const OptimizerOptions& options) {
  return trained.decays ? options.weight_decay : 0;
}

}  // namespace

std::vector<TrainedTensor> trained_tensors(const std::vector<NamedTensor>& tensors) {
  std::vector<TrainedTensor> result;
  for (const auto& [name, tensor] : tensors) result.push_back({name, tensor, tensor.dim() > 1});
  return result;
}

std::vector<std::string> optimizer_kinds() {
  std::vector<std::string> kinds;
  for (const OptimizerRule& rule : optimizer_rules()) kinds.emplace_back(rule.kind);
  return kinds;
}

void OptimizerOptions::bind(config::Binder& binder) {
  binder.choice("kind", kind, "how parameters follow their gradients", optimizer_kinds());
  binder.number("momentum", momentum, "of sgd and lars", 0, 1);
  binder.flag("nesterov", nesterov, "look ahead along the momentum");
  binder.number("beta1", beta1, "share of its past in a first moment (adamw, lamb, lion)", 0, 1);
  binder.number("beta2", beta2, "the same of the second; 0 = 0.999, of lion 0.99", 0, 1);
  binder.number("epsilon", epsilon, "added to what steps are divided by; 0 = 1e-8, of lamb 1e-6", 0, 1);
  binder.number("weight_decay", weight_decay,
                "pull towards 0, neither of biases nor of normalisation; sgd adds it to gradients", 0, 1e3);
  binder.number("trust", trust, "of lars: length of a step, as a part of the parameter's", 0, 1e3);
  binder.number("clip_norm", clip_norm, "largest norm over all gradients; 0 = any", 0, 1e12);
}

Optimizer::Optimizer(std::vector<TrainedTensor> tensors, OptimizerOptions options, std::vector<bool> owned)
    : rule_(rule_of(options.kind)),
      tensors_(std::move(tensors)),
      options_(std::move(options)),
      owned_(owned.empty() ? std::vector<bool>(tensors_.size(), true) : std::move(owned)) {
  ALLOT_ASSERT(owned_.size() == tensors_.size());
  const at::NoGradGuard no_gradients;
  if (options_.beta2 == 0) options_.beta2 = rule_->beta2;
  if (options_.epsilon == 0) options_.epsilon = rule_->epsilon;
  for (size_t i = 0; i < tensors_.size(); ++i)
    slots_.push_back(owns(i) ? rule_->slots(tensors_[i].tensor) : std::vector<NamedTensor>());
  steps_ = at::zeros({static_cast<int64_t>(tensors_.size())}, at::kLong);
}

StepReport Optimizer::step(std::span<const at::Tensor> gradients, double learning_rate) {
  ALLOT_ASSERT(gradients.size() == tensors_.size());
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> own(gradients.begin(), gradients.end());
  if (rule_->decays_gradient)
    for (size_t i = 0; i < own.size(); ++i)
      if (const double decay = decay_of(tensors_[i], options_); own[i].defined() && decay != 0)
        own[i] = own[i].add(tensors_[i].tensor, decay);
  StepReport report{norm_over(own)};
  report.taken = std::isfinite(report.gradient_norm);
  if (!report.taken) return report;
  if (options_.clip_norm > 0 && report.gradient_norm > options_.clip_norm)
    report.clip_factor = options_.clip_norm / report.gradient_norm;
  auto* steps = steps_.mutable_data_ptr<int64_t>();
  for (size_t i = 0; i < own.size(); ++i) {
    if (!own[i].defined()) continue;
    ++steps[i];
    if (!owns(i)) continue;
    if (report.clip_factor != 1) own[i] = own[i] * report.clip_factor;  // not in place: gradients may share memory
    rule_->update({tensors_[i].tensor, own[i], slots_[i], steps[i], learning_rate,
                   rule_->decays_gradient ? 0 : decay_of(tensors_[i], options_), options_});
  }
  return report;
}

int64_t Optimizer::steps() const { return steps_.numel() > 0 ? steps_.max().item<int64_t>() : 0; }

std::vector<NamedTensor> Optimizer::state() const {
  std::vector<NamedTensor> state;
  for (size_t i = 0; i < tensors_.size(); ++i)
    for (const auto& [slot, tensor] : slots_[i])
      state.emplace_back(fmt::format("{}.{}.{}", rule_->kind, slot, tensors_[i].name), tensor);
  state.emplace_back(fmt::format("{}.steps", rule_->kind), steps_);
  return state;
}

void Optimizer::assign(const std::vector<NamedTensor>& state, const std::string& where) {
  std::set<std::string> others;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (!owns(i)) others.insert(tensors_[i].name);
  std::vector<NamedTensor> own;
  const std::string kind = fmt::format("{}.", rule_->kind);
  for (const NamedTensor& each : state) {
    const size_t dot = each.first.starts_with(kind) ? each.first.find('.', kind.size()) : std::string::npos;
    if (dot == std::string::npos || !others.contains(each.first.substr(dot + 1))) own.push_back(each);
  }
  copy_values(own, this->state(), where);
}

double norm_over(std::span<const at::Tensor> gradients) {
  double squares = 0;
  for (const at::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    double norm = at::linalg_vector_norm(gradient).item<double>();
    if (!std::isfinite(norm))  // too large to be squared; in float64 it takes 20 times as long
      norm = at::linalg_vector_norm(gradient, 2, at::nullopt, false, at::kDouble).item<double>();
    squares += norm * norm;
  }
  return std::sqrt(squares);
}

}  // namespace allot::nn
