// SPDX-License-Identifier: Apache-2.0
// A hash table from names to numbers, for graphs with a million of them.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "ir/model.h"

namespace allot::ir {

/// Open addressing with linear probing, at most half full: a look-up mostly takes one cache line of slots and one of
/// the name. The names are views that must outlive the table.
class NameTable {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  void reserve(size_t names) {
    size_t slots = 16;
    while (slots < 2 * names) slots *= 2;
    if (slots > slots_.size()) rehash(slots);
  }

  /// The number stored for `name`, or kNone.
  uint32_t find(Str name) const { return slots_.empty() ? kNone : slots_[probe(name, hash(name))].number; }
  bool contains(Str name) const { return find(name) != kNone; }

  /// Stores `number` (not kNone) unless `name` has one; returns the number it has now and whether it is new.
  std::pair<uint32_t, bool> insert(Str name, uint32_t number) {
    reserve(size_ + 1);
    const uint32_t code = hash(name);
    Slot& slot = slots_[probe(name, code)];
    if (slot.number != kNone) return {slot.number, false};
    slot = {name, code, number};
    ++size_;
    return {number, true};
  }

  /// Calls visit(name, number) in no particular order.
  template <typename Visit>
  void each(Visit visit) const {
    for (const Slot& slot : slots_)
      if (slot.number != kNone) visit(slot.name, slot.number);
  }

 private:
  struct Slot {
    Str name;
    uint32_t hash = 0;
    uint32_t number = kNone;
  };

  static uint32_t hash(Str name) {
    const uint64_t code = std::hash<Str>{}(name);
    return static_cast<uint32_t>(code ^ code >> 32);
  }

  /// Where `name` is, or the free slot where it would go.
  size_t probe(Str name, uint32_t code) const {
    const size_t mask = slots_.size() - 1;
    size_t i = code & mask;
    while (slots_[i].number != kNone && !(slots_[i].hash == code && slots_[i].name == name)) i = (i + 1) & mask;
    return i;
  }

  void rehash(size_t slots) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.number != kNone) slots_[probe(slot.name, slot.hash)] = slot;
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace allot::ir
