// SPDX-License-Identifier: Apache-2.0
#include "train/event_file.h"

#include <cstring>

#include <catch2/catch.hpp>

#include "scratch_folder.h"

using namespace allot;
using test::content_of;
using test::ScratchFolder;

namespace {

template <typename Number>
Number number_at(const std::string& bytes, size_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

}  // namespace

TEST_CASE("CRC-32C has the values of RFC 3720") {
  CHECK(train::crc32c("123456789") == 0xE3069283);
  CHECK(train::crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(train::crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
  CHECK(train::crc32c("") == 0);
}

TEST_CASE("an event file is the bytes that TensorBoard's writer makes") {
  const ScratchFolder folder;
  {
    train::EventFile file(folder / "events");
    file.append({"train", 300, 2.5, {{"loss", 0.5}}}, 1000);
    file.flush();
  }
  const std::string bytes = content_of(folder / "events");
  const auto first = number_at<uint64_t>(bytes, 0);
  CHECK(bytes.substr(12, first).find("brain.Event:2") != std::string::npos);
  // Event {wall_time: 1002.5, step: 300, summary {value {tag: "train/loss", simple_value: 0.5}}}
  const std::string body("\x09\0\0\0\0\0\x54\x8f\x40\x10\xac\x02\x2a\x13\x0a\x11\x0a\x0atrain/loss\x15\0\0\0\x3f", 33);
  const size_t start = 12 + first + 4;
  REQUIRE(bytes.size() == start + 12 + body.size() + 4);
  CHECK(number_at<uint64_t>(bytes, start) == body.size());
  CHECK(bytes.substr(start + 12, body.size()) == body);
  const auto masked = [](uint32_t crc) { return (crc >> 15 | crc << 17) + 0xA282EAD8; };
  CHECK(number_at<uint32_t>(bytes, start + 8) == masked(train::crc32c(bytes.substr(start, 8))));
  CHECK(number_at<uint32_t>(bytes, start + 12 + body.size()) == masked(train::crc32c(body)));
}
