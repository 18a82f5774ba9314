// SPDX-License-Identifier: Apache-2.0
// Networks for images whose layers are chosen one by one: macro, and blocks of channels.
#include "base/error.h"
#include "enas/space_builder.h"

namespace allot::enas {
namespace {

using ir::Str;

const std::vector<std::string> kLayerOperators = {"conv3", "conv5", "sep3", "sep5", "avg", "max"};

std::string layer_name(int64_t layer) { return fmt::format("L{}", layer); }

Feature image_input(SpaceBuilder& space, const GenerateOptions& options) {
  const std::vector<int64_t> dims = parse_dims(options.input, 3);
  return {space.graph().input("x", ir::DataType::float32, {-1, dims[0], dims[1], dims[2]}), dims[0], dims[1], dims[2]};
}

Feature stem(SpaceBuilder& space, const GenerateOptions& options) {
  const Feature x = image_input(space, options);
  space.scope("stem");
  return space.normalised(space.convolution(x, options.channels, 3));
}

/// Which earlier layers enter a layer as well; how likely a controller should find it at first is published.
/// Source: specification of enas-search, 1.3.
Variable skip_variable(int64_t layer, const std::string& anchor) {
  Variable variable;
  variable.name = fmt::format("skip{}", layer);
  variable.kind = Kind::subset;
  for (int64_t earlier = 1; earlier < layer; ++earlier) variable.labels.push_back(layer_name(earlier));
  variable.anchors = variable.labels;
  variable.most = layer - 1;
  variable.anchor = anchor;
  variable.prior = 0.4;
  variable.prior_weight = 0.8;
  return variable;
}

/// Layers after which images are halved: those that end the first and the second third.
bool ends_third(int64_t layer, int64_t layers) {
  return layers >= 3 && (layer == layers / 3 || layer == 2 * layers / 3);
}

/// Layers that take earlier ones: what macro and blocks have in common.
class Layers {
 public:
  Layers(SpaceBuilder& space, const GenerateOptions& options)
      : space_(space), options_(options), x_(stem(space, options)) {}

  const Feature& x() const { return x_; }

  /// `own`: what the layer makes of x(), in its scope.
  void add(int64_t layer, const Feature& own) {
    if (layer == 1) {
      x_ = space_.normalised(own);
    } else {
      space_.variable(skip_variable(layer, layer_name(layer)));
      std::vector<Str> sources;
      for (const Feature& earlier : earlier_) sources.push_back(earlier.value);
      x_ = options_.skip == "concat" ? joined(layer, own, sources) : added(layer, own, sources);
    }
    earlier_.push_back(x_);
    if (!ends_third(layer, options_.layers)) return;
    for (size_t i = 0; i < earlier_.size(); ++i) {
      space_.scope(fmt::format("{}/halved{}", layer_name(layer), i + 1));
      earlier_[i] = space_.halved(earlier_[i], earlier_[i].channels);
    }
    x_ = earlier_.back();
  }

 private:
  Feature added(int64_t layer, const Feature& own, const std::vector<Str>& sources) {
    const Str sum = space_.join("skip", "Sum", fmt::format("skip{}", layer), sources, {own.value});
    return space_.normalised({sum, own.channels, own.height, own.width});
  }

  /// A 1x1 convolution of all channels joined, written as the sum of one for each layer that enters: what does not
  /// enter is then left out without touching a kernel.
  Feature joined(int64_t layer, const Feature& own, const std::vector<Str>& sources) {
    std::vector<Str> inputs;
    for (size_t i = 0; i < sources.size(); ++i) {
      const Feature earlier{sources[i], own.channels, own.height, own.width};
      inputs.push_back(space_.convolution(earlier, own.channels, 1, 1, fmt::format("skip{}", i + 1)).value);
    }
    const Feature base = space_.convolution(own, own.channels, 1, 1, "own");
    const Str sum = space_.join("skip", "Sum", fmt::format("skip{}", layer), inputs, {base.value});
    return space_.normalised({sum, own.channels, own.height, own.width});
  }

