// SPDX-License-Identifier: Apache-2.0
// One thread a device, bound to its cores for good: torch keeps a pool of its own for every thread that computes.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "run/devices.h"

namespace allot::run {

class Crew {
 public:
  explicit Crew(const std::vector<LocalDevice>& devices);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// body(device) on the thread of every device at the same time; waits for all. `failed` is told as soon as one
  /// throws, so that it can wake the others. Throws what the first that failed threw.
  void run(const std::function<void(size_t)>& body, const std::function<void()>& failed);

 private:
  void serve(size_t device, const LocalDevice& where);

  std::mutex mutex_;
  std::condition_variable started_, finished_;
  const std::function<void(size_t)>* body_ = nullptr;
  const std::function<void()>* failed_ = nullptr;
  uint64_t round_ = 0;
  size_t busy_ = 0;
  bool ends_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace allot::run
