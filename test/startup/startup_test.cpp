// SPDX-License-Identifier: Apache-2.0
// One process holds ONNX (with its protobuf) and LibTorch: parse, compute with torch, parse again, leave with 0.
#include <cstdio>
#include <exception>

#include "onnxio/checker.h"
#include "onnxio/reader.h"

double gradient_of_relu_matmul();

namespace {

// The checker parses with protobuf and walks ONNX's operator schemas.
size_t parse(const char* path) {
  const auto model = allot::onnxio::read(path);
  allot::onnxio::check(model);
  return model.graph.nodes.size();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: startup_test MODEL.onnx\n"), 64;
  try {
    const size_t before = parse(argv[1]);
    const double gradient = gradient_of_relu_matmul();
    const size_t after = parse(argv[1]);
    std::printf("%zu nodes, gradient %g, %zu nodes\n", before, gradient, after);
    return before > 0 && before == after && gradient == 6.0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "startup_test: %s\n", error.what());
    return 1;
  }
}
