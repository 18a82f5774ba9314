// SPDX-License-Identifier: Apache-2.0
// A command: flags, help, configuration layers, exit codes, signals. Every tool is one App.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "cli/command.h"
#include "config/binder.h"

namespace allot::cli {

/// Flags that every tool has.
struct CommonOptions {
  std::vector<std::string> config, set;  // --config FILE (repeatable), --set key=value (repeatable)
  std::string print_config;              // "", "full" or "minimal"
  int64_t seed = 0, threads = 0;
  std::string device = "cpu";
  bool json = false, quiet = false, dry_run = false, force = false;
  int verbosity = 0;  // -v, -vv
  std::string log, color = "auto";
  bool help = false, version = false, help_markdown = false;
  std::string completion;  // "", "bash" or "zsh"

  base::Replace replace() const { return force ? base::Replace::any : base::Replace::own; }
  void bind(config::Binder& binder);

 private:
  void bind_print_config(config::Binder& binder);
  void bind_verbose(config::Binder& binder);
};

class App {
 public:
  App(std::string name, std::string summary);
  App(const App&) = delete;  // options hold references into it
  App& operator=(const App&) = delete;

  /// Positional arguments; at least `min` and at most `max` of them are required.
  void positionals(std::string name, std::vector<std::string>& values, std::string help, size_t min, size_t max);
  /// The tool's own options. Called once, before run().
  void bind(const std::function<void(config::Binder&)>& bind);
  /// A short form: "o" for the option "output".
  void short_flag(std::string letter, std::string option);
  void example(std::string command, std::string what);
  /// A library that --version names: "onnx", "1.22.0".
  void component(std::string name, std::string version);

  const CommonOptions& common() const { return common_; }
  /// Binder as it stands after parsing: what --print-config dumps and artefacts store.
  const config::Binder& binder() const { return binder_; }

  /// Parses, layers the configuration, sets up log and signals, runs `body` and maps every outcome to one line on
  /// stderr and an exit code of base::ErrorKind. Handles --help, --version, --print-config, --completion SHELL and
  /// --help-markdown itself. std::bad_alloc is out_of_memory; any other exception is internal.
  /// body returns the exit code (0, or 1 for a failed check). A reader that closes its end of standard output has
  /// seen enough: the command ends quietly with 0.
  int run(int argc, char** argv, const std::function<int()>& body);

 private:
  int run_or_throw(int argc, char** argv, const std::function<int()>& body);
  bool answer_about_itself() const;
  void apply_layers(const Arguments& arguments);
  void set_up_log() const;
  std::string version_text() const;

  Command command_;
  CommonOptions common_;
  config::Binder binder_;
  std::vector<std::string>* positional_values_ = nullptr;
  std::vector<std::pair<std::string, std::string>> components_;
};

/// Set by the first SIGINT or SIGTERM; a second one ends the process at once. Long loops poll it, save and return.
const std::atomic<bool>& stop_requested();
/// 128 + n of the signal received, or 0.
int stop_exit_code();

}  // namespace allot::cli
