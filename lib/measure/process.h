// SPDX-License-Identifier: Apache-2.0
// A child process that is talked to in frames or whose output is read, and that can neither hang nor outlive its
// parent.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace allot::measure {

using Deadline = std::chrono::steady_clock::time_point;
/// `seconds` from now, at most 10^9.
Deadline deadline_after(double seconds);

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close();

 private:
  int fd_;
};

/// Runs in a process group of its own, which is killed as a whole, and dies with the thread that started it. Every
/// wait has a deadline, takes in standard error (told at --verbose), and ends when the user stops the command.
/// A frame is its length, 8 bytes little-endian, and then its bytes.
///
/// Errors of all that waits: check_failed when the process ended, telling how ("killed by signal 9 (out of memory?)",
/// "exit code 3: its last line on standard error"), when the deadline passed, or when a frame is longer than
/// kMostFrameBytes; base::Stopped. Each of these leaves the process dead and reaped.
class Process {
 public:
  static constexpr size_t kMostFrameBytes = size_t{1} << 28, kMostTextBytes = size_t{1} << 20;

  /// `name` is for messages; arguments[0] is the program, looked up in PATH; `frames`: it is written to.
  /// Errors: unavailable when it cannot be started.
  Process(std::string name, const std::vector<std::string>& arguments, bool frames);
  /// end()s it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(std::string_view message, Deadline deadline);
  std::string receive(Deadline deadline);
  /// Whether something arrives, or the process ends, before the deadline. If not, it goes on.
  bool hears(Deadline deadline);

  /// What it writes to standard output until it exits: the last kMostTextBytes of it. Errors: also an exit code other
  /// than 0.
  std::string output(Deadline deadline);

  /// Closes its input and gives it a moment to exit by itself; then its group is killed.
  void end();
  /// Kills its group at once.
  void abandon() { finish(); }
  pid_t id() const { return pid_; }

 private:
  /// Until `fd` is ready for `events`, or the process has ended.
  void await(int fd, short events, Deadline deadline);
  /// The same; false at the deadline.
  bool is_ready(int fd, short events, Deadline deadline);
  void read_exactly(std::string& bytes, size_t count, Deadline deadline);
  void take_errors();
  void note_errors(std::string_view text);
  bool has_ended() const;
  /// Kills what is left of the group and reaps. Returns how the process ended, in words.
  std::string finish();
  [[noreturn]] void fail_ended();
  [[noreturn]] void fail(std::string_view what, std::string_view fix);

  std::string name_;
  pid_t pid_ = -1;  // -1: reaped
  int status_ = 0;  // as waitpid() gives it
  Descriptor input_, output_, errors_;
  std::string last_line_, open_line_;  // of standard error
};

}  // namespace allot::measure
