// SPDX-License-Identifier: Apache-2.0
// The published search spaces as supergraphs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "enas/space.h"
#include "ir/model.h"

namespace allot::enas {

struct GenerateOptions {
  std::string space = "macro";      // of space_names()
  std::string input = "1x28x28";    // of one item: channels, height, width; of dag and rnn the number of features
  int64_t classes = 10;             // outputs; of rnn words of the vocabulary
  int64_t layers = 6;               // macro, blocks: layers; micro, nb201: normal cells of each of three stages
  int64_t nodes = 0;                // micro, dag, rnn: nodes of a cell; 0: 7, 4, 8
  int64_t channels = 16;            // of convolutions at first; dag, rnn: width
  int64_t block = 4;                // blocks: channels that are chosen together
  std::string skip = "sum";         // macro: how earlier layers enter: sum or concat
  std::string reduction = "halve";  // micro: reduction cells halve what enters them, or have strides: stride
  std::string weights = "edge";     // rnn: matrices of an edge, or of an edge and what follows it: edge-act

  void bind(config::Binder& binder);
};

/// recurrent cell, macro, micro, blocks, nb201, dag: "rnn", ...
std::vector<std::string> space_names();

struct Generated {
  ir::Model model;  // with the space in its metadata, and weights drawn by seed
  Space space;
};

/// Equal options and seeds give equal models. Inputs are "x", outputs "logits"; the batch is free. Any runtime can run
/// them: joins are ordinary nodes. Errors: usage for an input or sizes that the space cannot have.
/// Source: specification of enas-search, 1.2 and 5.8.
Generated generate(const GenerateOptions& options, uint64_t seed);

}  // namespace allot::enas
