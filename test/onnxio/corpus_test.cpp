// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "ir/values.h"
#include "onnxio/annotate.h"
#include "onnxio/checker.h"
#include "onnxio/corpus.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

using namespace allot;
using namespace allot::test;

TEST_CASE("every file of the corpus survives reading and writing, and an edit and its undo") {
  const Quiet quiet;
  size_t files = 0;
  for (const auto& path : corpus()) {
    INFO(path);
    auto model = onnxio::read(path);
    const auto original = model.file->view();
    const bool survives = onnxio::serialize(model) == original;
    CHECK(survives);
    CHECK_NOTHROW(ir::resolve(model));
    const auto ir_version = model.ir_version;
    annotate(model);
    const auto annotated = onnxio::serialize(model);
    CHECK(annotated.size() > original.size());
    strip(model, ir_version);
    const bool undone = onnxio::serialize(model) == original;
    CHECK(undone);
    auto again = onnxio::read(base::Bytes::from(annotated, "annotated"), {.external_data = false});
    CHECK(again.metadata_value("allot.version") == "1");
    CHECK(again.configurations.back().devices.size() == 2);
    strip(again, ir_version);
    const bool stripped = onnxio::serialize(again) == original;
    CHECK(stripped);
    ++files;
  }
  std::cerr << "corpus: " << files << " files\n";
}

TEST_CASE("the corpus passes ONNX's checker") {
  const Quiet quiet;
  for (const auto& path : corpus()) {
    INFO(path);
    CHECK_NOTHROW(onnxio::check(onnxio::read(path)));
  }
}
