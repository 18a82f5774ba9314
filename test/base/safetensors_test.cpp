// SPDX-License-Identifier: Apache-2.0
#include "base/safetensors.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"

using namespace allot::base;

namespace {

const std::string kPath =
    (std::filesystem::temp_directory_path() / ("allot_st." + std::to_string(::getpid()))).string();

std::string file_of(const std::string& header, const std::string& data = "") {
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return length + header + data;
}

bool accepts(const std::string& content) {
  std::ofstream(kPath, std::ios::binary) << content;  // without the fsync of write_file: thousands of cases
  try {
    read_safetensors(kPath);
    return true;
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::malformed);
    return false;
  }
}

}  // namespace

TEST_CASE("safetensors round-trip with metadata, equal content gives equal bytes") {
  const std::vector<float> floats = {1.5f, -2.0f, 3.25f, 0.0f, 5.0f, 6.0f};
  const std::vector<int32_t> ints = {7, -8};
  const auto write = [&] {
    write_safetensors(kPath,
                      {{"f", "F32", {2, 3}, std::as_bytes(std::span(floats))},
                       {"i", "I32", {2}, std::as_bytes(std::span(ints))},
                       {"none", "F64", {0, 4}, {}}},
                      {{"schema", "allot.test/1"}, {"b", "\"quoted\""}}, Replace::any);
    return read_text(kPath);
  };
  const std::string bytes = write();
  CHECK(write() == bytes);
  const auto read = read_safetensors(kPath);
  CHECK(read.metadata.at("b") == "\"quoted\"");
  CHECK(read.tensors.at("f").shape == std::vector<int64_t>{2, 3});
  CHECK(std::memcmp(read.tensors.at("f").data.data(), floats.data(), 24) == 0);
  CHECK(std::memcmp(read.tensors.at("i").data.data(), ints.data(), 8) == 0);
  CHECK(read.tensors.at("none").data.empty());
  CHECK(written_by_allot(kPath));
}

TEST_CASE("malformed safetensors are refused") {
  CHECK(accepts(file_of(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "abc")));
  for (const char* header : {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,3]}})",   // size and shape disagree
                             R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})",   // outside
                             R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[3,0]}})",   // backwards
                             R"({"a":{"dtype":"U9","shape":[3],"data_offsets":[0,3]}})",   // no such dtype
                             R"({"a":{"dtype":"U8","shape":[-3],"data_offsets":[0,3]}})",  // negative
                             R"({"a":{"dtype":"U8","shape":[4611686018427387904,8],"data_offsets":[0,3]}})",
                             R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",  // a byte is left over
                             R"({"a":{"dtype":"U8","shape":[3]}})",                       // no offsets
                             R"({"a":3})", R"([])", R"({)"})
    CHECK_FALSE(accepts(file_of(header, "abc")));
  CHECK_FALSE(accepts(""));
  CHECK_FALSE(accepts(std::string(8, '\xff')));
  CHECK_FALSE(accepts(file_of(
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
      "abc")));
}

TEST_CASE("random damage never does more than throw") {
  const std::string good =
      file_of(R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "01234567");
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good.substr(0, rng.below(static_cast<uint32_t>(good.size() + 1)));
    if (!bad.empty()) bad[rng.below(static_cast<uint32_t>(bad.size()))] = static_cast<char>(rng.next_u32());
    accepts(bad);
  }
  std::filesystem::remove(kPath);
}
