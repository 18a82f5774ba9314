// SPDX-License-Identifier: Apache-2.0
// The client of allot-worker, the program that runs placed models, and policies, on LibTorch.
#pragma once

#include <memory>
#include <string>

#include "measure/messages.h"
#include "measure/process.h"

namespace allot::measure {

/// Starts the worker when it is first needed, and again when the last one is dead. It lies beside the running program,
/// or where ALLOT_WORKER says.
class Worker {
 public:
  /// Errors: unavailable when there is none, telling what to install, or it is of another version than this program;
  /// those of Process.
  const Hello& hello();

  /// Errors: the worker's own, above all out_of_memory; those of Process, malformed for an answer that is none, and
  /// hello()'s.
  Reply run(const Request& request, Deadline deadline);

 private:
  void start();
  std::unique_ptr<Process> process_;  // null, or alive as far as is known
  Hello hello_;
};

/// One question to a worker of its own, which starts, and reads the model, while the caller does the same.
class WorkerCall {
 public:
  /// request: as JSON. Errors: unavailable as find_worker(); those of Process.
  explicit WorkerCall(const std::string& request);
  /// The answer as JSON. Called once. Errors: those of Process and Worker::hello().
  std::string answer(Deadline deadline);
  /// Whether the answer begins before the deadline. Errors: as answer().
  bool hears(Deadline deadline);
  /// Nobody wants to know any more.
  void give_up() { process_.abandon(); }

 private:
  Process process_;
  bool greeted_ = false;
};

/// Where the worker is. Errors: unavailable when it is not there.
std::string find_worker();

}  // namespace allot::measure
