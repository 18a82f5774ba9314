// SPDX-License-Identifier: Apache-2.0
#include "enas/generate.h"

#include "base/error.h"
#include "enas/space_builder.h"

namespace allot::enas {
namespace {

struct Maker {
  const char* name;
  Generated (*make)(const GenerateOptions&, uint64_t seed);
};

constexpr Maker kMakers[] = {{"rnn", make_rnn},       {"macro", make_macro}, {"micro", make_micro},
                             {"blocks", make_blocks}, {"nb201", make_nb201}, {"dag", make_dag}};

constexpr int64_t kMost = 4096;

}  // namespace

std::vector<std::string> space_names() {
  std::vector<std::string> names;
  for (const Maker& maker : kMakers) names.emplace_back(maker.name);
  return names;
}

void GenerateOptions::bind(config::Binder& binder) {
  binder.choice("kind", space, "of space", space_names());
  binder.text("input", input,
              "of one item: channels, height, width; of dag the number of features, of rnn a number of words");
  binder.integer("classes", classes, "outputs; of rnn words of the vocabulary", 1, 1 << 20);
  binder.integer("layers", layers, "of macro and blocks; of micro and nb201 normal cells in each of three stages", 1,
                 kMost);
  binder.integer("nodes", nodes, "of a cell of micro, dag and rnn; 0 = 7, 4 and 8", 0, 64);
  binder.integer("channels", channels, "of the first convolutions; of dag and rnn the width", 1, kMost);
  binder.integer("block", block, "channels that blocks chooses together", 1, kMost);
  binder.choice("skip", skip, "how earlier layers of macro enter a layer", {"sum", "concat"});
  binder.choice("reduction", reduction,
                "cells of micro that halve an image do so at once, or by the strides of their operators",
                {"halve", "stride"});
  binder.choice("weights", weights, "of rnn: a matrix for each edge, or for each edge and activation",
                {"edge", "edge-act"});
}

Generated generate(const GenerateOptions& options, uint64_t seed) {
  for (const Maker& maker : kMakers)
    if (options.space == maker.name) return maker.make(options, seed);
  throw base::Error(base::ErrorKind::usage, "--generate.kind",
                    fmt::format("'{}' is no space", base::printable(options.space)),
                    base::suggestion(options.space, space_names()));
}

}  // namespace allot::enas
