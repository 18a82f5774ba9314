// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "ir/payload.h"
#include "onnxio/folder.h"
#include "onnxio/proto.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

using namespace allot;
using namespace allot::test;
using Catch::Contains;

namespace {

Proto entry(std::string_view key, std::string_view value) { return Proto().text(1, key).text(2, value); }

/// An int8 tensor of four elements somewhere else.
Proto external(std::string_view location, const std::vector<Proto>& more = {}) {
  Proto proto = Proto().number(1, 4).number(2, 3).text(8, "w").message(13, entry("location", location));
  for (const auto& other : more) proto.message(13, other);
  return proto.number(14, 1);
}

std::string with(const Proto& tensor) { return model(Proto().text(2, "g").message(5, tensor)).bytes; }

struct Outcome {
  int code = 0;
  std::string text;
};
Outcome read_in(const Folder& folder, const Proto& tensor) {
  try {
    onnxio::read(folder.write("m.onnx", with(tensor)));
  } catch (const base::Error& error) {
    return {base::exit_code(error.kind()), error.what()};
  }
  return {};
}

}  // namespace

TEST_CASE("external elements are read in place, one mapping a file") {
  Folder folder;
  folder.write("data/w.bin", "..\1\2\3\4");
  const auto w = external("data/w.bin", {entry("offset", "2"), entry("length", "4"), entry("checksum", "ignored")});
  auto bytes = model(Proto().message(5, w).message(5, external("data/w.bin"))).bytes;
  const auto m = onnxio::read(folder.write("m.onnx", bytes));
  CHECK(ir::read_ints(m, m.graph.initializers[0], 9) == std::vector<int64_t>{1, 2, 3, 4});
  CHECK(ir::read_ints(m, m.graph.initializers[1], 9) == std::vector<int64_t>{'.', '.', 1, 2});
  CHECK(m.external.size() == 1);
  CHECK(onnxio::serialize(m) == bytes);
}

TEST_CASE("external files are not opened when nobody asks for them") {
  Folder folder;
  const auto path = folder.write("m.onnx", with(external("missing.bin")));
  const auto m = onnxio::read(path, {.external_data = false});
  CHECK(m.graph.initializers[0].payload.where == ir::Payload::Where::external);
  CHECK(ir::raw_bytes(m, m.graph.initializers[0]).empty());
  CHECK_FALSE(ir::read_ints(m, m.graph.initializers[0], 9));
}

TEST_CASE("external locations stay within the model's folder") {
  Folder outside, folder;
  const auto secret = outside.write("secret", "1234");
  folder.write("w.bin", "1234");
  folder.write("sub/w.bin", "1234");
  std::filesystem::create_symlink(secret, folder / "link.bin");
  std::filesystem::create_symlink(outside.path(), folder / "linked");
  std::filesystem::create_symlink("w.bin", folder / "inner.bin");
  folder.write("hard.bin", "1234");
  std::filesystem::create_hard_link(folder / "hard.bin", folder / "hard2.bin");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);

  CHECK(read_in(folder, external("./sub//w.bin")).code == 0);
  const auto refused = [&](std::string_view location, const std::string& why) {
    const auto outcome = read_in(folder, external(location));
    INFO(location);
    CHECK(outcome.code == 65);
    CHECK_THAT(outcome.text, Contains("m.onnx: initializer 'w': external data '") && Contains(why));
  };
  refused(secret, "is an absolute path");
  refused("../secret", "leaves the model's folder");
  refused("sub/../w.bin", "leaves the model's folder");
  refused("sub/../../secret", "leaves the model's folder");
  refused("..", "leaves the model's folder");
  refused("link.bin", "symbolic link");
  refused("linked/secret", "symbolic link");
  refused("inner.bin", "symbolic link");
  refused("hard.bin", "hard links");
  refused("fifo", "is not a regular file");
  refused("sub", "is not a regular file");
  refused("sub/", "names a folder");
  refused(".", "names a folder");
  refused(std::string_view("w.bin\0x", 7), "NUL");
  CHECK(read_in(folder, external("absent.bin")).code == 66);
  CHECK(read_in(folder, external("w.bin/x")).code == 66);
  CHECK_THAT(read_in(folder, external("absent.bin")).text, Contains("put it beside the model"));
}

