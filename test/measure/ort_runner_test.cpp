// SPDX-License-Identifier: Apache-2.0
#include "measure/ort_runner.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "support/model_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using namespace allot::measure;
using Catch::Contains;

namespace {

ir::Model two_nodes() {
  test::ModelBuilder builder;
  builder.input("x", {2}).node("Relu", {"x"}, {"h"}).node("Neg", {"h"}, {"y"}).output("y");
  return builder.build();
}

cluster::Cluster ort_cluster() {
  auto cluster = test::simple_cluster({.devices = 2});
  for (auto& device : cluster.devices) device.ort = {"cpu", "CPUExecutionProvider", {}};
  return cluster;
}

base::ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    INFO(error.what());
    return error.kind();
  }
  FAIL("no error was thrown");
  return base::ErrorKind::internal;
}

}  // namespace

TEST_CASE("an interpreter without ONNX Runtime names what to install") {
  ir::Model model = two_nodes();
  const auto cluster = ort_cluster();
  OrtRunner none("/nowhere/python3", model, cluster, {});
  CHECK(kind_of([&] { none.measure({0, 0}); }) == base::ErrorKind::unavailable);
  OrtRunner other("/bin/false", model, cluster, {});
  CHECK_THROWS_WITH(other.measure({0, 0}), Contains("install onnxruntime there"));
}
