// SPDX-License-Identifier: Apache-2.0
#include "contrast/batch_axis.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace allot::contrast {
namespace {

using Dims = std::vector<int64_t>;

int64_t rank_of(const Dims& dims) { return static_cast<int64_t>(dims.size()); }
int64_t from_front(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

AxisVerdict apart(int64_t inner) {
  AxisVerdict verdict;
  verdict.inner = inner;
  return verdict;
}
AxisVerdict mixes(std::string what, std::string remedy = "let it work within items") {
  AxisVerdict verdict;
  verdict.mixes = std::move(what);
  verdict.remedy = std::move(remedy);
  return verdict;
}
AxisVerdict undecided() {
  AxisVerdict verdict;
  verdict.decided = false;
  return verdict;
}

/// Elements from one index of an axis to the next.
int64_t stride_of(const Dims& dims, int64_t axis) {
  int64_t stride = 1;
  for (int64_t i = axis + 1; i < rank_of(dims); ++i) stride *= dims[static_cast<size_t>(i)];
  return stride;
}

/// Operands aligned at their last axes.
AxisVerdict elementwise(const AxisSite& site) {
  int64_t inner = -1;
  for (size_t i = 0; i < site.inputs.size(); ++i) {
    if (!site.inputs[i].batched()) continue;
    const int64_t shift = rank_of(site.output_dims) - rank_of(site.input_dims[i]);
    if (site.inputs[i].axis + shift != site.output.axis || (inner >= 0 && inner != site.inputs[i].inner))
      return mixes("combines items with other items");
    inner = site.inputs[i].inner;
  }
  return apart(inner);
}

/// Elements stay in order: the batch is where its stride is.
AxisVerdict reshape(const AxisSite& site) {
  const BatchAxis from = site.inputs[0];
  if (!from.batched()) return undecided();
  const int64_t stride = stride_of(site.input_dims[0], from.axis) * from.inner;
  const int64_t step = stride_of(site.output_dims, site.output.axis);
  const int64_t size = site.output_dims[static_cast<size_t>(site.output.axis)];
  if (stride % step != 0 || size * step % (stride * site.batch) != 0)
    return mixes("cuts the batch into pieces", "keep the batch in one axis");
  return apart(stride / step);
}

AxisVerdict transpose(const AxisSite& site) {
  Dims order = site.node.ints("perm");
  if (order.empty())
    for (int64_t i = rank_of(site.output_dims); i-- > 0;) order.push_back(i);
  if (order[static_cast<size_t>(site.output.axis)] != site.inputs[0].axis) return undecided();
  return apart(site.inputs[0].inner);
}

/// Operators that take [batch, ...] and treat its items alike.
AxisVerdict batch_first(const AxisSite& site) {
  for (size_t i = 0; i < site.inputs.size(); ++i) {
    if (!site.inputs[i].batched()) continue;
    if (site.inputs[i].axis != 0 || i > 0)
      return i > 0 ? undecided() : mixes("works over the batch as over its other axes", "put the batch first");
  }
  return apart(site.inputs[0].inner);
}

AxisVerdict attention(const AxisSite& site) {
  for (const BatchAxis& input : site.inputs)
    if (input.batched() && (input.axis != 0 || input.inner != 1))
      return mixes("attends from one item to others", "put the batch first");
  return apart(1);
}

AxisVerdict matmul(const AxisSite& site) {
  for (size_t i = 0; i < 2; ++i) {
    if (!site.inputs[i].batched()) continue;
    const int64_t rank = rank_of(site.input_dims[i]);
    if (site.inputs[i].axis == (i == 0 || rank == 1 ? rank - 1 : rank - 2))
      return mixes("sums over the items of the batch");
  }
  return elementwise(site);
}

AxisVerdict gemm(const AxisSite& site) {
  const bool turned = site.node.int_or("transA", 0) != 0;
  if (site.inputs[1].batched()) return mixes("relates items of the batch to each other");
  if (site.inputs[0].batched() && site.inputs[0].axis != (turned ? 1 : 0))
    return mixes("sums over the items of the batch");
  return apart(site.inputs[site.inputs[0].batched() ? 0 : 2].inner);
}

/// Axes of an operator by attribute or by its second input; nullopt: not known.
std::optional<Dims> axes_of(const AxisSite& site, const char* name) {
  Dims axes;
  if (const ir::Attribute* attribute = site.node.find(name)) {
    axes = attribute->kind == ir::Attribute::Kind::ints ? attribute->ints : Dims{attribute->i};
  } else if (site.inputs.size() > 1 && !site.input_dims[1].empty()) {
    if (!site.input_content[1]) return std::nullopt;
    for (const double axis : *site.input_content[1]) axes.push_back(static_cast<int64_t>(axis));
  } else if (site.inputs.size() > 1 && site.input_content[1]) {
    axes = {static_cast<int64_t>(site.input_content[1]->front())};
  }
  for (int64_t& axis : axes) axis = from_front(axis, rank_of(site.input_dims[0]));
  return axes;
}

bool holds(const Dims& axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

AxisVerdict reduction(const AxisSite& site) {
  const auto axes = axes_of(site, "axes");
  if (!axes) return undecided();
  const bool none = axes->empty() && site.node.int_or("noop_with_empty_axes", 0) != 0;
  if ((axes->empty() && !none) || holds(*axes, site.inputs[0].axis))
    return mixes("reduces over the items of the batch");
  return apart(site.inputs[0].inner);
}

/// One axis, the last by default or the first, that what it does runs along.
template <int64_t by_default>
AxisVerdict along_axis(const AxisSite& site) {
  const int64_t axis = from_front(site.node.int_or("axis", by_default), rank_of(site.input_dims[0]));
  if (axis == site.inputs[0].axis) return mixes("works along the items of the batch");
  return apart(site.inputs[0].inner);
}

AxisVerdict cumulative(const AxisSite& site) {
  const auto axes = axes_of(site, "axis");
  if (!axes || axes->empty()) return undecided();
  if (holds(*axes, site.inputs[0].axis)) return mixes("adds up the items of the batch");
  return apart(site.inputs[0].inner);
}

AxisVerdict softmax(const AxisSite& site) {
  const int64_t rank = rank_of(site.input_dims[0]);
  const int64_t axis = from_front(site.node.int_or("axis", site.opset >= 13 ? -1 : 1), rank);
  const bool within = site.opset >= 13 ? site.inputs[0].axis != axis : site.inputs[0].axis < axis;
  return within ? apart(site.inputs[0].inner) : mixes("normalises over the items of the batch");
}

/// All axes from one on are normalised over.
AxisVerdict layer_normalisation(const AxisSite& site) {
  const int64_t axis = from_front(site.node.int_or("axis", -1), rank_of(site.input_dims[0]));
  if (site.inputs[0].axis >= axis) return mixes("normalises over the items of the batch");
  return apart(site.inputs[0].inner);
}

AxisVerdict gather(const AxisSite& site) {
  const int64_t axis = from_front(site.node.int_or("axis", 0), rank_of(site.input_dims[0]));
  if (site.inputs[0].batched() && site.inputs[1].batched()) return undecided();
  if (site.inputs[1].batched()) return apart(site.inputs[1].inner);
  if (site.inputs[0].axis == axis) return mixes("picks items of the batch");
  return apart(site.inputs[0].inner);
}

AxisVerdict concat(const AxisSite& site) {
  if (from_front(site.node.int_or("axis", 1), rank_of(site.output_dims)) == site.output.axis)
    return mixes("joins items of the batch with others");
  return elementwise(site);
}

AxisVerdict slice(const AxisSite& site) {
  const BatchAxis from = site.inputs[0];
  if (!from.batched()) return undecided();
  if (site.input_dims[0][static_cast<size_t>(from.axis)] != site.output_dims[static_cast<size_t>(from.axis)])
    return mixes("takes some items of the batch");
  if (site.inputs.size() < 5 || site.input_dims[4].empty()) return apart(from.inner);  // steps of 1
  if (!site.input_content[4] || !site.input_content[3]) return undecided();
  for (size_t i = 0; i < site.input_content[3]->size(); ++i)
    if (from_front(static_cast<int64_t>((*site.input_content[3])[i]), rank_of(site.input_dims[0])) == from.axis &&
        (*site.input_content[4])[i] < 0)
      return mixes("turns the order of the batch");
  return apart(from.inner);
}

/// The first input's axes stay, and nothing moves between indices of the batch's if its size stays.
AxisVerdict same_axis(const AxisSite& site) {
  const BatchAxis from = site.inputs[0];
  if (!from.batched() || from.axis != site.output.axis) return undecided();
  if (site.input_dims[0][static_cast<size_t>(from.axis)] != site.output_dims[static_cast<size_t>(from.axis)])
    return mixes("repeats or leaves out items of the batch");
  return apart(from.inner);
}

AxisVerdict expand(const AxisSite& site) {
  if (!site.inputs[0].batched()) return undecided();
  const int64_t shift = rank_of(site.output_dims) - rank_of(site.input_dims[0]);
  return site.inputs[0].axis + shift == site.output.axis ? apart(site.inputs[0].inner) : undecided();
}

/// [time, batch, features] unless layout says [batch, time, features].
AxisVerdict recurrent(const AxisSite& site) {
  const int64_t wanted = site.node.int_or("layout", 0) != 0 ? 0 : 1;
  if (!site.inputs[0].batched() || site.inputs[0].axis != wanted || site.inputs[0].inner != 1)
    return mixes("takes the items of a batch for steps in time", "set its layout");
  return apart(1);
}

using Rule = AxisVerdict (*)(const AxisSite&);

const std::unordered_map<std::string_view, Rule>& rules() {
  static const std::unordered_map<std::string_view, Rule> table = [] {
    std::unordered_map<std::string_view, Rule> rules;
    const auto add = [&](Rule rule, std::initializer_list<const char*> types) {
      for (const char* type : types) rules.emplace(type, rule);
    };
    add(elementwise, {"Abs",
                      "Acos",
                      "Acosh",
                      "Add",
                      "And",
                      "Asin",
                      "Asinh",
                      "Atan",
                      "Atanh",
                      "BitwiseAnd",
                      "BitwiseNot",
                      "BitwiseOr",
                      "BitwiseXor",
                      "Cast",
                      "CastLike",
                      "Ceil",
                      "Celu",
                      "Clip",
                      "Cos",
                      "Cosh",
                      "Div",
                      "Dropout",
                      "Elu",
                      "Equal",
                      "Erf",
                      "Exp",
                      "Floor",
                      "Gelu",
                      "Greater",
                      "GreaterOrEqual",
                      "HardSigmoid",
                      "HardSwish",
                      "Identity",
                      "IsInf",
                      "IsNaN",
                      "LeakyRelu",
                      "Less",
                      "LessOrEqual",
                      "Log",
                      "Max",
                      "Mean",
                      "Min",
                      "Mish",
                      "Mod",
                      "Mul",
                      "Neg",
                      "Not",
                      "Or",
                      "PRelu",
                      "Pow",
                      "Reciprocal",
                      "Relu",
                      "Round",
                      "Selu",
                      "Shrink",
                      "Sigmoid",
                      "Sign",
                      "Sin",
                      "Sinh",
                      "Softplus",
                      "Softsign",
                      "Sqrt",
                      "Sub",
                      "Sum",
                      "Swish",
                      "Tan",
                      "Tanh",
                      "ThresholdedRelu",
                      "Where",
                      "Xor",
                      "DequantizeLinear",
                      "QuantizeLinear"});
    add(reshape, {"Reshape", "Flatten", "Squeeze", "Unsqueeze"});
    add(transpose, {"Transpose"});
    add(batch_first,
        {"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
         "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization", "GroupNormalization", "LRN", "DepthToSpace",
         "SpaceToDepth", "BatchNormalization", "GridSample", "MaxRoiPool"});
    add(attention, {"Attention", "RotaryEmbedding"});
    add(matmul, {"MatMul", "MatMulInteger"});
    add(gemm, {"Gemm"});
    add(reduction, {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
                    "ReduceProd", "ReduceSum", "ReduceSumSquare"});
    add(along_axis<0>, {"ArgMax", "ArgMin", "Split"});
    add(along_axis<-1>, {"TopK", "LpNormalization"});
    add(cumulative, {"CumSum"});
    add(softmax, {"Softmax", "LogSoftmax", "Hardmax"});
    add(layer_normalisation, {"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"});
    add(gather, {"Gather"});
    add(concat, {"Concat"});
    add(slice, {"Slice"});
    add(same_axis, {"Pad", "Tile", "Resize", "Upsample", "Trilu"});
    add(expand, {"Expand"});
    add(recurrent, {"LSTM", "GRU", "RNN"});
    return rules;
  }();
  return table;
}

}  // namespace

AxisVerdict follow_batch_axis(const AxisSite& site) {
  if (!site.node.domain.empty()) return undecided();
  const auto rule = rules().find(site.node.op_type);
  if (rule == rules().end()) return undecided();
  return rule->second(site);
}

}  // namespace allot::contrast