TEST_CASE("external ranges must make sense and fit the file") {
  Folder folder;
  folder.write("w.bin", "12345");
  const auto refused = [&](const std::vector<Proto>& more, const std::string& why) {
    const auto outcome = read_in(folder, external("w.bin", more));
    CHECK(outcome.code == 65);
    CHECK_THAT(outcome.text, Contains(why));
  };
  CHECK(read_in(folder, external("w.bin", {entry("offset", "1")})).code == 0);
  refused({entry("offset", "2")}, "is 5 bytes long; the tensor needs 4 bytes at offset 2");
  refused({entry("offset", "-1")}, "offset '-1', which is no number");
  refused({entry("offset", "1x")}, "no number");
  refused({entry("offset", "")}, "no number");
  refused({entry("length", "99999999999999999999")}, "no number");
  refused({entry("offset", "18446744073709551615"), entry("length", "4")}, "is 5 bytes long");
  refused({entry("length", "3")}, "holds 3 bytes where its shape and type (int8) take 4");
  refused({entry("length", "4"), entry("length", "4")}, "two of the key 'length'");
  refused({entry("location", "w.bin")}, "two of the key 'location'");
  CHECK_THAT(read_in(folder, Proto().number(1, 4).number(2, 3).text(8, "w").number(14, 1)).text,
             Contains("has no location"));
  CHECK_THAT(read_in(folder, external("w.bin").text(9, "1234")).text, Contains("in two ways"));
}

TEST_CASE("external data follows the model into another folder") {
  Folder from, to;
  from.write("sub/w.bin", "1234");
  from.write("unused.bin", "x");
  const auto m = onnxio::read(from.write("m.onnx", with(external("sub/w.bin"))));
  using Paths = std::vector<std::string>;
  CHECK(onnxio::copy_external_data(m, from / "out.onnx", base::Replace::own).empty());
  CHECK(onnxio::copy_external_data(m, "-", base::Replace::own).empty());
  CHECK(onnxio::copy_external_data(m, to / "out.onnx", base::Replace::own) == Paths{to / "sub/w.bin"});
  CHECK(base::read_text(to / "sub/w.bin") == "1234");
  CHECK_FALSE(std::filesystem::exists(to / "unused.bin"));
  CHECK(onnxio::copy_external_data(m, to / "out.onnx", base::Replace::own).empty());  // the same already
  to.write("sub/w.bin", "4321");
  CHECK_THROWS_AS(onnxio::copy_external_data(m, to / "out.onnx", base::Replace::own), base::Error);
  CHECK(base::read_text(to / "sub/w.bin") == "4321");
  CHECK(onnxio::copy_external_data(m, to / "out.onnx", base::Replace::any) == Paths{to / "sub/w.bin"});
  CHECK(base::read_text(to / "sub/w.bin") == "1234");
}

TEST_CASE("a hundred thousand tensors share one file of more than 2 GiB") {
  Folder folder;
  constexpr int kTensors = 100000;
  constexpr int64_t kStep = 25000;  // bytes from one to the next
  folder.write("w.bin", "");
  REQUIRE(::truncate((folder / "w.bin").c_str(), kTensors * kStep) == 0);
  Proto graph = Proto().text(2, "g");
  for (int i = 0; i < kTensors; ++i)
    graph.message(5, Proto()
                         .number(1, 4)
                         .number(2, 3)
                         .text(8, "w" + std::to_string(i))
                         .message(13, entry("location", "w.bin"))
                         .message(13, entry("offset", std::to_string(i * kStep)))
                         .number(14, 1));
  const auto bytes = model(graph).bytes;
  auto m = onnxio::read(folder.write("m.onnx", bytes));
  CHECK(m.external.size() == 1);
  CHECK(m.external[0]->size() > (uint64_t{1} << 31));
  CHECK(ir::read_ints(m, m.graph.initializers.back(), 9) == std::vector<int64_t>{0, 0, 0, 0});
  onnxio::write(m, folder / "same.onnx", base::Replace::own);
  CHECK(base::read_text(folder / "same.onnx") == bytes);
}
