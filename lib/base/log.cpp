// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "base/error.h"

namespace allot::base {
namespace {

std::mutex mutex;
std::atomic<LogLevel> level{LogLevel::info};
LogOptions current;
std::FILE* file = nullptr;

}  // namespace

void configure_log(const LogOptions& options) {
  const std::scoped_lock lock(mutex);
  if (file) std::fclose(file), file = nullptr;
  if (!options.file.empty() && !(file = std::fopen(options.file.c_str(), "a")))
    throw Error(ErrorKind::cannot_create, printable(options.file),
                fmt::format("cannot open the log file: {}", std::strerror(errno)), "check --log");
  current = options;
  level = options.level;
}

LogLevel log_level() { return level; }

void log_line(LogLevel line_level, std::string_view text) {
  const std::scoped_lock lock(mutex);
  const bool warning = line_level == LogLevel::warning;
  const std::string prefix = warning ? (current.program.empty() ? "" : current.program + ": ") + "warning: " : "";
  // fputs, whose failure is ignored: a closed standard error is no reason to stop.
  const std::string line = fmt::format("{}{}{}{}\n", warning && current.color ? "\033[33m" : "", prefix, text,
                                       warning && current.color ? "\033[0m" : "");
  std::fputs(line.c_str(), stderr);
  if (file) std::fputs((prefix + std::string(text) + '\n').c_str(), file), std::fflush(file);
}

}  // namespace allot::base
