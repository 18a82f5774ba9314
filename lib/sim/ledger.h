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
  explicit Ledger(const cluster::Cluster& cluster) {
    for (const cluster::Device& device : cluster.devices)
      accounts_.push_back(
          {.align = std::max<int64_t>(1, device.align_bytes), .capacity = std::max<int64_t>(0, device.usable_bytes())});
  }

  void clear() {
    for (Account& account : accounts_) account = {.align = account.align, .capacity = account.capacity};
    touched_ = all();  // so that the first instant counts what is always there
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
  }

  /// `op_at(device)`: the op that runs there or ends now, or kNone.
  template <typename OpAt>
  void settle(int64_t now, const OpAt& op_at) {
    for (; touched_ != 0; touched_ &= touched_ - 1) {
      const auto device = static_cast<DeviceId>(__builtin_ctzll(touched_));
      Account& account = accounts_[device];
      if (account.level > account.capacity && account.peak <= account.capacity)
        account.first_excess_ps = now, account.op = op_at(device);
      account.peak = std::max(account.peak, account.level);
      account.level -= account.passing;
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
      outcome.out_of_memory.push_back(
          {.device = device, .time_ps = account.first_excess_ps, .over_bytes = over, .op = account.op});
    }
  }

 private:
  struct Account {
    int64_t align = 1, capacity = 0;
    int64_t level = 0;
    int64_t passing = 0;  // of the level, what is gone after this instant
    int64_t peak = 0;
    int64_t first_excess_ps = 0;
    uint32_t op = graph::kNone;  // at the first excess
  };
  uint64_t all() const { return ~uint64_t{0} >> (64 - accounts_.size()); }

  std::vector<Account> accounts_;
  uint64_t touched_ = 0;  // devices that took memory at this instant
};

}  // namespace allot::sim
