// SPDX-License-Identifier: Apache-2.0
#include "onnxio/reader.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

std::string message_of(std::string content) {
  try {
    onnxio::read(base::Bytes::from(std::move(content), "m.onnx"));
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("foreign files are named with a remedy") {
  using Catch::Contains;
  CHECK_THAT(message_of(""), Contains("m.onnx: is empty"));
  CHECK_THAT(message_of("\x1f\x8b\x08rest"), Contains("gzip"));
  CHECK_THAT(message_of("PK\x03\x04rest"), Contains("zip archive"));
  CHECK_THAT(message_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), Contains("git lfs pull"));
  CHECK_THAT(message_of("<!DOCTYPE html><html></html>"), Contains("HTML page"));
  CHECK_THAT(message_of("<\n  ir_version: 8\n>\n"), Contains("as text"));
  CHECK_THAT(message_of("hello\n"), Contains("text file"));
}