  SpaceBuilder& space_;
  const GenerateOptions& options_;
  Feature x_;
  std::vector<Feature> earlier_;
};

/// The convolutions and pools of a macro layer. Source: specification of enas-search, 1.2.
Feature layer_operator(SpaceBuilder& space, const std::string& layer, const std::string& name, const Feature& x) {
  space.scope(layer + "/" + name);
  const Feature inner = space.rectified(space.normalised(space.convolution(x, x.channels, 1, 1, "in"), "in_bn"));
  if (name == "avg") return space.pool(inner, "AveragePool");
  if (name == "max") return space.pool(inner, "MaxPool");
  const int64_t kernel = name.back() - '0';
  const Feature y = name.starts_with("sep") ? space.separable(inner, x.channels, kernel)
                                            : space.convolution(inner, x.channels, kernel);
  return space.rectified(space.normalised(y));
}

}  // namespace

Generated make_macro(const GenerateOptions& options, uint64_t seed) {
  SpaceBuilder space("macro");
  Layers layers(space, options);
  for (int64_t layer = 1; layer <= options.layers; ++layer) {
    const std::string name = layer_name(layer);
    Variable variable = SpaceBuilder::one_of(fmt::format("op{}", layer), kLayerOperators, "operator");
    if (layer == 1) variable.anchor = name;
    space.variable(std::move(variable));
    std::vector<Str> alternatives;
    for (const std::string& each : kLayerOperators)
      alternatives.push_back(layer_operator(space, name, each, layers.x()).value);
    space.scope(name);
    const Str own = space.join("operator", "Sum", fmt::format("op{}", layer), std::move(alternatives));
    layers.add(layer, {own, layers.x().channels, layers.x().height, layers.x().width});
  }
  space.classify(layers.x(), options.classes);
  return space.finish("he", seed);
}

// Blocks of channels of six branches, any of which may be there. Source: specification of enas-search, 1.2b.
Generated make_blocks(const GenerateOptions& options, uint64_t seed) {
  const std::vector<std::string> branches = {"conv1", "conv3", "conv5", "conv7", "avg", "max"};
  const int64_t channels = options.channels, width = options.block;
  if (channels % width != 0)
    throw base::Error(base::ErrorKind::usage, "--generate.block", fmt::format("does not divide {} channels", channels),
                      "give a divisor of --generate.channels");
  SpaceBuilder space("blocks");
  Layers layers(space, options);
  for (int64_t layer = 1; layer <= options.layers; ++layer) {
    const std::string name = layer_name(layer);
    const Feature x = layers.x();
    Variable variable;
    variable.name = fmt::format("blocks{}", layer);
    variable.kind = Kind::subset;
    std::vector<Str> blocks;
    for (const std::string& branch : branches)
      for (int64_t block = 0; block < channels / width; ++block) {
        variable.labels.push_back(fmt::format("{}.{}", branch, block));
        space.scope(fmt::format("{}/{}.{}", name, branch, block));
        const bool pools = branch == "avg" || branch == "max";
        const Feature y =
            space.rectified(space.normalised(space.convolution(x, width, pools ? 1 : branch.back() - '0')));
        blocks.push_back((branch == "avg"   ? space.pool(y, "AveragePool")
                          : branch == "max" ? space.pool(y, "MaxPool")
                                            : y)
                             .value);
      }
    variable.least = 1;
    variable.most = static_cast<int64_t>(variable.size());
    if (layer == 1) variable.anchor = name;
    space.variable(variable);
    space.scope(name);
    const auto all = static_cast<int64_t>(blocks.size()) * width;
    const Str joined = space.join("blocks", "Concat", variable.name, std::move(blocks));
    const Feature mixed = space.convolution({joined, all, x.height, x.width}, channels, 1, 1, "mix");
    space.slice(space.graph().nodes().back().inputs[1], 1, width);
    layers.add(layer, space.rectified(space.normalised(mixed, "mix_bn")));
  }
  space.classify(layers.x(), options.classes);
  return space.finish("he", seed);
}

}  // namespace allot::enas
