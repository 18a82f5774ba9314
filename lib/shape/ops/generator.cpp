// SPDX-License-Identifier: Apache-2.0
// Tensors made from attributes, sizes or chance.
#include <cmath>
#include <limits>

#include "ir/payload.h"
#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

void constant(Context& c) {
  const auto& node = c.node();
  if (const auto* value = node.find("value"); value && value->tensors.size() == 1) {
    const ir::Tensor& tensor = value->tensors[0];
    c.set(0, tensor.dtype, tensor.dims);
    return c.set_source(0, tensor);
  }
  if (const auto* value = node.find("sparse_value"); value && value->sparse_tensors.size() == 1)
    return c.set(0, value->sparse_tensors[0].values.dtype, value->sparse_tensors[0].dims);
  if (const auto* value = node.find("value_int")) {
    c.set(0, DataType::int64, {});
    return c.set_content(0, {static_cast<double>(value->i)});
  }
  if (const auto* value = node.find("value_float")) {
    c.set(0, DataType::float32, {});
    return c.set_content(0, {value->f});
  }
  if (const auto* value = node.find("value_ints")) {
    c.set(0, DataType::int64, {static_cast<int64_t>(value->ints.size())});
    return c.set_content(0, std::vector<double>(value->ints.begin(), value->ints.end()));
  }
  if (const auto* value = node.find("value_floats")) {
    c.set(0, DataType::float32, {static_cast<int64_t>(value->floats.size())});
    return c.set_content(0, std::vector<double>(value->floats.begin(), value->floats.end()));
  }
  if (node.find("value_string")) return c.set(0, DataType::string, {});
  if (const auto* value = node.find("value_strings"))
    c.set(0, DataType::string, {static_cast<int64_t>(value->strings.size())});
}

void constant_of_shape(Context& c) {
  const auto* value = c.node().find("value");
  const ir::Tensor* fill = value && value->tensors.size() == 1 ? &value->tensors[0] : nullptr;
  const DataType elem = fill ? fill->dtype : DataType::float32;
  c.set_elem(0, elem);
  auto dims = c.ints(0);
  if (!dims) return;
  const auto count = c.room_for(*dims);
  c.set(0, elem, std::move(*dims));
  if (!count) return;
  const auto element = fill ? ir::read_doubles(c.state().model, *fill, 1) : std::vector<double>{0};
  if (element && element->size() == 1) c.set_content(0, std::vector<double>(*count, element->front()));
}

void range(Context& c) {
  const DataType elem = c.elem(0);
  c.set_elem(0, elem);
  const auto start = c.number(0), limit = c.number(1), delta = c.number(2);
  if (!start || !limit || !delta) return;
  if (*delta == 0) return c.contradict("delta is 0");
  const double count = std::max(0.0, std::ceil((*limit - *start) / *delta));
  if (!(count < 9e18)) return c.contradict("the range from {} to {} by {} has no end", *start, *limit, *delta);
  c.set(0, elem, {static_cast<int64_t>(count)});
  if (!c.room_for(Dims{static_cast<int64_t>(count)})) return;
  std::vector<double> data(static_cast<size_t>(count));
  for (size_t i = 0; i < data.size(); ++i)
    if (std::isnan(data[i] = as_element(elem, *start + static_cast<double>(i) * *delta))) return;
  c.set_content(0, std::move(data));
}

void eye_like(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, c.elem_attribute("dtype", c.elem(0)));
}

void random(Context& c) {
  c.mark_random();
  c.set(0, c.elem_attribute("dtype", DataType::float32), c.node().ints("shape"));
}

void random_like(Context& c) {
  c.mark_random();
  c.copy(0, 0);
  c.set_elem(0, c.elem_attribute("dtype", c.elem(0)));
}

void multinomial(Context& c) {
  c.mark_random();
  const DataType elem = c.elem_attribute("dtype", DataType::int32);
  c.set_elem(0, elem);
  const Dims* input = c.dims(0);
  if (input && !input->empty()) c.set(0, elem, {(*input)[0], c.node().int_or("sample_size", 1)});
}

/// BlackmanWindow, HammingWindow and HannWindow.
void window(Context& c) {
  const DataType elem = c.elem_attribute("output_datatype", DataType::float32);
  c.set_elem(0, elem);
  if (const auto size = c.integer(0)) c.set(0, elem, {*size});
}

void mel_weight_matrix(Context& c) {
  const DataType elem = c.elem_attribute("output_datatype", DataType::float32);
  c.set_elem(0, elem);
  const auto bins = c.integer(0), length = c.integer(1);
  if (bins && length) c.set(0, elem, {*length / 2 + 1, *bins});
}

constexpr Operator kOperators[] = {
    {"Bernoulli", random_like},
    {"BlackmanWindow", window},
    {"Constant", constant},
    {"ConstantOfShape", constant_of_shape},
    {"EyeLike", eye_like},
    {"HammingWindow", window},
    {"HannWindow", window},
    {"MelWeightMatrix", mel_weight_matrix},
    {"Multinomial", multinomial},
    {"RandomNormal", random},
    {"RandomNormalLike", random_like},
    {"RandomUniform", random},
    {"RandomUniformLike", random_like},
    {"Range", range},
};

}  // namespace

std::span<const Operator> generator_operators() { return kOperators; }

}  // namespace allot::shape
