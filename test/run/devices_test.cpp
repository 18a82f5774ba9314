// SPDX-License-Identifier: Apache-2.0
#include "run/devices.h"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace allot;

TEST_CASE("devices: cores are shared evenly and never twice while there are enough") {
  const auto cores = run::usable_cores();
  for (size_t count = 1; count <= cores.size() + 2; ++count) {
    const auto devices = run::find_devices(std::vector<run::DeviceRequest>(count, {"cpu", false, 0}), 0);
    REQUIRE(devices.size() == count);
    std::vector<int> given;
    for (const auto& device : devices) {
      REQUIRE_FALSE(device.cores.empty());
      given.insert(given.end(), device.cores.begin(), device.cores.end());
    }
    std::sort(given.begin(), given.end());
    if (count <= cores.size())
      CHECK(given == cores);
    else
      CHECK(given.size() == count);
  }
  CHECK(run::find_devices({{"cpu", false, 0}}, 1)[0].cores.size() == 1);
}
