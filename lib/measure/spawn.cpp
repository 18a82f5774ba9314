// SPDX-License-Identifier: Apache-2.0
#include "measure/spawn.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void fail(const std::string& name, const std::string& program, int error) {
  const auto kind = error == ENOENT || error == EACCES ? ErrorKind::unavailable : ErrorKind::try_again;
  throw Error(kind, name, fmt::format("cannot start '{}': {}", base::printable(program), std::strerror(error)),
              kind == ErrorKind::unavailable ? "install it, or name another" : "free resources of this machine");
}

/// Both ends are closed in programs that are started.
std::pair<Descriptor, Descriptor> make_pipe(const std::string& name) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(name, "a pipe", errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::pair<Descriptor, Descriptor> make_socket_pair(const std::string& name) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail(name, "a socket", errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Descriptor open_nothing(const std::string& name) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(name, "/dev/null", errno);
  return Descriptor(fd);
}

void do_not_block(const Descriptor& descriptor) {
  ::fcntl(descriptor.get(), F_SETFL, ::fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

/// What the new process does until it is another program. Between fork and exec of a process that may have threads only
/// async-signal-safe functions are allowed: no memory, no locks.
[[noreturn]] void become(char* const* arguments, std::array<int, 3> streams, int report, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before that took effect
  // Out of the way first: a parent that had closed its own standard streams has others under these numbers.
  for (int& fd : streams) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  report = ::fcntl(report, F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; ++i) ::dup2(streams[static_cast<size_t>(i)], i);
  ::signal(SIGPIPE, SIG_DFL);  // programs inherit what is ignored, and which signals are blocked
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvp(arguments[0], arguments);
  const int error = errno;
  [[maybe_unused]] const auto told = ::write(report, &error, sizeof error);
  ::_exit(127);
}

/// 0, or why exec failed: the pipe closes when it succeeds.
int read_report(const Descriptor& report) {
  int error = 0;
  while (::read(report.get(), &error, sizeof error) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace

Spawned spawn(const std::string& name, const std::vector<std::string>& arguments, bool input) {
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  Spawned spawned;
  Descriptor its_input;
  if (input)
    std::tie(spawned.input, its_input) = make_socket_pair(name);
  else
    its_input = open_nothing(name);
  auto [output, its_output] = make_pipe(name);
  auto [errors, its_errors] = make_pipe(name);
  auto [report, its_report] = make_pipe(name);
  const pid_t parent = ::getpid();
  spawned.pid = ::fork();
  if (spawned.pid < 0) fail(name, arguments[0], errno);
  if (spawned.pid == 0)
    become(pointers.data(), {its_input.get(), its_output.get(), its_errors.get()}, its_report.get(), parent);
  its_report.close();
  if (const int error = read_report(report); error != 0) {
    while (::waitpid(spawned.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    fail(name, arguments[0], error);
  }
  do_not_block(output), do_not_block(errors);
  spawned.output = std::move(output), spawned.errors = std::move(errors);
  return spawned;
}

}  // namespace allot::measure
