// SPDX-License-Identifier: Apache-2.0
#include "contrast/tower.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/rng.h"
#include "contrast/batch_independence.h"
#include "exec/dtype.h"
#include "exec/item_range.h"
#include "ir/builder.h"
#include "onnxio/reader.h"
#include "train/head.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

constexpr double kSmallestNorm = 1e-12;
constexpr uint32_t kProjectionStream = 0x63707270, kProbeStream = 0x63707262;

std::string normalisation_of(const TowerOptions& options) {
  return options.batch_norm == "micro" && !options.frozen ? "train" : "eval";
}

/// Numbers for an input that any network takes: small ones, and for indices 0 and 1.
at::Tensor probe_of(const exec::ProgramInput& input, int64_t items, uint32_t number) {
  std::vector<int64_t> shape = {items};
  for (size_t i = 1; i < input.type.dims.size(); ++i)
    shape.push_back(input.type.dims[i].value > 0 ? input.type.dims[i].value : 32);
  at::Tensor values = at::empty(shape, at::kDouble);
  base::Rng rng(0, kProbeStream, number);
  const bool whole = !ir::is_float(input.type.elem);
  for (int64_t i = 0; i < values.numel(); ++i)
    values.mutable_data_ptr<double>()[i] = whole ? static_cast<double>(rng.below(2)) : rng.normal();
  return values.to(exec::scalar_type(input.type.elem));
}

}  // namespace

at::Tensor normalised(const at::Tensor& rows) {
  return rows / at::linalg_vector_norm(rows, 2, 1, true).clamp_min(kSmallestNorm);
}

void add_projection(ir::Model& model, const std::string& output, int64_t size, uint64_t seed) {
  const auto info = std::find_if(model.graph.outputs.begin(), model.graph.outputs.end(),
                                 [&](const ir::ValueInfo& each) { return each.name == output; });
  const int64_t width =
      info == model.graph.outputs.end() || info->type.dims.size() != 2 ? -1 : info->type.dims[1].value;
  if (width < 1)
    throw Error(ErrorKind::malformed, base::printable(output), "has no known number of elements to project from",
                "name an output [items, numbers] with --image-out or --text-out");
  const double limit = std::sqrt(6.0 / static_cast<double>(width + size));
  base::Rng rng(seed, kProjectionStream);
  const bool wide = info->type.elem == ir::DataType::float64;
  std::string bytes;
  for (int64_t i = 0; i < width * size; ++i) {
    const double value = limit * (2 * rng.uniform() - 1);
    const auto single = static_cast<float>(value);
    bytes.append(wide ? reinterpret_cast<const char*>(&value) : reinterpret_cast<const char*>(&single),
                 wide ? sizeof value : sizeof single);
  }
  ir::Tensor& weight = model.graph.initializers.emplace_back();
  weight.name = model.intern("allot.projection");
  weight.dtype = info->type.elem;
  weight.dims = {size, width};
  weight.payload.where = ir::Payload::Where::owned;
  weight.payload.owned = std::make_shared<const std::string>(std::move(bytes));
  ir::Node& node = model.graph.nodes.emplace_back();
  node.op_type = "Gemm";
  node.name = model.intern("allot.projection/Gemm");
  node.inputs = {info->name, weight.name};
  node.outputs = {model.intern(output + "_projected")};
  node.attributes.push_back(ir::int_attribute("transB", 1));
  info->name = node.outputs[0];
  info->type.dims[1] = {size, {}};
  info->edited = true;
}

Tower::Tower(const std::string& path, const TowerOptions& options) : Tower(onnxio::read(path), options) {}

Tower::Tower(ir::Model model, const TowerOptions& options) : options_(options) {
  std::string output = train::find_head(model, options.output).output;
  if (options.project > 0) {
    add_projection(model, output, options.project, options.seed);
    output += "_projected";
  }
  train::NetworkOptions network;
  network.output = network.logits = output;
  network.batch_norm = normalisation_of(options);
  network.dropout = options.dropout;
  network.segments = options.segments;
  network.precision = options.precision;
  network.frozen = options.frozen;
  network_ = std::make_unique<train::Network>(std::make_shared<const ir::Model>(std::move(model)), network);
  leaves_ = network_->leaves();
  check();
}

void Tower::check() {
  IndependenceOptions options;
  options.output = network_->head().logits;
  options.batch_norm = options_.frozen || options_.batch_norm != "refuse";
  options.dropout = trains() && options_.dropout != 0;
  const Independence found = check_independence(network_->model(), options);
  if (found.item.size() != 1)
    throw Error(ErrorKind::malformed, base::printable(options.output),
                fmt::format("has {} dimensions an item, while an embedding has one", found.item.size()),
                "name an output [items, numbers] with --image-out or --text-out");
  dimension_ = found.item[0];
  const at::NoGradGuard no_gradients;
  Inputs together;
  uint32_t number = 0;
  for (const exec::ProgramInput& input : network_->inputs())
    if (!input.optional) together.push_back(probe_of(input, found.undecided.empty() ? 1 : 3, number++));
  const at::Tensor rows = embed(together, {});
  type_ = rows.scalar_type();
  if (found.undecided.empty()) return;
  for (int64_t item = 0; item < 3; ++item) {
    Inputs alone;
    for (const at::Tensor& input : together) alone.push_back(input.narrow(0, item, 1));
    const at::Tensor difference = (embed(alone, {}) - rows.narrow(0, item, 1)).abs().max();
    if (!(difference.item<double>() < 1e-4))
      throw Error(ErrorKind::check_failed, found.undecided.front(),
                  "may mix the items of a batch: three together have other embeddings than each alone",
                  "give an encoder that takes each item by itself");
  }
}

std::vector<std::string> Tower::input_names() const {
  std::vector<std::string> names;
  for (const exec::ProgramInput& input : network_->inputs())
    if (!input.optional) names.push_back(input.name);
  return names;
}

at::Tensor Tower::embed(const Inputs& inputs, const Pass& pass) const {
  Inputs given;
  size_t next = 0;
  for (const exec::ProgramInput& input : network_->inputs()) {
    if (input.optional) {
      given.emplace_back();
      continue;
    }
    if (next == inputs.size())
      throw Error(ErrorKind::usage, base::printable(input.name), "gets no array of the data",
                  "name one array an input with --image-array or --text-array");
    given.push_back(inputs[next++].to(exec::scalar_type(input.type.elem)));
  }
  const int64_t items = inputs.empty() ? 0 : inputs[0].size(0);
  const exec::ItemRange range(pass.first_item, items);
  exec::RunMode mode;
  mode.training = pass.training && trains();
  mode.recomputing = !pass.second;
  mode.seed = pass.seed;
  mode.step = pass.step;
  const exec::Watched watched(pass.watch);
  at::Tensor rows = network_->logits(given, mode);
  if (rows.scalar_type() != at::kDouble) rows = rows.to(at::kFloat);  // what the loss is computed in
  return options_.normalised ? rows : normalised(rows);
}

std::vector<at::Tensor> Tower::gradient(const Inputs& inputs, const at::Tensor& upstream, const Pass& pass) const {
  const at::AutoGradMode records(true);
  const int64_t items = inputs.empty() ? 0 : inputs[0].size(0);
  const at::Tensor rows = embed(inputs, pass);
  const exec::ItemRange range(pass.first_item, items);  // what is rematerialised runs again
  const exec::Watched watched(pass.watch);
  return torch::autograd::grad({rows}, leaves_, {upstream}, /*retain_graph=*/false, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

}  // namespace allot::contrast
