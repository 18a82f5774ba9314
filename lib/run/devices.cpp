// SPDX-License-Identifier: Apache-2.0
#include "run/devices.h"

#include <sched.h>

#include <algorithm>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "base/error.h"

namespace allot::run {
namespace {

c10::Device torch_device(const DeviceRequest& request) {
  if (!request.is_cuda) return c10::kCPU;
  const int present = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (request.index >= 0 && request.index < present) return {c10::kCUDA, static_cast<c10::DeviceIndex>(request.index)};
  throw base::Error(base::ErrorKind::unavailable, fmt::format("device '{}'", base::printable(request.name)),
                    fmt::format("is GPU {}, but LibTorch finds {} of them", request.index, present),
                    "run with --emulate, which gives every device cores of the processor");
}

}  // namespace

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  if (cores.empty()) cores.push_back(0);
  return cores;
}

std::vector<LocalDevice> find_devices(const std::vector<DeviceRequest>& requests, unsigned threads) {
  std::vector<int> cores = usable_cores();
  if (threads > 0 && threads < cores.size()) cores.resize(threads);
  const auto num_cpus =
      static_cast<size_t>(std::count_if(requests.begin(), requests.end(), [](const auto& r) { return !r.is_cuda; }));
  std::vector<LocalDevice> devices;
  size_t cpus = 0, next = 0;
  for (const DeviceRequest& request : requests) {
    LocalDevice device{request.name, torch_device(request), {}};
    if (request.is_cuda) {
      device.cores = {cores.back()};
    } else if (num_cpus >= cores.size()) {
      device.cores = {cores[cpus++ % cores.size()]};
    } else {
      const size_t share = cores.size() / num_cpus + (cpus++ < cores.size() % num_cpus);
      device.cores.assign(cores.begin() + static_cast<ptrdiff_t>(next),
                          cores.begin() + static_cast<ptrdiff_t>(next + share));
      next += share;
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

void bind_to(const LocalDevice& device) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : device.cores) CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);  // fails only for cores that were taken away since: then the thread roams
  at::get_num_threads();                   // before the first call the next one would be overwritten by the default
  at::set_num_threads(static_cast<int>(device.cores.size()));
}

}  // namespace allot::run
