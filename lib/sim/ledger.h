// SPDX-License-Identifier: Apache-2.0
// Memory of each device over time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/simulator.h"

namespace allot::sim {

/// `bytes` as a device hands them out: rounded up to its alignment.
inline int64_t block_bytes(int64_t bytes, int64_t align) {
  if (align <= 1) return bytes;
  const bool power_of_two = (align & (align - 1)) == 0;  // spares the division in the usual case
  return power_of_two ? (bytes + align - 1) & -align : (bytes + align - 1) / align * align;
}

/// Instants are closed by settle(). What was held before and is given back at an instant is gone before anything new
/// counts; what is both taken and given back there counts for that instant.
class Ledger {
 public:
  explicit Ledger(const cluster::Cluster& cluster) : excesses_(cluster.size()) {
    for (const cluster::Device& device : cluster.devices)
      accounts_.push_back(
          {.align = std::max<int64_t>(1, device.align_bytes), .capacity = std::max<int64_t>(0, device.usable_bytes())});
  }

  /// `record`: report() tells the level at all times.
  void clear(bool record = false) {
    for (Account& account : accounts_) account = {.align = account.align, .capacity = account.capacity};
    touched_ = all();  // so that the first instant counts what is always there
    recorded_ = record ? all() : 0;
    points_.assign(record ? accounts_.size() : 0, {});
  }

  int64_t block(int64_t bytes, DeviceId device) const { return block_bytes(bytes, accounts_[device].align); }

  void take(DeviceId device, int64_t bytes) {
    accounts_[device].level += bytes;
    touched_ |= uint64_t{1} << device;
  }

  /// As if so many bytes more (or fewer) had been held since the beginning. Where it first ran out is forgotten.
  void shift(DeviceId device, int64_t bytes) {
    accounts_[device].level += bytes;
    accounts_[device].peak += bytes;
  }

  /// Gives back what was taken at `since`.
  void give_back(DeviceId device, int64_t bytes, int64_t since, int64_t now) {
    Account& account = accounts_[device];
    (since == now ? account.passing : account.level) += since == now ? bytes : -bytes;
    touched_ |= recorded_ & uint64_t{1} << device;
  }

  /// `op_at(device)`: the op that runs there or ends now, or kNone; `held_at(device)`: what is held there.
  template <typename OpAt, typename HeldAt = std::vector<Held> (*)(DeviceId)>
  void settle(
      int64_t now, const OpAt& op_at, const HeldAt& held_at = [](DeviceId) { return std::vector<Held>{}; }) {
    for (; touched_ != 0; touched_ &= touched_ - 1) {
      const auto device = static_cast<DeviceId>(__builtin_ctzll(touched_));
      Account& account = accounts_[device];
      if (account.level > account.peak) {
        if (account.level > account.capacity && account.peak <= account.capacity)
          excesses_[device] = {.device = device, .time_ps = now, .op = op_at(device), .held = held_at(device)};
        account.peak = account.level;
      }
      if (recorded_ != 0) add_point(device, now);
      account.level -= account.passing;
      if (recorded_ != 0) add_point(device, now);
      account.passing = 0;
    }
  }

  /// Sum over devices of the largest excess so far.
  int64_t overflow_bytes() const {
    int64_t sum = 0;
    for (const Account& account : accounts_) sum += std::max<int64_t>(0, account.peak - account.capacity);
    return sum;
  }

  void report(Outcome& outcome) const {
    for (DeviceId device = 0; device < accounts_.size(); ++device) {
      const Account& account = accounts_[device];
      outcome.peak_bytes[device] = account.peak;
      const int64_t over = account.peak - account.capacity;
      if (over <= 0) continue;
      outcome.overflow_bytes += over;
      outcome.out_of_memory.push_back(excesses_[device]);
      outcome.out_of_memory.back().over_bytes = over;
    }
    outcome.memory = points_;
    for (auto& points : outcome.memory)
      if (points.back().time_ps < outcome.makespan_ps) points.push_back({outcome.makespan_ps, points.back().bytes});
  }

 private:
  struct Account {
    int64_t align = 1, capacity = 0;
    int64_t level = 0;
    int64_t passing = 0;  // of the level, what is gone after this instant
    int64_t peak = 0;
  };
  /// Whoever counts memory in another order than that of time gets what is counted later later.
  void add_point(DeviceId device, int64_t now) {
    auto& points = points_[device];
    if (points.empty())
      points.push_back({0, accounts_[device].level});
    else if (points.back().bytes != accounts_[device].level)
      points.push_back({std::max(now, points.back().time_ps), accounts_[device].level});
  }
  uint64_t all() const { return ~uint64_t{0} >> (64 - accounts_.size()); }

  std::vector<Account> accounts_;
  std::vector<OutOfMemory> excesses_;  // the first of each device
  std::vector<std::vector<MemoryPoint>> points_;
  uint64_t touched_ = 0;   // devices whose level may have a new peak or point at this instant
  uint64_t recorded_ = 0;  // devices whose points are wanted
};

}  // namespace allot::sim
