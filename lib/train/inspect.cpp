// SPDX-License-Identifier: Apache-2.0
#include "train/inspect.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/ranges.h>

#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "base/rng.h"
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

/// Two items of zeros and ones, or noise; none where a dimension other than the first is not known.
std::vector<at::Tensor> two_items(const Network& network) {
  std::vector<at::Tensor> inputs;
  base::Rng rng(1);
  for (const exec::ProgramInput& input : network.inputs()) {
    std::vector<int64_t> dims = {2};
    for (size_t i = 1; i < input.type.dims.size(); ++i) dims.push_back(input.type.dims[i].value);
    if (input.type.dims.empty() || *std::min_element(dims.begin(), dims.end()) < 0) return {};
    const at::Tensor values = at::empty(dims, at::kDouble);
    const bool whole = !ir::is_float(input.type.elem);
    for (int64_t i = 0; i < values.numel(); ++i)
      values.mutable_data_ptr<double>()[i] = whole ? rng.below(2) : rng.normal();
    inputs.push_back(values.to(exec::scalar_type(input.type.elem)));
  }
  return inputs;
}

/// Whether items are answered alike alone and beside others, and if not, what is wrong; "" if it cannot be tried.
std::string batch_problem(const Network& network) {
  const at::NoGradGuard no_gradients;
  const auto both = two_items(network);
  if (both.empty()) return {};
  try {
    const at::Tensor together = network.logits(both);
    if (together.dim() == 0 || together.size(0) != 2)
      return fmt::format("a batch of 2 gives logits {}", exec::Value(together).describe());
    for (int64_t item = 0; item < 2; ++item) {
      std::vector<at::Tensor> alone;
      for (const at::Tensor& input : both) alone.push_back(input.slice(0, item, item + 1));
      if (!at::allclose(network.logits(alone), together.slice(0, item, item + 1), 1e-2, 1e-3))
        return "an item's logits change with the others of its batch";
    }
  } catch (const base::Error& error) {
    return fmt::format("batches of 1 and 2 do not both run: {}", error.what());
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
    lines.push_back(problem + "; export again with a free batch dimension");
  return lines;
}

}  // namespace allot::train
