// SPDX-License-Identifier: Apache-2.0
#include "data/bpe.h"

#include <functional>
#include <queue>
#include <tuple>

namespace allot::data {
namespace {

void append_utf8(std::string& text, uint32_t point) {  // below U+0800
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else {
    text += static_cast<char>(0xC0 | point >> 6);
    text += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// Whether a byte, as a code point of Latin-1, can be seen.
bool is_printable(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// A pair that may be merged, unless one of the two was meanwhile.
struct Candidate {
  uint32_t rank, place;
  bool operator>(const Candidate& other) const { return std::tie(rank, place) > std::tie(other.rank, other.place); }
};

}  // namespace

const std::array<std::string, 256>& byte_characters() {
  static const std::array<std::string, 256> characters = [] {
    std::array<std::string, 256> made;
    uint32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) append_utf8(made[byte], is_printable(byte) ? byte : next++);
    return made;
  }();
  return characters;
}

const std::array<unsigned char, 256>& byte_order() {
  static const std::array<unsigned char, 256> order = [] {
    std::array<unsigned char, 256> made{};
    size_t count = 0;
    for (const bool printable : {true, false})
      for (unsigned byte = 0; byte < 256; ++byte)
        if (is_printable(byte) == printable) made[count++] = static_cast<unsigned char>(byte);
    return made;
  }();
  return order;
}

std::optional<std::string> bytes_of_characters(std::string_view characters) {
  static const std::unordered_map<std::string_view, char> byte_of = [] {
    std::unordered_map<std::string_view, char> made;
    for (unsigned byte = 0; byte < 256; ++byte) made.emplace(byte_characters()[byte], static_cast<char>(byte));
    return made;
  }();
  std::string bytes;
  for (size_t i = 0; i < characters.size();) {
    const size_t length = static_cast<unsigned char>(characters[i]) < 0x80 ? 1 : 2;
    const auto found = byte_of.find(characters.substr(i, length));
    if (found == byte_of.end()) return std::nullopt;
    bytes += found->second;
    i += length;
  }
  return bytes;
}

void Merges::add(uint32_t left, uint32_t right, uint32_t merged) {
  merges_.insert_or_assign(uint64_t{left} << 32 | right, Merge{next_rank_++, merged});
}

const Merges::Merge* Merges::find(uint32_t left, uint32_t right) const {
  const auto found = merges_.find(uint64_t{left} << 32 | right);
  return found == merges_.end() ? nullptr : &found->second;
}

void Merges::apply(std::vector<uint32_t>& tokens) const {
  const auto count = static_cast<uint32_t>(tokens.size());
  std::vector<uint32_t> next(count), previous(count);  // neighbours among those that are left; `count` is none
  for (uint32_t i = 0; i < count; ++i) next[i] = i + 1, previous[i] = i == 0 ? count : i - 1;
  std::vector<bool> gone(count);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto offer = [&](uint32_t place) {
    if (place == count || next[place] == count) return;
    if (const Merge* merge = find(tokens[place], tokens[next[place]])) candidates.push({merge->rank, place});
  };
  for (uint32_t i = 0; i < count; ++i) offer(i);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    const uint32_t place = best.place;
    if (gone[place] || next[place] == count) continue;
    const uint32_t right = next[place];
    const Merge* merge = find(tokens[place], tokens[right]);
    if (!merge || merge->rank != best.rank) continue;
    tokens[place] = merge->merged;
    gone[right] = true;
    next[place] = next[right];
    if (next[place] != count) previous[next[place]] = place;
    offer(previous[place]);
    offer(place);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; ++i)
    if (!gone[i]) tokens[kept++] = tokens[i];
  tokens.resize(kept);
}

}  // namespace allot::data
