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

/// Every space, and what else of micro has children of its own shape.
inline std::vector<std::string> small_names() {
  std::vector<std::string> names = enas::space_names();
  names.push_back("micro, strided");
  return names;
}

inline enas::GenerateOptions small(const std::string& name) {
  enas::GenerateOptions options;
  const std::string space = name.substr(0, name.find(','));
  options.space = space;
  if (space != name) options.reduction = "stride";
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
