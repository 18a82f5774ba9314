// SPDX-License-Identifier: Apache-2.0
// What every fuzz target shares. A target is one file that defines `parse`: any bytes must end in a result or in a
// base::Error that blames the input. Linked with libFuzzer by scripts/fuzz.sh, and with replay.cpp for the tests.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"

namespace allot::fuzz {

/// Bytes under a path, for readers that take one.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// The target's subject.
void parse(std::string_view bytes);

/// Runs the target; an error that blames Allot itself is a finding.
inline void attempt(std::string_view bytes) {
  static const bool quiet = (base::configure_log({.program = "fuzz", .level = base::LogLevel::quiet, .file = {}}), true);
  (void)quiet;
  try {
    parse(bytes);
  } catch (const base::Error& error) {
    if (error.kind() == base::ErrorKind::internal) throw;
  }
}

}  // namespace allot::fuzz

