// SPDX-License-Identifier: Apache-2.0
// A command: flags, help, configuration layers, exit codes, signals. Every tool is one App.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "config/binder.h"

namespace allot::cli {

/// Flags that every tool has.
struct CommonOptions {
  std::vector<std::string> config, set;   // --config FILE (repeatable), --set key=value (repeatable)
  std::string print_config;               // --print-config[=minimal]
  int64_t seed = 0, threads = 0;
  std::string device = "cpu";
  bool json = false, quiet = false, dry_run = false, force = false;
  int verbosity = 0;                      // -v, -vv
  std::string log, color = "auto";
  base::Replace replace() const { return force ? base::Replace::any : base::Replace::own; }
};

struct Example {
  std::string command, what;
};

class App {
 public:
  App(std::string name, std::string summary);

  /// Positional arguments; at least `min` and at most `max` of them are required.
  void positionals(std::string name, std::vector<std::string>& values, std::string help, size_t min, size_t max);
  /// The tool's own options. Called once, before run().
  void bind(const std::function<void(config::Binder&)>& bind);
  /// A short form: "o" for the option "output".
  void short_flag(std::string letter, std::string option);
  void example(std::string command, std::string what);

  const CommonOptions& common() const { return common_; }
  /// Binder as it stands after parsing: what --print-config dumps and artefacts store.
  const config::Binder& binder() const { return binder_; }

  /// Parses, layers the configuration, sets up log and signals, runs `body` and maps every outcome to one line on
  /// stderr and an exit code of base::ErrorKind. Handles --help, --version, --print-config, --completion SHELL and
  /// --help-markdown itself. std::bad_alloc is out_of_memory; any other exception is internal.
  /// body returns the exit code (0, or 1 for a failed check).
  int run(int argc, char** argv, const std::function<int()>& body);

 private:
  struct Parser;
  std::string name_, summary_;
  CommonOptions common_;
  config::Binder binder_;
  std::vector<Example> examples_;
  std::vector<std::pair<std::string, std::string>> short_flags_;
  std::string positional_name_, positional_help_;
  std::vector<std::string>* positional_values_ = nullptr;
  size_t positional_min_ = 0, positional_max_ = 0;
};

/// Set by the first SIGINT or SIGTERM; a second one ends the process at once. Long loops poll it, save and return.
const std::atomic<bool>& stop_requested();
/// 128 + n of the signal received, or 0.
int stop_exit_code();

}  // namespace allot::cli
