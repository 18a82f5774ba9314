// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <csignal>

#include <unistd.h>

#include "cli/app.h"

namespace allot::cli {
namespace {

std::atomic<bool> stop{false};
std::atomic<int> stop_signal{0};
bool terminal = false;  // set before the handlers are installed

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void allot_on_stop(int number) {
  stop_signal = number;
  stop = true;
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  if (!terminal) return;
  constexpr char kNote[] = "\nstopping after saving; once more stops at once\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, kNote, sizeof kNote - 1);
}

}  // namespace

void install_signal_handlers() {
  stop_signal = 0;
  stop = false;
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe shows as EPIPE of the write
  terminal = ::isatty(STDERR_FILENO) != 0;
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    // A shell starts background jobs with SIGINT ignored; they stay that way.
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = allot_on_stop;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, nullptr);
  }
}

const std::atomic<bool>& stop_requested() { return stop; }

int stop_exit_code() {
  const int number = stop_signal;
  return number == 0 ? 0 : 128 + number;
}

}  // namespace allot::cli
