// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/stopped.h"
#include "cli/signals.h"
#include "cli/version.h"

namespace allot::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

/// Nobody reads standard output any more.
bool stdout_has_no_reader() {
  struct pollfd output {
    STDOUT_FILENO, POLLOUT, 0
  };
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

void flush_stdout() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Error(ErrorKind::io, "standard output", fmt::format("cannot write: {}", std::strerror(errno)),
              errno == ENOSPC ? "free some space" : "");
}

bool wants_color(const std::string& choice) {
  if (choice != "auto") return choice == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) && !(no_color && *no_color) && !(term && std::strcmp(term, "dumb") == 0);
}

/// One line on standard error, whatever became of it.
int report(const std::string& program, ErrorKind kind, const std::string& what) {
  try {
    base::log_line(base::LogLevel::quiet, fmt::format("{}: {}", program, what));
  } catch (...) {  // standard error is closed: the exit code has to do
  }
  return base::exit_code(kind);
}

std::string quoted_command_line(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) {
    const std::string word = printable(argv[i]);
    const bool plain = !word.empty() && word.find_first_of(" \t'\"$`&|;<>()*?[]#~!{}\\") == word.npos;
    line += (i ? " " : "") + (plain ? word : "'" + word + "'");
  }
  return line;
}

}  // namespace

void CommonOptions::bind(config::Binder& b) {
  b.integer("seed", seed, "seed of everything random", 0, std::numeric_limits<int64_t>::max());
  b.integer("threads", threads, "threads to use; 0 = all cores; never changes a result", 0, 1024);
  b.text("device", device, "where tensors are computed").metavar = "DEVICE";
  const size_t first_of_this_run = b.options().size();
  b.list("config", config, "read options from a YAML file").metavar = "FILE";
  b.list("set", set, "set one option by its YAML key").metavar = "KEY=VALUE";
  bind_print_config(b);
  b.flag("json", json, "print one JSON object on standard output");
  b.flag("dry_run", dry_run, "do all but write files");
  b.flag("force", force, "replace files that Allot did not write");
  b.flag("quiet", quiet, "print errors only");
  bind_verbose(b);
  b.text("log", log, "append all messages to a file").metavar = "FILE";
  b.choice("color", color, "color messages", {"auto", "always", "never"});
  b.choice("completion", completion, "print a completion script for a shell and exit", {"", "bash", "zsh"}).metavar =
      "bash|zsh";
  b.flag("help_markdown", help_markdown, "print this help as Markdown and exit");
  b.flag("version", version, "print version, build and libraries, and exit");
  b.flag("help", help, "print this help and exit");
  for (size_t i = first_of_this_run; i < b.options().size(); ++i) b.options()[i].cli_only = true;
}

void CommonOptions::bind_print_config(config::Binder& b) {
  config::Option& option =
      b.choice("print_config", print_config, "print the options in effect as YAML and exit", {"", "full", "minimal"});
  option.is_flag = true;
  option.metavar = "minimal";
  option.set = [set = option.set](const std::string& text, const std::string& where) {
    set(text == "true" ? "full" : text, where);
  };
}

void CommonOptions::bind_verbose(config::Binder& b) {
  config::Option option;
  option.path = "verbose";
  option.help = "say more; twice for all details";
  option.type = "flag";
  option.is_flag = option.is_list = true;
  option.set = [this](const std::string& text, const std::string&) { verbosity += text != "false"; };
  option.clear = [this] { verbosity = 0; };
  option.get = [this] { return std::vector<std::string>(static_cast<size_t>(verbosity), "true"); };
  option.default_text = "[]";
  b.options().push_back(std::move(option));
}

App::App(std::string name, std::string summary) {
  command_.name = std::move(name);
  command_.summary = std::move(summary);
  command_.binder = &binder_;
  command_.short_flags = {{"q", "quiet"}, {"v", "verbose"}, {"h", "help"}};
}

void App::positionals(std::string name, std::vector<std::string>& values, std::string help, size_t min, size_t max) {
  command_.positional_name = std::move(name);
  command_.positional_help = std::move(help);
  command_.positional_min = min;
  command_.positional_max = max;
  positional_values_ = &values;
}

