// SPDX-License-Identifier: Apache-2.0
#include "contrast/batch_independence.h"

#include <algorithm>

#include "base/error.h"
#include "contrast/batch_axis.h"
#include "exec/lower.h"
#include "ir/values.h"
#include "shape/infer.h"
#include "train/free_batch.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

// Two batch sizes of which no other dimension is a multiple: primes that nobody chooses.
constexpr int64_t kBatch = 1009, kOther = 1013;
constexpr int64_t kOpenDimension = 32;

shape::Result infer(const ir::Model& model, const ir::Values& values, const IndependenceOptions& options,
                    int64_t batch) {
  shape::Bindings bindings;
  bindings.default_dim = kOpenDimension;
  for (const ir::ValueId id : values.graphs[0].inputs) {
    const ir::Values::Value& value = values.values[id];
    if (value.initializer || value.sparse || !value.info) continue;
    const ir::Type& type = value.info->type;
    if (type.kind != ir::Type::Kind::tensor || !type.has_shape || type.dims.empty()) continue;
    std::vector<int64_t> dims(type.dims.size(), -1);
    dims[0] = batch;
    if (const auto item = options.items.find(std::string(value.name)); item != options.items.end())
      for (size_t i = 0; i < item->second.size() && i + 1 < dims.size(); ++i)
        if (type.dims[i + 1].value < 0) dims[i + 1] = item->second[i];
    bindings.inputs[std::string(value.name)] = dims;
  }
  return shape::infer(model, values, bindings);
}

class Walk {
 public:
  Walk(const exec::Lowered& lowered, const IndependenceOptions& options)
      : lowered_(lowered),
        options_(options),
        values_(ir::resolve(lowered.model)),
        one_(infer(lowered.model, values_, options, kBatch)),
        other_(infer(lowered.model, values_, options, kOther)),
        labels_(values_.values.size()) {}

  Independence run() {
    const ir::ValueId output = values_.find(options_.output);
    find_needed(output);
    for (const ir::ValueId input : values_.graphs[0].inputs)
      if (const auto axis = moving_axis(input); axis.size() == 1) labels_[input] = {axis[0], 1};
    for (const ir::NodeId node : values_.graphs[0].order)
      if (needed_[node]) visit(node);
    if (!labels_[output].batched())
      throw Error(ErrorKind::check_failed, options_.output, "does not depend on the batch", "name another output");
    if (labels_[output].axis != 0)
      throw Error(ErrorKind::check_failed, options_.output, "has the batch in another axis than the first",
                  "name an output [items, numbers]");
    Independence result;
    const auto& dims = one_.types[output].dims;
    result.item.assign(dims.begin() + 1, dims.end());
    result.undecided = std::move(undecided_);
    return result;
  }

 private:
  void find_needed(ir::ValueId output) {
    needed_.assign(values_.nodes.size(), 0);
    std::vector<ir::ValueId> open = {output};
    while (!open.empty()) {
      const ir::ValueId value = open.back();
      open.pop_back();
      const ir::NodeId node = values_.values[value].producer;
      if (node == ir::kNone || needed_[node]) continue;
      needed_[node] = 1;
      for (const ir::ValueId input : values_.inputs[node])
        if (input != ir::kNone) open.push_back(input);
      for (const ir::GraphId body : values_.bodies[node])
        for (const ir::ValueId captured : values_.graphs[body].captured) open.push_back(captured);
    }
  }

  /// Axes whose sizes follow the batch's.
  std::vector<int64_t> moving_axis(ir::ValueId value) const {
    const auto &a = one_.types[value].dims, &b = other_.types[value].dims;
    std::vector<int64_t> axes;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      if (a[i] != b[i]) axes.push_back(static_cast<int64_t>(i));
    return axes;
  }

  void visit(ir::NodeId id) {
    const ir::Node& node = *values_.nodes[id].node;
    AxisSite site{node, lowered_.opset(node), {}, {}, {}, {}, kBatch};
    bool any = false;
    for (const ir::ValueId input : values_.inputs[id]) {
      const bool type_alone = node.is("CastLike") && site.inputs.size() == 1;  // its second input gives no number
      const bool there = input != ir::kNone && !type_alone;
      site.inputs.push_back(there ? labels_[input] : BatchAxis{});
      site.input_dims.push_back(there ? one_.types[input].dims : std::vector<int64_t>());
      site.input_content.push_back(there && one_.content[input].known ? &one_.content[input].data : nullptr);
      any = any || site.inputs.back().batched();
    }
    for (const ir::ValueId output : values_.outputs[id]) {
      if (output == ir::kNone) continue;
      check_number_of_items(id, output);
      set(id, output, site, any);
    }
    if (any || draws(node)) check_randomness(id, site);
  }

