// SPDX-License-Identifier: Apache-2.0
#include "measure/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/stopped.h"
#include "cli/app.h"
#include "measure/spawn.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{100};     // how soon a stop is noticed that another thread was interrupted by
constexpr milliseconds kGrace{5'000};  // to exit after the end of input
constexpr size_t kMostLineBytes = 4096;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

std::string signal_text(int number) {
  std::string text = fmt::format("killed by signal {}", number);
  if (number == SIGKILL) return text + " (out of memory?)";
  return fmt::format("{} ({})", text, ::strsignal(number));
}

}  // namespace

Deadline deadline_after(double seconds) {
  using Seconds = std::chrono::duration<double>;
  return steady_clock::now() +
         std::chrono::duration_cast<steady_clock::duration>(Seconds(std::clamp(seconds, 0.0, 1e9)));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) close(), fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Process::Process(std::string name, const std::vector<std::string>& arguments, bool frames) : name_(std::move(name)) {
  Spawned spawned = spawn(name_, arguments, frames);
  pid_ = spawned.pid;
  input_ = std::move(spawned.input);
  output_ = std::move(spawned.output);
  errors_ = std::move(spawned.errors);
}

Process::~Process() { end(); }

void Process::send(std::string_view message, Deadline deadline) {
  if (pid_ < 0) fail_ended();
  std::string frame(8, '\0');
  for (size_t i = 0; i < 8; ++i) frame[i] = static_cast<char>(uint64_t{message.size()} >> (8 * i));
  frame += message;
  for (size_t sent = 0; sent < frame.size();) {
    await(input_.get(), POLLOUT, deadline);
    const ssize_t count = ::send(input_.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) sent += static_cast<size_t>(count);
    if (count < 0 && (!would_block(errno) || has_ended())) fail_ended();
  }
}

std::string Process::receive(Deadline deadline) {
  if (pid_ < 0) fail_ended();
  std::string head, message;
  read_exactly(head, 8, deadline);
  uint64_t size = 0;
  for (size_t i = 0; i < 8; ++i) size |= uint64_t{static_cast<unsigned char>(head[i])} << (8 * i);
  if (size > kMostFrameBytes)
    fail(fmt::format("sent a message of {} bytes", size), "it must write nothing but messages to standard output");
  read_exactly(message, size, deadline);
  return message;
}

bool Process::hears(Deadline deadline) { return is_ready(output_.get(), POLLIN, deadline); }

/// Memory grows with what arrives, not with what was announced.
void Process::read_exactly(std::string& bytes, size_t count, Deadline deadline) {
  std::array<char, 1 << 16> chunk;
  while (bytes.size() < count) {
    await(output_.get(), POLLIN, deadline);
    const bool ended = has_ended();  // asked before reading: what it wrote is there by now
    const ssize_t got = ::read(output_.get(), chunk.data(), std::min(chunk.size(), count - bytes.size()));
    if (got > 0) bytes.append(chunk.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && (!would_block(errno) || ended))) fail_ended();
  }
}

std::string Process::output(Deadline deadline) {
  std::string text;
  std::array<char, 1 << 16> chunk;
  for (bool open = true; open;) {
    await(output_.get(), POLLIN, deadline);
    const bool ended = has_ended();
    const ssize_t got = ::read(output_.get(), chunk.data(), chunk.size());
    if (got > 0) text.append(chunk.data(), static_cast<size_t>(got));
    if (text.size() > 2 * kMostTextBytes) text.erase(0, text.size() - kMostTextBytes);
    // What it left in the background may keep the pipe open, and counts no more.
    open = got > 0 || (got < 0 && would_block(errno) && !ended);
  }
  while (!has_ended()) await(-1, 0, deadline);  // it closed its output and goes on
  const std::string how = finish();
  if (status_ != 0) throw Error(ErrorKind::check_failed, name_, how);
  if (text.size() > kMostTextBytes) text.erase(0, text.size() - kMostTextBytes);
  return text;
}

void Process::await(int fd, short events, Deadline deadline) {
  if (!is_ready(fd, events, deadline)) fail("gave no answer in the time that it has", "allow it more with --timeout");
}

bool Process::is_ready(int fd, short events, Deadline deadline) {
  for (;;) {
    if (cli::stop_requested()) {
      finish();
      throw base::Stopped();
    }
    const auto left = deadline - steady_clock::now();
    if (left <= left.zero()) return false;
    const auto tick = std::min<steady_clock::duration>(left, kTick);
    std::array<pollfd, 2> polled = {{{fd, events, 0}, {errors_.get(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), static_cast<int>(std::chrono::ceil<milliseconds>(tick).count()));
    if (polled[1].revents != 0) take_errors();
    if (polled[0].revents != 0 || has_ended()) return true;
  }
}

void Process::take_errors() {
  std::array<char, 4096> chunk;
  ssize_t got = 0;
  while ((got = ::read(errors_.get(), chunk.data(), chunk.size())) > 0)
    note_errors({chunk.data(), static_cast<size_t>(got)});
  if (got == 0) errors_.close();
}

void Process::note_errors(std::string_view text) {
  for (const char c : text) {
    if (c != '\n') {
      if (open_line_.size() < kMostLineBytes) open_line_ += c;
      continue;
    }
    if (open_line_.find_first_not_of(" \t\r") != open_line_.npos) {
      base::verbose("{}: {}", name_, base::printable(open_line_, kMostLineBytes));
      last_line_ = open_line_;
    }
    open_line_.clear();
  }
}

bool Process::has_ended() const {
  siginfo_t info{};
  return pid_ < 0 ||
         (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_);
}

void Process::end() {
  if (pid_ < 0) return;
  input_.close();
  for (const auto until = steady_clock::now() + kGrace; !has_ended() && steady_clock::now() < until;) {
    pollfd polled{errors_.get(), POLLIN, 0};
    ::poll(&polled, 1, 10);
    if (polled.revents != 0) take_errors();
    if (cli::stop_requested()) break;
  }
  finish();
}

std::string Process::finish() {
  if (pid_ >= 0) {
    ::kill(-pid_, SIGKILL);  // before the process is reaped: until then no other group can have its number
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (errors_.get() >= 0) take_errors();
    note_errors("\n");
    input_.close(), output_.close(), errors_.close();
  }
  if (WIFSIGNALED(status_)) return signal_text(WTERMSIG(status_));
  std::string text = fmt::format("exit code {}", WEXITSTATUS(status_));
  if (!last_line_.empty()) text += ": " + base::printable(last_line_);
  return text;
}

void Process::fail_ended() {
  // Its end of the channel closes a moment before it has exited.
  for (const auto until = steady_clock::now() + kGrace; !has_ended() && steady_clock::now() < until;)
    std::this_thread::sleep_for(milliseconds(1));
  if (!has_ended()) fail("closed its output and went on", "it must write nothing but messages to standard output");
  throw Error(ErrorKind::check_failed, name_, finish());
}

void Process::fail(std::string_view what, std::string_view fix) {
  finish();
  throw Error(ErrorKind::check_failed, name_, what, fix);
}

}  // namespace allot::measure
