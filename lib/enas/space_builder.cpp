// SPDX-License-Identifier: Apache-2.0
#include "enas/space_builder.h"

#include <charconv>
#include <sstream>

#include "base/error.h"
#include "enas/derive.h"
#include "enas/space_file.h"

namespace allot::enas {
namespace {

constexpr int64_t kMostSize = 1 << 16;

/// An image's side after a layer of this stride.
int64_t over(int64_t side, int64_t stride) { return (side + stride - 1) / stride; }

ir::Attribute strides(int64_t stride) { return ir::ints_attribute("strides", {stride, stride}); }

std::string floats(size_t count, float value) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return bytes;
}

size_t elements(const std::vector<int64_t>& dims) {
  size_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
  return count;
}

}  // namespace

std::vector<int64_t> parse_dims(const std::string& text, size_t count) {
  std::vector<int64_t> dims;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, 'x');) {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), dim);
    if (error != std::errc() || end != part.data() + part.size() || dim < 1 || dim > kMostSize) dims.resize(100);
    dims.push_back(dim);
  }
  if (dims.size() != count)
    throw base::Error(base::ErrorKind::usage, "--input",
                      fmt::format("'{}' is no input of this space", base::printable(text)),
                      count == 1 ? "write the number of features" : "write channels, height and width: 3x32x32");
  return dims;
}

// Any number other than 0 in a tensor says that it is drawn.
ir::Str SpaceBuilder::weight(const std::string& name, std::vector<int64_t> dims) {
  const size_t count = elements(dims);
  return builder_.initializer(scoped(name), ir::DataType::float32, std::move(dims), floats(count, 1));
}

ir::Str SpaceBuilder::constant(const std::string& name, std::vector<int64_t> dims, float value) {
  const size_t count = elements(dims);
  return builder_.initializer(scoped(name), ir::DataType::float32, std::move(dims), floats(count, value));
}

ir::Str SpaceBuilder::join(const std::string& name, ir::Str type, const std::string& variable,
                           std::vector<ir::Str> alternatives, std::vector<ir::Str> required) {
  Binding binding;
  binding.variable = variable;
  for (uint32_t i = 0; i < alternatives.size(); ++i) binding.alternatives.push_back({i});
  for (uint32_t i = 0; i < required.size(); ++i)
    binding.required.push_back(static_cast<uint32_t>(alternatives.size()) + i);
  alternatives.insert(alternatives.end(), required.begin(), required.end());
  std::vector<ir::Attribute> attributes;
  if (type == "Concat") attributes.push_back(ir::int_attribute("axis", 1));
  builder_.set_scope(scoped(name));
  const ir::Str output = builder_.add(type, std::move(alternatives), std::move(attributes));
  builder_.set_scope(scope_);
  binding.node = std::string(builder_.nodes().back().name);
  space_.bindings.push_back(std::move(binding));
  return output;
}

ir::Str SpaceBuilder::loose_ends(const std::string& name, ir::Str type, std::vector<std::string> of,
                                 std::vector<std::string> anchors, std::vector<ir::Str> values) {
  const ir::Str output = join(name, type, "", std::move(values));
  space_.bindings.back().of = std::move(of);
  space_.bindings.back().anchors = std::move(anchors);
  return output;
}

void SpaceBuilder::slice(ir::Str tensor, int64_t axis, int64_t block) {
  space_.bindings.back().slices.push_back({std::string(tensor), axis, block});
}

Feature SpaceBuilder::convolution(const Feature& x, int64_t channels, int64_t kernel, int64_t groups,
                                  const std::string& name, int64_t stride) {
  const ir::Str w = weight(name, {channels, x.channels / groups, kernel, kernel});
  const int64_t pad = kernel / 2;
  return {builder_.add("Conv", {x.value, w},
                       ir::attributes(ir::ints_attribute("pads", {pad, pad, pad, pad}),
                                      ir::int_attribute("group", groups), strides(stride))),
          channels, over(x.height, stride), over(x.width, stride)};
}

Feature SpaceBuilder::separable(const Feature& x, int64_t channels, int64_t kernel, int64_t stride) {
  return convolution(convolution(x, x.channels, kernel, x.channels, "depthwise", stride), channels, 1, 1, "pointwise");
}

Feature SpaceBuilder::normalised(const Feature& x, const std::string& name) {
  const auto part = [&](const char* what, float value) { return constant(name + "/" + what, {x.channels}, value); };
  const ir::Str scale = part("scale", 1), bias = part("bias", 0), mean = part("mean", 0), variance = part("var", 1);
  return {builder_.add("BatchNormalization", {x.value, scale, bias, mean, variance}), x.channels, x.height, x.width};
}

Feature SpaceBuilder::pool(const Feature& x, ir::Str type, int64_t stride) {
  return {builder_.add(type, {x.value},
                       ir::attributes(ir::ints_attribute("kernel_shape", {3, 3}),
                                      ir::ints_attribute("pads", {1, 1, 1, 1}), strides(stride))),
          x.channels, over(x.height, stride), over(x.width, stride)};
}

Feature SpaceBuilder::halved(const Feature& x, int64_t channels) {
  const int64_t first = channels / 2, second = channels - first;
  const ir::Str a =
      builder_.add("Conv", {x.value, weight("half0", {first, x.channels, 1, 1})}, ir::attributes(strides(2)));
  const ir::Str moved = builder_.add(
      "Slice", {x.value, builder_.ints({1, 1}), builder_.ints({x.height, x.width}), builder_.ints({2, 3})});
  const ir::Str b = builder_.add("Conv", {moved, weight("half1", {second, x.channels, 1, 1})},
                                 ir::attributes(strides(2), ir::ints_attribute("pads", {0, 0, 1, 1})));
  const ir::Str both = builder_.add("Concat", {a, b}, ir::attributes(ir::int_attribute("axis", 1)));
  return normalised({both, channels, over(x.height, 2), over(x.width, 2)});
}

void SpaceBuilder::classify(const Feature& x, int64_t classes) {
  scope("head");
  const ir::Str flat = builder_.add("Flatten", {builder_.add("GlobalAveragePool", {x.value})});
  const ir::Str w = weight("w", {x.channels, classes}), b = constant("b", {classes}, 0);
  builder_.add("Gemm", {flat, w, b});
  builder_.nodes().back().outputs[0] = "logits";
  builder_.output("logits", ir::DataType::float32, {-1, classes});
}

Generated SpaceBuilder::finish(const std::string& init, uint64_t seed) {
  Generated generated{builder_.finish(), std::move(space_)};
  draw_weights(generated.model, init, seed);
  write_space(generated.model, generated.space, Carrier::model);
  generated.model.metadata.push_back({kInitKey, generated.model.intern(init), {}});
  generated.model.metadata.push_back({"allot.origin", "generated by allot", {}});
  return generated;
}

Variable SpaceBuilder::one_of(std::string name, std::vector<std::string> labels, std::string vocabulary) {
  Variable variable;
  variable.name = std::move(name);
  variable.labels = std::move(labels);
  variable.least = variable.most = 1;
  variable.vocabulary = std::move(vocabulary);
  return variable;
}

}  // namespace allot::enas
