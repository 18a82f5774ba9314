// SPDX-License-Identifier: Apache-2.0
#include "measure/process.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using namespace allot::measure;
using Catch::Contains;

namespace {

Process shell(const std::string& script) { return Process("sh", {"/bin/sh", "-c", script}, false); }

std::string output(const std::string& script, double seconds = 20) {
  return shell(script).output(deadline_after(seconds));
}

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0; }

}  // namespace

TEST_CASE("output is what was printed, of much the last megabyte") {
  CHECK(output("printf 'a\\nb'") == "a\nb");
  CHECK(output("true").empty());
  const std::string much = output("head -c 5000000 /dev/zero | tr '\\0' x; echo end");
  CHECK(much.size() == Process::kMostTextBytes);
  CHECK(much.ends_with("xend\n"));
}

TEST_CASE("how a process ended is told in words") {
  CHECK_THROWS_WITH(output("echo one >&2; echo 'no such bench' >&2; echo >&2; exit 3"),
                    Contains("sh: exit code 3: no such bench"));
  CHECK_THROWS_WITH(output("echo unfinished | tr -d '\\n' >&2; exit 1"), Contains("exit code 1: unfinished"));
  CHECK_THROWS_WITH(output("kill -9 $$"), Contains("killed by signal 9 (out of memory?)"));
  CHECK_THROWS_WITH(output("kill -SEGV $$"), Contains("killed by signal 11 (Segmentation fault)"));
  CHECK_FALSE(has_children());
}

TEST_CASE("a program that is not there is unavailable") {
  try {
    Process process("bench", {"/nowhere/bench"}, false);
    FAIL("it started");
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::unavailable);
    CHECK_THAT(error.what(), Contains("bench: cannot start '/nowhere/bench': No such file"));
  }
  CHECK_FALSE(has_children());
}

TEST_CASE("a deadline ends the wait and the whole group") {
  const auto marker = std::filesystem::temp_directory_path() / ("allot-process-" + std::to_string(::getpid()));
  const std::string script = "(sleep 1; touch " + marker.string() + ") & sleep 100";
  CHECK(seconds_of([&] { CHECK_THROWS_WITH(output(script, 0.2), Contains("gave no answer in the time")); }) < 0.9);
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  CHECK_FALSE(std::filesystem::exists(marker));
  CHECK_FALSE(has_children());
}

TEST_CASE("what a process leaves in the background does not hold its end up") {
  CHECK(seconds_of([] { CHECK(output("sleep 100 & echo done") == "done\n"); }) < 5);
  CHECK(seconds_of([] { CHECK_THROWS_WITH(output("exec >&-; sleep 0.3; exit 4"), Contains("exit code 4")); }) < 5);
}

TEST_CASE("frames of any size go there and back") {
  Process cat("cat", {"cat"}, true);
  std::thread([] {}).join();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}}) {  // cat answers while it is written to
    const std::string message(size, 'm');
    cat.send(message, deadline_after(10));
    CHECK(cat.receive(deadline_after(10)) == message);
  }
}

TEST_CASE("a dead process raises no signal in its writer") {
  Process dead("dead", {"/bin/sh", "-c", "exit 5"}, true);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_THROWS_WITH(dead.send(std::string(1'000'000, 'x'), deadline_after(10)), Contains("dead: exit code 5"));
  CHECK_THROWS_WITH(dead.receive(deadline_after(10)), Contains("exit code 5"));  // again the same
}

TEST_CASE("frames that are no frames are refused without allocating for them") {
  Process huge("huge", {"/bin/sh", "-c", "printf '\\377\\377\\377\\377\\377\\377\\377\\017'; sleep 100"}, true);
  CHECK_THROWS_WITH(huge.receive(deadline_after(10)), Contains("bytes"));
  Process cut("cut", {"/bin/sh", "-c", "printf '\\012\\000\\000\\000\\000\\000\\000\\000abc'; exit 0"}, true);
  CHECK_THROWS_WITH(cut.receive(deadline_after(10)), Contains("cut: exit code 0"));
}

TEST_CASE("a process ends with its input") {
  Process cat("cat", {"cat"}, true);
  CHECK(seconds_of([&] { cat.end(); }) < 2);
  CHECK_FALSE(has_children());
}

TEST_CASE("a process dies with its parent") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t parent = ::fork();
  if (parent == 0) {  // starts a child and is killed before it can end it
    Process child("child", {"sleep", "100"}, false);
    const pid_t id = child.id();
    [[maybe_unused]] const auto told = ::write(ends[1], &id, sizeof id);
    ::pause();
  }
  pid_t child = 0;
  REQUIRE(::read(ends[0], &child, sizeof child) == sizeof child);
  CHECK(::kill(child, 0) == 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  const auto gone = [&] {
    if (::kill(child, 0) != 0) return true;
    std::error_code ignored;  // nobody may reap it in a container without an init: a zombie is dead, too
    return !std::filesystem::exists("/proc/" + std::to_string(child) + "/exe", ignored);
  };
  for (int i = 0; i < 100 && !gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(gone());
  ::close(ends[0]), ::close(ends[1]);
}
