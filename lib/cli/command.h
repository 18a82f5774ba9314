// SPDX-License-Identifier: Apache-2.0
// What a command line of one tool looks like, and what is derived from it: parsing, help, completion.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/binder.h"

namespace allot::cli {

struct Example {
  std::string command, what;
};

struct Command {
  std::string name, summary;
  std::string positional_name, positional_help;
  size_t positional_min = 0, positional_max = 0;
  std::vector<std::pair<std::string, std::string>> short_flags;  // letter, path of the option
  std::vector<Example> examples;
  const config::Binder* binder = nullptr;
  size_t first_common = 0;  // options from this one on are every tool's

  /// "o" for the option "output", or "".
  std::string short_of(const std::string& path) const;
};

/// The words of a command line, sorted by whom they belong to; nothing is converted yet.
struct Arguments {
  std::map<std::string, std::vector<std::string>> values;  // by path of the option, in order
  std::vector<std::string> positionals;
};

/// Errors: usage for unknown flags, all at once with the nearest ones, and for a flag without its value.
Arguments parse_arguments(const Command& command, int argc, const char* const* argv);

/// Errors: usage, naming the positional argument that is missing or too many.
void check_positionals(const Command& command, const std::vector<std::string>& positionals);

std::string help_text(const Command& command);
std::string help_markdown(const Command& command);
/// shell: "bash" or "zsh".
std::string completion_script(const Command& command, const std::string& shell);

}  // namespace allot::cli
