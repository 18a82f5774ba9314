// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <thread>

#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "base/safetensors.h"
#include "train/scratch_folder.h"

using namespace allot;
using base::Replace;
using test::content_of;
using test::error_of;
using test::has;
using test::put;

namespace {

constexpr const char* kSchema = "allot.test/2";

train::Checkpoint sample() {
  train::Checkpoint checkpoint{{{"schema", kSchema}, {"config", "a: 1\n"}}, {}};
  checkpoint.add("p.", {{"w", at::arange(6, at::kFloat).reshape({2, 3})}, {"b", at::full({}, 0.5, at::kFloat)}});
  checkpoint.add("s.", {{"d", at::full({2}, 0.1, at::kDouble)},
                        {"i", at::full({1}, int64_t{1} << 40, at::kLong)},
                        {"u", at::full({3}, 7, at::kByte)},
                        {"none", at::full({0, 4}, 0, at::kFloat)}});
  return checkpoint;
}

}  // namespace

TEST_CASE("a checkpoint is read as it was written") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c.safetensors";
  train::write_checkpoint(sample(), path, Replace::own);
  const auto read = train::read_checkpoint(path, kSchema);
  CHECK(read.metadata == sample().metadata);
  REQUIRE(read.tensors.size() == 6);
  for (const auto& [name, tensor] : sample().tensors) {
    const auto found = read.with_prefix(name);
    REQUIRE(found.size() == 1);
    CHECK(found[0].first.empty());
    CHECK(found[0].second.scalar_type() == tensor.scalar_type());
    CHECK(at::equal(found[0].second, tensor));
  }
  CHECK(read.with_prefix("p.").size() == 2);
  CHECK(read.with_prefix("p.")[0].first == "b");
  CHECK(read.text("config", path) == "a: 1\n");
  CHECK(error_of([&] { (void)read.text("seed", path); }) ==
        "65 " + path + ": metadata has no 'seed'; name a file that Allot wrote");
}

TEST_CASE("equal content gives equal bytes, whatever the order, and may be replaced") {
  const test::ScratchFolder folder;
  train::Checkpoint other = sample();
  std::reverse(other.tensors.begin(), other.tensors.end());
  train::write_checkpoint(sample(), folder / "a", Replace::own);
  train::write_checkpoint(other, folder / "b", Replace::own);
  CHECK(content_of(folder / "a") == content_of(folder / "b"));
  train::write_checkpoint(train::read_checkpoint(folder / "a", kSchema), folder / "a", Replace::own);
  CHECK(content_of(folder / "a") == content_of(folder / "b"));
}

TEST_CASE("long metadata does not hide that a checkpoint is ours") {
  const test::ScratchFolder folder;
  train::Checkpoint checkpoint = sample();
  checkpoint.metadata["config"] = std::string(10'000, '#');
  checkpoint.tensors.emplace_back("z", at::full({10'000}, 1, at::kFloat));
  for (int i = 0; i < 2; ++i) train::write_checkpoint(checkpoint, folder / "c", Replace::own);
  put(folder / "foreign", "notes");
  CHECK(error_of([&] { train::write_checkpoint(checkpoint, folder / "foreign", Replace::own); }).starts_with("73 "));
}

TEST_CASE("every truncation and every flipped byte is noticed") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c.safetensors", whole = folder / "whole";
  train::write_checkpoint(sample(), whole, Replace::own);
  const std::string bytes = content_of(whole);
  for (size_t size = 0; size < bytes.size(); ++size) {
    put(path, bytes.substr(0, size));
    const std::string error = error_of([&] { train::read_checkpoint(path, kSchema); });
    if (!error.starts_with("65 ") || !has(error, "restore the file from a copy")) FAIL(size << ": " << error);
  }
  const size_t metadata_end = bytes.find("a: 1") + 4;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    put(path, changed);
    if (changed[at] == '!' && bytes[at] == ' ') continue;  // padding of the header
    const std::string error = error_of([&] { train::read_checkpoint(path, kSchema); });
    if (!error.starts_with("65 ")) FAIL("byte " << at << " of " << bytes.size() << ": " << error);
  }
  std::string changed = bytes;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  put(path, changed);
  CHECK(has(error_of([&] { train::read_checkpoint(path, kSchema); }), "its hash is wrong"));
  changed = bytes;
  changed[metadata_end - 1] = '2';  // "a: 2"
  put(path, changed);
  CHECK(has(error_of([&] { train::read_checkpoint(path, kSchema); }), "its hash is wrong"));
}

TEST_CASE("another schema, a missing one and other files are told apart") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c";
  train::write_checkpoint(sample(), path, Replace::own);
  const auto error = [&](const std::string& schema) { return error_of([&] { train::read_checkpoint(path, schema); }); };
  CHECK(error("allot.policy/1") ==
        "65 " + path + ": has the schema allot.test/2; allot.policy/1 is needed; name another file");
  CHECK(has(error("allot.test/1"), "use the newer version of Allot that wrote it"));
  CHECK(has(error("allot.test/3"), "train again, or use the older version of Allot that wrote it"));

  base::write_safetensors(path, {}, {{"k", "v"}}, Replace::any);
  CHECK(has(error(kSchema), "it names none"));
  base::write_safetensors(path, {}, {{"schema", kSchema}}, Replace::any);
  CHECK(has(error(kSchema), "has no 'allot.sha256'"));
  put(path, "just text, long enough");
  CHECK(has(error(kSchema), "its safetensors header is longer than the file"));
  CHECK(error_of([&] { train::read_checkpoint(folder / "missing", kSchema); }).starts_with("66 "));
}

TEST_CASE("tensors of types that no checkpoint has are refused") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c";
  train::write_checkpoint({{{"schema", kSchema}}, {{"h", at::full({4}, 0, at::kFloat)}}}, path, Replace::own);
  std::string text = content_of(path);
  text.replace(text.find("\"F32\""), 5, "\"I32\"");
  put(path, text);
  CHECK(has(error_of([&] { train::read_checkpoint(path, kSchema); }),
            "tensor 'h' has the type I32, which no checkpoint has"));
}

TEST_CASE("a full disk leaves the old checkpoint and nothing else") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c";
  train::write_checkpoint(sample(), path, Replace::own);
  const std::string before = content_of(path);
  train::Checkpoint large = sample();
  large.tensors.emplace_back("large", at::full({1 << 20}, 1, at::kFloat));
  std::string error;
  {
    const test::FullDisk full(1 << 16);
    error = error_of([&] { train::write_checkpoint(large, path, Replace::own); });
  }
  CHECK(error.starts_with("74 "));
  CHECK(content_of(path) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
  CHECK(error_of([&] { train::write_checkpoint(large, "/dev/full", Replace::own); }) ==
        "74 /dev/full: cannot write: No space left on device; free some space");
}

TEST_CASE("a process that is killed while it saves leaves the old checkpoint or the new one") {
  const test::ScratchFolder folder;
  const std::string path = folder / "c";
  train::Checkpoint checkpoint = sample();
  checkpoint.tensors.emplace_back("large", at::full({1 << 18}, 1, at::kFloat));
  train::write_checkpoint(checkpoint, path, Replace::own);
  for (int kill = 0; kill < 8; ++kill) {
    const pid_t child = ::fork();
    if (child == 0)
      for (int i = 0;; ++i) {
        checkpoint.metadata["count"] = std::to_string(i);
        train::write_checkpoint(checkpoint, path, Replace::own);
      }
    std::this_thread::sleep_for(std::chrono::milliseconds(13 + 7 * kill));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    CHECK(train::read_checkpoint(path, kSchema).tensors.size() == 7);
  }
}
