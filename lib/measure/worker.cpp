// SPDX-License-Identifier: Apache-2.0
#include "measure/worker.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include <unistd.h>

#include "base/error.h"
#include "cli/version.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kName = "allot-worker";
constexpr double kSecondsToStart = 60;

/// Runs `talk`; whatever it throws leaves no worker behind that might answer the last question to the next one.
template <typename Talk>
auto with(std::unique_ptr<Process>& process, const Talk& talk) {
  try {
    return talk();
  } catch (...) {
    process.reset();
    throw;
  }
}

Hello greeting_of(Process& process) {
  Hello hello = parse_hello(process.receive(deadline_after(kSecondsToStart)));
  if (hello.version != cli::version())
    throw Error(ErrorKind::unavailable, kName,
                fmt::format("is of version {}, this program of {}", base::printable(hello.version), cli::version()),
                "install both from one release");
  return hello;
}

}  // namespace

std::string find_worker() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const char* named = std::getenv("ALLOT_WORKER");
  const fs::path path =
      named && *named ? fs::path(named) : fs::read_symlink("/proc/self/exe", ignored).parent_path() / kName;
  if (::access(path.c_str(), X_OK) != 0)
    throw Error(ErrorKind::unavailable, base::printable(path.string()),
                "is not there: running models and policies needs Allot's learn library",
                "install it, or build with -DALLOT_LEARN=ON, or name the program in ALLOT_WORKER");
  return path.string();
}

const Hello& Worker::hello() {
  if (!process_) start();
  return hello_;
}

void Worker::start() {
  process_ = std::make_unique<Process>(kName, std::vector{find_worker()}, true);
  with(process_, [&] { hello_ = greeting_of(*process_); });
}

Reply Worker::run(const Request& request, Deadline deadline) {
  if (!process_) start();
  std::string answer = with(process_, [&] {
    process_->send(to_json(request), deadline);
    return process_->receive(deadline);
  });
  try {
    return parse_reply(answer, request);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::out_of_memory) process_.reset();  // what it holds may not be given back
    throw;
  }
}

WorkerCall::WorkerCall(const std::string& request) : process_(kName, {find_worker()}, true) {
  process_.send(request, deadline_after(kSecondsToStart));
}

std::string WorkerCall::answer(Deadline deadline) {
  if (!std::exchange(greeted_, true)) greeting_of(process_);
  return process_.receive(deadline);
}

bool WorkerCall::hears(Deadline deadline) {
  if (!greeted_) {
    if (!process_.hears(deadline)) return false;
    greeting_of(process_);
    greeted_ = true;
  }
  return process_.hears(deadline);
}

}  // namespace allot::measure