void App::bind(const std::function<void(config::Binder&)>& bind) { bind(binder_); }

void App::short_flag(std::string letter, std::string option) {
  command_.short_flags.emplace_back(std::move(letter), std::move(option));
}

void App::example(std::string command, std::string what) {
  command_.examples.push_back({std::move(command), std::move(what)});
}

void App::component(std::string name, std::string version) {
  components_.emplace_back(std::move(name), std::move(version));
}

std::string App::version_text() const {
  std::string text = fmt::format("{} {}\n", command_.name, build_description());
  for (const auto& [name, version] : components_) text += fmt::format("{} {}\n", name, version);
  return text;
}

bool App::answer_about_itself() const {
  std::string answer;
  if (common_.help)
    answer = help_text(command_);
  else if (common_.version)
    answer = version_text();
  else if (common_.help_markdown)
    answer = help_markdown(command_);
  else if (!common_.completion.empty())
    answer = completion_script(command_, common_.completion);
  std::fwrite(answer.data(), 1, answer.size(), stdout);
  return !answer.empty();
}

void App::apply_layers(const Arguments& arguments) {
  for (const auto& file : common_.config) config::apply_yaml(binder_, config::load_yaml(file));
  for (const auto& assignment : common_.set) config::apply_set(binder_, assignment);
  for (auto& option : binder_.options())
    if (const auto given = arguments.values.find(option.path); given != arguments.values.end() && !option.cli_only)
      config::apply_flag(option, given->second);
}

void App::set_up_log() const {
  base::LogOptions options;
  options.program = command_.name;
  options.level = common_.quiet            ? base::LogLevel::quiet
                  : common_.verbosity == 0 ? base::LogLevel::info
                  : common_.verbosity == 1 ? base::LogLevel::verbose
                                           : base::LogLevel::debug;
  options.color = wants_color(common_.color);
  options.file = common_.log;
  base::configure_log(options);
}

int App::run_or_throw(int argc, char** argv, const std::function<int()>& body) {
  command_.first_common = binder_.options().size();
  common_.bind(binder_);
  const Arguments arguments = parse_arguments(command_, argc, argv);
  for (auto& option : binder_.options())  // what is about this run alone knows no layers
    if (const auto given = arguments.values.find(option.path); given != arguments.values.end() && option.cli_only)
      config::apply_flag(option, given->second);
  if (answer_about_itself()) return 0;
  apply_layers(arguments);
  if (!common_.print_config.empty()) {
    const std::string yaml = config::dump_yaml(binder_, common_.print_config == "minimal");
    std::fwrite(yaml.data(), 1, yaml.size(), stdout);
    return 0;
  }
  check_positionals(command_, arguments.positionals);
  if (positional_values_) *positional_values_ = arguments.positionals;
  set_up_log();
  base::verbose("{} {}, seed {}: {}", command_.name, build_description(), common_.seed,
                quoted_command_line(argc, argv));
  const int code = body();
  return stop_exit_code() != 0 ? stop_exit_code() : code;
}

int App::run(int argc, char** argv, const std::function<int()>& body) {
  install_signal_handlers();
  const std::string& program = command_.name;
  try {
    const int code = run_or_throw(argc, argv, body);
    flush_stdout();
    return code;
  } catch (const base::Stopped&) {
    base::warn("stopped before there was anything to write");
    return stop_exit_code();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io && stdout_has_no_reader()) return 0;
    return report(program, error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return report(program, ErrorKind::out_of_memory, "out of memory; use a smaller input or a larger machine");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::broken_pipe && stdout_has_no_reader()) return 0;
    const bool later = error.code() == std::errc::resource_unavailable_try_again;  // no more threads, say
    return report(program, later ? ErrorKind::try_again : ErrorKind::io, printable(error.what()));
  } catch (const std::exception& error) {
    return report(program, ErrorKind::internal,
                  fmt::format("unexpected: {}; please report this", printable(error.what())));
  } catch (...) {
    return report(program, ErrorKind::internal, "unexpected exception; please report this");
  }
}

}  // namespace allot::cli
