// SPDX-License-Identifier: Apache-2.0
// Networks for images that repeat one cell, whose inside is chosen: micro, and that of NAS-Bench-201.
#include "base/error.h"
#include "enas/space_builder.h"

namespace allot::enas {
namespace {

using ir::Str;

const std::vector<std::string> kCellOperators = {"identity", "sep3", "sep5", "avg", "max"};
const std::vector<std::string> kEdgeOperators = {"none", "skip", "conv1", "conv3", "avg"};

struct Cell {
  std::string kind;  // "normal" or "reduction": the beginning of its variables' names
  std::string name;  // of this one
};

std::string variable_name(const std::string& kind, int64_t node, const char* side, const char* what) {
  return fmt::format("{}.n{}.{}{}", kind, node, side, what);
}

std::string place_name(const std::string& kind, int64_t node) { return fmt::format("{}.n{}", kind, node); }

/// Of nodes 3 and up: two earlier nodes, and what is done to each.
void declare_micro(SpaceBuilder& space, const std::string& kind, int64_t nodes) {
  for (int64_t node = 3; node <= nodes; ++node) {
    for (const char* side : {"x", "y"}) {
      std::vector<std::string> labels, anchors;
      for (int64_t earlier = 1; earlier < node; ++earlier) {
        labels.push_back(fmt::format("n{}", earlier));
        anchors.push_back(place_name(kind, earlier));
      }
      Variable index = SpaceBuilder::one_of(variable_name(kind, node, side, ""), labels, "");
      index.anchors = anchors;
      space.variable(std::move(index));
    }
    for (const char* side : {"x", "y"}) {
      Variable variable = SpaceBuilder::one_of(variable_name(kind, node, side, "op"), kCellOperators, "operator");
      if (*side == 'y') variable.anchor = place_name(kind, node);
      space.variable(std::move(variable));
    }
  }
}

/// `stride`: 1, or 2 within a reduction cell on what enters it.
Feature cell_operator(SpaceBuilder& space, const std::string& scope, const std::string& name, const Feature& x,
                      int64_t stride) {
  space.scope(scope + "/" + name);
  if (name == "identity" && stride == 2) return space.halved(x, x.channels);
  if (name == "identity") return {space.graph().add("Identity", {x.value}), x.channels, x.height, x.width};
  if (name == "avg") return space.pool(x, "AveragePool", stride);
  if (name == "max") return space.pool(x, "MaxPool", stride);
  return space.normalised(space.separable(space.rectified(x), x.channels, name.back() - '0', stride));
}

/// To `channels` and to the size of a cell's inputs.
Feature calibrated(SpaceBuilder& space, const std::string& scope, const Feature& x, int64_t channels, bool halves) {
  space.scope(scope);
  const Feature y = space.rectified(x);
  return halves ? space.halved(y, channels) : space.normalised(space.convolution(y, channels, 1));
}

/// Source: specification of enas-search, 1.2 (c): loose ends are joined and brought back to the cell's channels by a
/// convolution whose kernel is sliced. A reduction cell halves its inputs first, as the released code does in search,
/// or
/// (`strided`) its operators do, as published.
Feature micro_cell(SpaceBuilder& space, const Cell& cell, Feature before, Feature last, int64_t channels, int64_t nodes,
                   bool strided) {
  const bool reduces = cell.kind == "reduction" && !strided;
  std::vector<Feature> values;
  values.push_back(calibrated(space, cell.name + "/in1", before, channels, reduces || before.height != last.height));
  values.push_back(calibrated(space, cell.name + "/in2", last, channels, reduces));
  const int64_t stride = cell.kind == "reduction" && strided ? 2 : 1;
  Feature shape;
  std::vector<std::string> of, places;
  std::vector<Str> ends;
  for (int64_t node = 3; node <= nodes; ++node) {
    std::vector<Str> sides;
    for (const char* side : {"x", "y"}) {
      const std::string scope = fmt::format("{}/n{}/{}", cell.name, node, side);
      std::vector<Str> sources;
      for (int64_t earlier = 1; earlier < node; ++earlier) {
        const std::string from = fmt::format("{}/from{}", scope, earlier);
        std::vector<Str> alternatives;
        for (const std::string& each : kCellOperators) {
          const Feature& source = values[static_cast<size_t>(earlier - 1)];
          shape = cell_operator(space, from, each, source, earlier <= 2 ? stride : 1);
          alternatives.push_back(shape.value);
        }
        space.scope(from);
        sources.push_back(
            space.join("operator", "Sum", variable_name(cell.kind, node, side, "op"), std::move(alternatives)));
      }
      space.scope(scope);
      of.push_back(variable_name(cell.kind, node, side, ""));
      sides.push_back(space.join("index", "Sum", of.back(), std::move(sources)));
    }
    space.scope(fmt::format("{}/n{}", cell.name, node));
    values.push_back({space.graph().add("Add", sides), shape.channels, shape.height, shape.width});
    places.push_back(place_name(cell.kind, node));
    ends.push_back(values.back().value);
  }
  space.scope(cell.name);
  const auto all = static_cast<int64_t>(ends.size()) * channels;
  const Str joined = space.loose_ends("ends", "Concat", of, places, std::move(ends));
  const Feature mixed =
      space.convolution({space.graph().add("Relu", {joined}), all, shape.height, shape.width}, channels, 1, 1, "out");
  space.slice(space.graph().nodes().back().inputs[1], 1, channels);
  return space.normalised(mixed, "out_bn");
}

/// A residual block that halves the image and doubles the channels.
Feature reduction_block(SpaceBuilder& space, const std::string& scope, const Feature& x) {
  space.scope(scope + "/shortcut");
  const Feature half = space.halved(x, 2 * x.channels);
  space.scope(scope);
  const Feature y = space.normalised(space.convolution(space.rectified(half), half.channels, 3));
  return {space.graph().add("Add", {half.value, y.value}), half.channels, half.height, half.width};
}

Feature edge_operator(SpaceBuilder& space, const std::string& scope, const std::string& name, const Feature& x) {
  space.scope(scope + "/" + name);
  if (name == "none")
    return {space.graph().add("Mul", {x.value, space.graph().number(0)}), x.channels, x.height, x.width};
  if (name == "skip") return {space.graph().add("Identity", {x.value}), x.channels, x.height, x.width};
  if (name == "avg") return space.pool(x, "AveragePool");
  return space.normalised(space.convolution(space.rectified(x), x.channels, name.back() - '0'));
}

/// Four nodes; each is the sum of what edges make of all earlier ones.
Feature nb201_cell(SpaceBuilder& space, const std::string& cell, const Feature& x) {
  std::vector<Feature> values = {x};
  for (int64_t node = 1; node < 4; ++node) {
    std::vector<Str> edges;
    for (int64_t from = 0; from < node; ++from) {
      const std::string scope = fmt::format("{}/e{}{}", cell, from, node);
      std::vector<Str> alternatives;
      for (const std::string& each : kEdgeOperators)
        alternatives.push_back(edge_operator(space, scope, each, values[static_cast<size_t>(from)]).value);
      space.scope(scope);
      edges.push_back(space.join("operator", "Sum", fmt::format("e{}{}", from, node), std::move(alternatives)));
    }
    space.scope(fmt::format("{}/n{}", cell, node));
    const Str sum = edges.size() == 1 ? edges[0] : space.graph().add("Sum", edges);
    values.push_back({sum, x.channels, x.height, x.width});
  }
  return values.back();
}

Feature stem(SpaceBuilder& space, const GenerateOptions& options, int64_t channels) {
  const std::vector<int64_t> dims = parse_dims(options.input, 3);
  const Feature x{space.graph().input("x", ir::DataType::float32, {-1, dims[0], dims[1], dims[2]}), dims[0], dims[1],
                  dims[2]};
  space.scope("stem");
  return space.normalised(space.convolution(x, channels, 3));
}

}  // namespace

Generated make_micro(const GenerateOptions& options, uint64_t seed) {
  const int64_t nodes = options.nodes > 0 ? options.nodes : 7;
  if (nodes < 3)
    throw base::Error(base::ErrorKind::usage, "--generate.nodes", "leaves a cell without nodes of its own",
                      "give 3 or more");
  SpaceBuilder space("micro");
  const bool strided = options.reduction == "stride";
  declare_micro(space, "normal", nodes);
  declare_micro(space, "reduction", nodes);
  int64_t channels = options.channels;
  Feature before = stem(space, options, 3 * channels), last = before;
  for (int64_t stage = 1; stage <= 3; ++stage) {
    for (int64_t i = 1; i <= options.layers; ++i)
      before = std::exchange(last, micro_cell(space, {"normal", fmt::format("stage{}/cell{}", stage, i)}, before, last,
                                              channels, nodes, strided));
    if (stage == 3) break;
    channels *= 2;
    before = std::exchange(last, micro_cell(space, {"reduction", fmt::format("stage{}/reduction", stage)}, before, last,
                                            channels, nodes, strided));
  }
  space.scope("head");
  space.classify(space.rectified(last), options.classes);
  return space.finish("he", seed);
}

Generated make_nb201(const GenerateOptions& options, uint64_t seed) {
  SpaceBuilder space("nb201");
  for (const char* edge : {"e01", "e02", "e12", "e03", "e13", "e23"})
    space.variable(SpaceBuilder::one_of(edge, kEdgeOperators, "operator"));
  Feature x = stem(space, options, options.channels);
  for (int64_t stage = 1; stage <= 3; ++stage) {
    for (int64_t i = 1; i <= options.layers; ++i) x = nb201_cell(space, fmt::format("stage{}/cell{}", stage, i), x);
    if (stage < 3) x = reduction_block(space, fmt::format("stage{}/reduction", stage), x);
  }
  space.scope("head");
  space.classify(space.rectified(space.normalised(x)), options.classes);
  return space.finish("he", seed);
}

}  // namespace allot::enas
