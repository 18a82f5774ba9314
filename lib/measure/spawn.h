// SPDX-License-Identifier: Apache-2.0
// How a child process is started.
#pragma once

#include <string>
#include <vector>

#include "measure/process.h"

namespace allot::measure {

/// Our ends of what the process reads and writes; none of them blocks on reading.
struct Spawned {
  pid_t pid = -1;
  Descriptor input;  // a socket, so that writing to a dead process raises no signal; none if not asked for
  Descriptor output, errors;
};

/// Starts arguments[0], found in PATH, in a process group of its own. It gets SIGKILL when the thread that called this
/// ends. Without `input` it reads an empty file. Errors: unavailable when it cannot be started.
Spawned spawn(const std::string& name, const std::vector<std::string>& arguments, bool input);

}  // namespace allot::measure
