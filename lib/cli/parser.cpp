// SPDX-License-Identifier: Apache-2.0
// Flags through CLI11, which only sorts words to options here: types, ranges, files and layers are config's.
#include <algorithm>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/command.h"

namespace allot::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

std::string Command::short_of(const std::string& path) const {
  for (const auto& [letter, option] : short_flags)
    if (option == path) return letter;
  return "";
}

namespace {

/// Reversed, as CLI11 wants it. "--name=value" of an option with a value becomes two words, because CLI11 reads
/// "--name=" as if the value were still to come.
std::vector<std::string> split_assignments(const Command& command, int argc, const char* const* argv) {
  std::vector<std::string> words;
  bool flags_end = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    flags_end = flags_end || word == "--";
    const size_t equals = word.find('=');
    const auto& options = command.binder->options();
    const auto takes_value = [&](const config::Option& option) {
      return !option.is_flag && option.flag_name() == std::string_view(word).substr(0, equals);
    };
    if (!flags_end && equals != word.npos && std::any_of(options.begin(), options.end(), takes_value)) {
      words.push_back(word.substr(0, equals));
      words.push_back(word.substr(equals + 1));
    } else {
      words.push_back(word);
    }
  }
  std::reverse(words.begin(), words.end());
  return words;
}

std::vector<std::string> flag_names(const Command& command) {
  std::vector<std::string> names;
  for (const auto& option : command.binder->options()) names.push_back(option.flag_name());
  return names;
}

/// Words that no option took: positionals, and before "--" unknown flags.
std::vector<std::string> take_positionals(const Command& command, const std::vector<std::string>& rest) {
  std::vector<std::string> positionals, unknown;
  bool flags_end = false;
  for (const auto& word : rest) {
    const bool negative = word.size() > 1 && word[1] >= '0' && word[1] <= '9';
    if (!flags_end && word == "--")
      flags_end = true;
    else if (!flags_end && word.size() > 1 && word[0] == '-' && !negative)
      unknown.push_back(word);
    else
      positionals.push_back(word);
  }
  if (unknown.empty()) return positionals;
  std::string listed, fix;
  for (const auto& word : unknown) {
    const std::string name = word.substr(0, word.find('='));
    const std::string close = base::nearest(name, flag_names(command));
    listed += fmt::format("{}{}", listed.empty() ? "" : ", ", printable(name, 80));
    if (!close.empty()) fix += fmt::format("{}{}", fix.empty() ? "" : " ", close);
  }
  throw Error(ErrorKind::usage, listed, unknown.size() == 1 ? "there is no such flag" : "there are no such flags",
              fix.empty() ? fmt::format("see {} --help", command.name) : fmt::format("did you mean {}?", fix));
}

/// "--output --json" has forgotten the value of --output.
void refuse_flags_as_values(const Command& command, const config::Option& option,
                            const std::vector<std::string>& values) {
  const auto names = flag_names(command);
  for (const auto& value : values)
    if (std::find(names.begin(), names.end(), value) != names.end())
      throw Error(ErrorKind::usage, option.flag_name(), fmt::format("needs a value, and {} is a flag", value),
                  fmt::format("write {} {}", option.flag_name(), option.metavar));
}

}  // namespace

Arguments parse_arguments(const Command& command, int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<CLI::Option*> parsed;
  for (const auto& option : command.binder->options()) {
    std::string names = option.flag_name();
    if (const auto letter = command.short_of(option.path); !letter.empty()) names = "-" + letter + "," + names;
    CLI::Option* added = option.is_flag ? app.add_flag(names) : app.add_option(names);
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    parsed.push_back(added);
  }
  try {
    auto words = split_assignments(command, argc, argv);
    app.parse(words);
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();  // "--output: 1 required ... missing"
    throw Error(ErrorKind::usage, printable(what.substr(0, what.find(':'))), "needs a value",
                fmt::format("see {} --help", command.name));
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, "", printable(error.what()), fmt::format("see {} --help", command.name));
  }
  Arguments arguments;
  for (size_t i = 0; i < parsed.size(); ++i) {
    const auto& option = command.binder->options()[i];
    if (parsed[i]->empty()) continue;
    if (!option.is_flag) refuse_flags_as_values(command, option, parsed[i]->results());
    arguments.values[option.path] = parsed[i]->results();
  }
  arguments.positionals = take_positionals(command, app.remaining());
  return arguments;
}

void check_positionals(const Command& command, const std::vector<std::string>& positionals) {
  if (positionals.size() > command.positional_max)
    throw Error(ErrorKind::usage, printable(positionals[command.positional_max]), "is one argument too many",
                command.positional_max == 0 ? fmt::format("{} takes flags only", command.name)
                                            : fmt::format("{} takes at most {} {}", command.name,
                                                          command.positional_max, command.positional_name));
  if (positionals.size() < command.positional_min)
    throw Error(ErrorKind::usage, command.positional_name, "is missing",
                fmt::format("write {} {} ..., or see --help", command.name, command.positional_name));
}

}  // namespace allot::cli
