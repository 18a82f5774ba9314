// SPDX-License-Identifier: Apache-2.0
// Messages for people, on standard error and an optional file; never on standard output.
#pragma once

#include <string>
#include <string_view>

#include <fmt/core.h>

namespace allot::base {

enum class LogLevel { quiet = 0, warning = 1, info = 2, verbose = 3, debug = 4 };

/// Process-wide, thread-safe. `color` decides about escape codes on standard error.
struct LogOptions {
  std::string program;  // written before warnings and errors
  LogLevel level = LogLevel::info;
  bool color = false;
  std::string file;  // appended to when not empty
};
/// Errors: cannot_create when the log file cannot be opened.
void configure_log(const LogOptions& options);
LogLevel log_level();
void log_line(LogLevel level, std::string_view text);

// Arguments are formatted only when the level is on.
template <typename... Args>
void log_at(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level <= log_level()) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::warning, format, std::forward<Args>(args)...);
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::info, format, std::forward<Args>(args)...);
}
template <typename... Args>
void verbose(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::verbose, format, std::forward<Args>(args)...);
}

}  // namespace allot::base
