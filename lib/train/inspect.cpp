// SPDX-License-Identifier: Apache-2.0
#include "train/inspect.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/ranges.h>

#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/dtype.h"

namespace allot::train {
namespace {

using base::printable;

constexpr size_t kDeep = 3;  // convolutions from which on the lack of normalisation is worth a word

std::string shape_text(const exec::Weight& weight) {
  return fmt::format("{}[{}]", ir::name(weight.type), fmt::join(weight.dims, ","));
}

std::string head_notice(const Head& head) {
  std::string text = fmt::format("the loss takes '{}'", printable(head.logits));
  if (!head.skipped.empty()) text += fmt::format(", before {}", fmt::join(head.skipped, ", "));
  return text;
}

/// Whether batch normalisation looks like having been folded into the convolutions before it.
bool looks_folded(const ir::Model& model) {
  size_t convolutions = 0, with_bias = 0;
  for (const ir::Node& node : model.graph.nodes) {
    if (node.is("BatchNormalization")) return false;
    if (!node.is("Conv")) continue;
    ++convolutions;
    with_bias += node.inputs.size() > 2 && !node.inputs[2].empty();
  }
  return convolutions >= kDeep && with_bias == convolutions;
}

/// Inputs of zeros; none where a dimension other than the first is not known.
std::vector<at::Tensor> zeros(const Network& network, int64_t batch) {
  std::vector<at::Tensor> inputs;
  for (const exec::ProgramInput& input : network.inputs()) {
    std::vector<int64_t> dims;
    for (const ir::Dim& dim : input.type.dims) dims.push_back(dims.empty() && dim.value < 0 ? batch : dim.value);
    if (dims.empty() || *std::min_element(dims.begin(), dims.end()) < 0) return {};
    inputs.push_back(at::zeros(dims, exec::scalar_type(input.type.elem)));
  }
  return inputs;
}

/// What goes wrong with batches of two sizes; "" if nothing, or if it cannot be tried.
std::string batch_problem(const Network& network) {
  const at::NoGradGuard no_gradients;
  for (const int64_t batch : {2, 3}) {
    const auto inputs = zeros(network, batch);
    if (inputs.empty() || inputs[0].size(0) != batch) return {};
    try {
      const at::Tensor logits = network.logits(inputs);
      if (logits.dim() > 0 && logits.size(0) == batch) continue;
      return fmt::format("a batch of {} gives logits {}", batch, exec::Value(logits).describe());
    } catch (const base::Error& error) {
      return fmt::format("a batch of {} fails: {}", batch, error.what());
    }
  }
  return {};
}

}  // namespace

TextTable weight_table(const Network& network) {
  std::unordered_map<std::string, bool> decays;
  for (const auto& trained : network.trained()) decays.emplace(trained.name, trained.decays);
  TextTable table{{"weight", "type", "use", "trained", "decays", "why"}, {}};
  for (const exec::Weight& weight : network.weights()) {
    const auto found = decays.find(weight.name);
    table.rows.push_back({printable(weight.name), shape_text(weight), weight.slot, weight.trained ? "yes" : "no",
                          found != decays.end() && found->second ? "yes" : "no",
                          weight.cut_by.empty() ? weight.reason : weight.cut_by});
  }
  return table;
}

int64_t trained_numbers(const Network& network) {
  int64_t numbers = 0;
  for (const at::Tensor& leaf : network.leaves()) numbers += leaf.numel();
  return numbers;
}

std::vector<std::string> notices(const Network& network) {
  std::vector<std::string> lines = {head_notice(network.head())};
  if (!network.batch().edits.empty())
    lines.push_back(fmt::format("exported for batches of {}; any size is taken now: {}", network.batch().declared,
                                fmt::join(network.batch().edits, ", ")));
  size_t tied = 0, rounded = 0;
  for (const exec::Weight& weight : network.weights()) {
    tied += weight.trained && weight.tied_to != ir::kNone;
    rounded +=
        weight.trained && exec::scalar_type(weight.type) != at::kFloat && exec::scalar_type(weight.type) != at::kDouble;
  }
  if (tied > 0) lines.push_back(fmt::format("{} weights are copies of others and train with them", tied));
  if (rounded > 0) lines.push_back(fmt::format("{} weights are trained in float32 and rounded when written", rounded));
  if (looks_folded(network.model()))
    lines.push_back(
        "no BatchNormalization, but all convolutions have biases: the export folded it; take a tenth of the learning "
        "rate, a longer warm-up and a clip norm of 1, or export again without folding");
  if (const std::string problem = batch_problem(network); !problem.empty())
    lines.push_back(problem + "; batches of one size alone are safe");
  return lines;
}

}  // namespace allot::train
