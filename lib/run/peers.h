// SPDX-License-Identifier: Apache-2.0
// Devices of one run in processes of their own: rank 0 is the first device, and gets what all of them give.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "dist/ranks.h"
#include "run/device_run.h"

namespace allot::run {

/// What a rank made of the results, and how long it took. Times are relative to the begin of its run.
struct Share {
  double seconds = 0;
  int64_t peak_bytes = 0;
  std::vector<std::pair<uint32_t, exec::Value>> outputs, gradients;  // by number of output and of parameter
  std::vector<Event> events;
};

/// One run; a failed one leaves the ranks out of step, so that no other can follow.
class Peers {
 public:
  /// Waits until all ranks are here. Messages for this device go to `mailbox` from now on.
  Peers(dist::Ranks& ranks, Mailbox& mailbox);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  void send(DeviceId to, const Message& message);
  /// This rank has failed: ends the run of all others.
  void tell(const base::Error& error);
  /// Throws the error of another rank, if one has told.
  void check() const;
  /// Rank 0 gets the shares of all, by rank; the others send theirs and get none. All leave together.
  std::vector<Share> gather(Share mine, Clock::time_point begin);

 private:
  void take_in();
  void dispatch(const dist::Received& received);
  bool has_failed() const;

  dist::Ranks& ranks_;
  Mailbox& mailbox_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<base::Error> error_;  // of another rank
  std::vector<std::pair<uint32_t, std::string>> shares_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace allot::run
