// SPDX-License-Identifier: Apache-2.0
// Damaged files: every truncation and many random changes either read, or fail with one of our errors.
#include <catch2/catch.hpp>

#include <chrono>

#include "base/error.h"
#include "base/rng.h"
#include "ir/inline.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "onnxio/checker.h"
#include "onnxio/corpus.h"
#include "onnxio/proto.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

using namespace allot;
using namespace allot::test;

namespace {

/// A bit of everything in some 700 bytes.
std::string rich_model() {
  const auto body = Proto().text(2, "body").message(1, node("Neg", {"x"}, {"b"})).message(12, value_info("b", {1}));
  const auto branch = [&](const char* name) { return Proto().text(1, name).number(20, 5).message(6, body); };
  const auto ints = Proto().text(1, "pads").packed(8, {1, 1}).number(8, 2).number(20, 7);
  const auto value =
      Proto().text(1, "value").number(20, 4).message(5, Proto().number(1, 2).number(2, 7).packed(7, {1, -1}));
  const auto reference = Proto().text(1, "alpha").number(20, 1).text(21, "alpha");
  const auto function = Proto()
                            .text(1, "F")
                            .text(4, "p")
                            .text(5, "r")
                            .message(7, node("Elu", {"p"}, {"r"}).message(5, reference))
                            .message(9, Proto().number(2, 21))
                            .text(10, "local");
  const auto device = Proto().text(1, "two").number(3, 1).message(2, Proto().text(1, "y").number(2, 1));
  const auto sparse = Proto()
                          .message(1, tensor("s", {1}, 7, "12345678"))
                          .message(2, tensor("", {1}, 7, std::string(8, '\0')))
                          .number(3, 5);
  const auto graph =
      Proto()
          .text(2, "g")
          .message(1, node("Conv", {"x", "w"}, {"a"}, "conv").message(5, ints).message(10, device))
          .message(1, node("If", {"c"}, {"i"}).message(5, branch("then_branch")).message(5, branch("else_branch")))
          .message(1, node("Constant", {}, {"k"}).message(5, value))
          .message(1, node("F", {"a"}, {"y"}, "call").text(7, "local").message(9, Proto().text(1, "k").text(2, "v")))
          .message(5, tensor("w", {2, 1}, 1, "12345678"))
          .message(15, sparse)
          .message(11, value_info("x", {1, 3}))
          .message(11, value_info("c", {}, 9))
          .message(12, value_info("y", {1}));
  return model(graph)
      .message(8, Proto().text(1, "local").number(2, 1))
      .message(14, Proto().text(1, "k").text(2, "v"))
      .message(25, function)
      .message(26, Proto().text(1, "two").number(2, 2))
      .bytes;
}

/// All that a program does with a file; false if the file was refused, by ONNX's checker at the latest.
bool survives(std::string bytes) {
  const auto original = bytes;
  try {
    auto m = onnxio::read(base::Bytes::from(std::move(bytes), "m.onnx"), {.external_data = false});
    CHECK(onnxio::serialize(m) == original);
    for (const auto& tensor : m.graph.initializers) ir::read_doubles(m, tensor, 1000);
    m.edited = m.graph.edited = true;
    for (auto& node : m.graph.nodes) node.edited = true, node.metadata.clear();
    onnxio::serialize(m);
    const auto inlined = ir::inline_functions(m);
    ir::resolve(inlined.model);
    onnxio::check(m);
    return true;
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return false;
  }
}

std::vector<std::string> victims() {
  std::vector<std::string> result{rich_model()};
  for (const auto& path : corpus())
    for (const char* name : {"test_scan9_sum", "test_loop13_seq", "test_if_opt", "test_sequence_map_add_2_sequences"})
      if (path.find(name) != path.npos && std::filesystem::file_size(path) < 3000)
        result.push_back(base::read_text(path));
  return result;
}

}  // namespace

TEST_CASE("no truncation of a model crashes or reads as another one") {
  const Quiet quiet;
  CHECK(survives(rich_model()));
  for (const auto& bytes : victims())
    for (size_t size = 0; size < bytes.size(); ++size) survives(bytes.substr(0, size));
}

TEST_CASE("twenty thousand damaged models are read or refused") {
  const Quiet quiet;
  const auto start = std::chrono::steady_clock::now();
  const auto models = victims();
  base::Rng random(3);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    auto bytes = models[random.below(static_cast<uint32_t>(models.size()))];
    for (uint32_t flips = 1 + random.below(4); flips-- > 0;)
      bytes[random.below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(random.below(256));
    if (random.below(8) == 0) bytes.erase(random.below(static_cast<uint32_t>(bytes.size())), 1 + random.below(20));
    refused += !survives(bytes);
  }
  CHECK(refused > 10000);
  CHECK(refused < 20000);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes(2));
}