  /// A number that is computed from how many items there are, unless it is a shape.
  void check_number_of_items(ir::NodeId id, ir::ValueId output) const {
    const auto &a = one_.content[output], &b = other_.content[output];
    const bool moves = a.known && b.known && a.data.size() == b.data.size() && a.data != b.data;
    if (moves && ir::is_float(one_.types[output].elem))
      refuse(id, "computes with the number of items in the batch", "export the encoder without it");
  }

  void set(ir::NodeId id, ir::ValueId output, AxisSite& site, bool any) {
    const std::vector<int64_t> axes = moving_axis(output);
    const ir::Node& node = *values_.nodes[id].node;
    const bool only_size = node.is("Shape") || node.is("Size");
    if (axes.empty()) {
      if (any && !only_size && one_.types[output].has_rank)
        refuse(id, "makes one result of all items of the batch", "let it work within items");
      return;
    }
    if (axes.size() > 1)
      refuse(id, "relates every item to every other", "give an encoder that takes each item by itself");
    site.output = {axes[0], 1};
    site.output_dims = one_.types[output].dims;
    const int64_t size = site.output_dims[static_cast<size_t>(axes[0])];
    if (size % kBatch != 0 || size / kBatch * kOther != other_.types[output].dims[static_cast<size_t>(axes[0])])
      refuse(id, "makes a batch of another size", "let items stay apart");
    if (!values_.bodies[id].empty()) {
      undecided_.push_back(describe(id));
      labels_[output] = site.output;
      return;
    }
    if (node.is("BatchNormalization") && !options_.batch_norm)
      refuse(id, "normalises over the batch",
             "choose --bn frozen for its stored statistics, or --bn micro for those of micro-batches");
    if (!any) {  // made for the batch's size: the same for all items
      if (size != kBatch) undecided_.push_back(describe(id));
      labels_[output] = site.output;
      return;
    }
    const AxisVerdict verdict = follow_batch_axis(site);
    if (!verdict.mixes.empty()) refuse(id, verdict.mixes, verdict.remedy);
    if (!verdict.decided) undecided_.push_back(describe(id));
    labels_[output] = {axes[0], verdict.inner};
  }

  static bool draws(const ir::Node& node) {
    static constexpr const char* kDraws[] = {"RandomNormal",      "RandomUniform", "RandomNormalLike",
                                             "RandomUniformLike", "Bernoulli",     "Multinomial"};
    return std::any_of(std::begin(kDraws), std::end(kDraws), [&](const char* type) { return node.is(type); });
  }

  void check_randomness(ir::NodeId id, const AxisSite& site) const {
    if (draws(site.node)) refuse(id, "draws random numbers by place, not by item", "export the encoder for evaluation");
    if (!site.node.is("Dropout") || !options_.dropout) return;
    const BatchAxis& axis = site.inputs[0];
    const bool outermost = axis.axis == 0 && site.input_dims[0][0] == kBatch * axis.inner;
    if (!outermost)
      refuse(id, "drops elements of a value that does not begin with the batch",
             "switch it off with --dropout 0, or export the encoder with the batch first");
  }

  std::string describe(ir::NodeId id) const { return ir::describe(*values_.nodes[id].node, values_.nodes[id].index); }

  [[noreturn]] void refuse(ir::NodeId id, const std::string& what, const std::string& remedy) const {
    throw Error(ErrorKind::check_failed, describe(id), what, remedy);
  }

  const exec::Lowered& lowered_;
  const IndependenceOptions& options_;
  const ir::Values values_;
  const shape::Result one_, other_;
  std::vector<BatchAxis> labels_;  // by value
  std::vector<char> needed_;       // by node
  std::vector<std::string> undecided_;
};

}  // namespace

Independence check_independence(const ir::Model& model, const IndependenceOptions& options) {
  ir::Model freed = ir::clone(model);
  train::free_batch(freed);
  const exec::Lowered lowered = exec::lower(freed);
  return Walk(lowered, options).run();
}

}  // namespace allot::contrast
