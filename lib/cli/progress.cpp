// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/units.h"

namespace allot::cli {
namespace {

constexpr std::chrono::milliseconds kTerminalInterval{200}, kPlainInterval{10'000};

/// 12345 -> "12,345".
std::string grouped(uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

}  // namespace

std::string progress_line(const std::string& what, uint64_t done, uint64_t total, double seconds,
                          const std::string& best) {
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = base::printable(what);
  if (total > 0) {
    const double percent = 100.0 * static_cast<double>(std::min(done, total)) / static_cast<double>(total);
    line += fmt::format("  {:.0f}%  {}/{}", percent, grouped(done), grouped(total));
  } else {
    line += "  " + grouped(done);
  }
  if (rate > 0) line += fmt::format("  {}", config::human_count(rate, "/s"));
  if (rate > 0 && done < total) line += "  ETA " + config::human_time(static_cast<double>(total - done) / rate);
  if (!best.empty()) line += "  best " + base::printable(best);
  return line;
}

Progress::Progress(std::string what, uint64_t total)
    : what_(std::move(what)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      printed_(start_),
      terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (any_ && terminal_) print(done_, best_, true);
}

void Progress::update(uint64_t done, const std::string& best) {
  done_ = done;
  best_ = best;
  const auto now = std::chrono::steady_clock::now();
  if (now - printed_ < (terminal_ ? kTerminalInterval : kPlainInterval)) return;
  printed_ = now;
  print(done, best, false);
}

void Progress::print(uint64_t done, const std::string& best, bool last) {
  if (base::log_level() < base::LogLevel::info) return;
  any_ = true;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const std::string line = progress_line(what_, done, total_, elapsed.count(), best);
  if (!terminal_) return base::log_line(base::LogLevel::info, line);
  std::fputs(("\r" + line + "\033[K" + (last ? "\n" : "")).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace allot::cli
