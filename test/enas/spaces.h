// SPDX-License-Identifier: Apache-2.0
// Small spaces of every kind for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "enas/generate.h"
#include "enas/space_file.h"
#include "enas/supergraph.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

namespace allot::test {

inline enas::GenerateOptions small(const std::string& space) {
  enas::GenerateOptions options;
  options.space = space;
  options.classes = 3;
  options.input = "1x9x8";
  options.channels = 4;
  options.layers = 3;
  if (space == "dag" || space == "rnn") options.input = "6";
  if (space == "rnn") options.nodes = 4, options.classes = 11;
  if (space == "micro") options.layers = 1, options.nodes = 5;
  if (space == "nb201") options.layers = 1;
  if (space == "blocks") options.layers = 2, options.block = 2;
  return options;
}

/// As written and read again.
inline enas::Supergraph supergraph_of(const enas::GenerateOptions& options, uint64_t seed = 1) {
  const enas::Generated generated = enas::generate(options, seed);
  const std::string bytes = onnxio::serialize(generated.model);
  auto model = std::make_shared<const ir::Model>(onnxio::read(base::Bytes::from(bytes)));
  enas::Space space = enas::read_space(*model);
  return {std::move(model), std::move(space)};
}

}  // namespace allot::test
