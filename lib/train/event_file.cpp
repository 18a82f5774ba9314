// SPDX-License-Identifier: Apache-2.0
#include "train/event_file.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace allot::train {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // of CRC-32C, reflected

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = (table[i] >> 1) ^ (table[i] & 1 ? kPolynomial : 0);
  }
  return table;
}();

/// TFRecord stores checksums turned and shifted, since one over data that holds one is of little use.
uint32_t masked(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8; }

template <typename Number>
std::string bytes_of(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

// Fields of protobuf messages: the tag is number * 8 + wire type (0 varint, 1 fixed64, 2 length, 5 fixed32).
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_varint(out, static_cast<uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

/// Event: wall_time = 1 (double), step = 2 (int64).
std::string event_head(double wall_time, int64_t step) {
  std::string event(1, '\x09');
  event += bytes_of(wall_time);
  event += '\x10';
  put_varint(event, static_cast<uint64_t>(step));
  return event;
}

/// Summary.Value: tag = 1 (string), simple_value = 2 (float).
std::string summary_value(std::string_view tag, double value) {
  std::string message;
  put_bytes(message, 1, tag);
  message += '\x15';
  return message + bytes_of(static_cast<float>(value));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

EventFile::EventFile(const std::string& path) : path_(path), file_(path, std::ios::binary | std::ios::trunc) {
  if (!file_)
    throw base::Error(base::ErrorKind::cannot_create, base::printable(path), "cannot be written",
                      "check that nothing of this name is in the way");
  std::string event = event_head(0, 0);
  put_bytes(event, 3, "brain.Event:2");  // file_version
  write(event);
}

void EventFile::append(const Record& record, double began) {
  std::string summary;
  for (const auto& [name, value] : record.metrics)
    put_bytes(summary, 1, summary_value(record.phase + "/" + name, value));
  std::string event = event_head(began + record.seconds, record.step);
  put_bytes(event, 5, summary);
  write(event);
}

void EventFile::write(std::string_view event) {
  const std::string length = bytes_of(uint64_t{event.size()});
  file_ << length << bytes_of(masked(length)) << event << bytes_of(masked(event));
}

void EventFile::flush() {
  if (!file_.flush()) throw base::Error(base::ErrorKind::io, base::printable(path_), "cannot write", "free some space");
}

}  // namespace allot::train
