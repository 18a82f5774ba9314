// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/table.h"

namespace allot::cli {
namespace {

using config::Option;

constexpr size_t kWidth = 100, kHelpColumn = 30;

/// Appends `text` wrapped between kHelpColumn and kWidth; the line so far ends at column `used`.
void append_wrapped(std::string& page, const std::string& text, size_t used) {
  const std::string indent(kHelpColumn, ' ');
  if (used + 2 > kHelpColumn)
    page += "\n" + indent, used = kHelpColumn;
  else
    page += std::string(kHelpColumn - used, ' '), used = kHelpColumn;
  bool first = true;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find(' ', i), text.size());
    const std::string word = text.substr(i, end - i);
    const size_t width = display_width(word);
    if (!first && used + 1 + width > kWidth) page += "\n" + indent, used = kHelpColumn, first = true;
    page += (first ? "" : " ") + word;
    used += width + (first ? 0 : 1);
    first = false;
    i = end + 1;
  }
  page += "\n";
}

/// More choices than a line holds are listed in the description instead.
bool too_long(const std::string& metavar) { return metavar.size() > 60; }

std::string describe(const Option& option) {
  std::string text = option.help;
  std::string notes = too_long(option.metavar) ? fmt::format("one of {}", fmt::join(option.choices, ", ")) : option.range;
  const auto& value = option.default_text;
  if (value != "false" && value != "\"\"" && value != "[]") notes += (notes.empty() ? "" : ", ") + ("default " + value);
  if (option.is_list) notes += std::string(notes.empty() ? "" : ", ") + "repeatable";
  if (!notes.empty()) text += " [" + notes + "]";
  return text;
}

void append_option(std::string& page, const Command& command, const Option& option) {
  const std::string letter = command.short_of(option.path);
  std::string left = letter.empty() ? "      " : fmt::format("  -{}, ", letter);
  left += option.flag_name();
  const std::string metavar = too_long(option.metavar) ? "NAME" : option.metavar;
  if (!metavar.empty()) left += (option.is_flag ? "[=" : " ") + metavar + (option.is_flag ? "]" : "");
  page += left;
  append_wrapped(page, describe(option), display_width(left));
}

std::string section_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

/// The options of the tool itself (or of every tool) in `section`, under `title` if there are any.
void append_group(std::string& page, const Command& command, const std::string& section, const std::string& title,
                  bool common) {
  std::string body;
  const auto& options = command.binder->options();
  for (size_t i = 0; i < options.size(); ++i)
    if ((i >= command.first_common) == common && section_of(options[i].path) == section)
      append_option(body, command, options[i]);
  if (!body.empty()) page += fmt::format("\n{}:\n{}", title, body);
}

std::string usage_line(const Command& command) {
  std::string usage = fmt::format("{} [OPTION]...", command.name);
  for (size_t i = 0; i < command.positional_min; ++i) usage += " " + command.positional_name;
  if (command.positional_max > command.positional_min) usage += fmt::format(" [{}]", command.positional_name);
  if (command.positional_max > command.positional_min + 1) usage += "...";
  return usage;
}

struct ExitCode {
  int code;
  const char* text;
};

constexpr ExitCode kExitCodes[] = {{0, "done; a check passed"},
#define ALLOT_ROW(name, code, text) {code, text},
                                   ALLOT_ERROR_KINDS(ALLOT_ROW)
#undef ALLOT_ROW
};
constexpr const char* kSignalRow = "stopped by signal n (130 = interrupt, 143 = terminate) after saving";

constexpr const char* kPrecedence =
    "Defaults, then --config files in order, then --set, then flags: the later wins. A YAML key is the\n"
    "flag without its dashes, with _ between words; a dot leads into a section.\n";

}  // namespace

std::string help_text(const Command& command) {
  std::string page = fmt::format("{} - {}\n\nUsage: {}\n", command.name, command.summary, usage_line(command));
  if (command.positional_max > 0) {
    page += fmt::format("\nArguments:\n  {}", command.positional_name);
    append_wrapped(page, command.positional_help, 2 + display_width(command.positional_name));
  }
  append_group(page, command, "", "Options", false);
  for (const auto& [name, help] : command.binder->sections())
    append_group(page, command, name, fmt::format("Options for {} - {}", name, help), false);
  append_group(page, command, "", "Common options", true);
  page += fmt::format("\nConfiguration:\n{}", kPrecedence);
  if (!command.examples.empty()) page += "\nExamples:\n";
  for (const auto& example : command.examples) page += fmt::format("  # {}\n  {}\n", example.what, example.command);
  page += "\nExit codes:\n";
  for (const auto& [code, text] : kExitCodes) page += fmt::format("  {:<6} {}\n", code, text);
  return page + fmt::format("  {:<6} {}\n", "128+n", kSignalRow);
}

std::string help_markdown(const Command& command) {
  std::string page = fmt::format("# {}\n\n{}.\n\n```\n{}\n```\n\n", command.name, command.summary, usage_line(command));
  if (command.positional_max > 0) page += fmt::format("`{}`: {}\n\n", command.positional_name, command.positional_help);
  page += "## Options\n\n" + config::options_markdown(*command.binder) + "\n" + kPrecedence;
  if (!command.short_flags.empty()) page += "\nShort forms:";
  for (const auto& [letter, path] : command.short_flags)
    page += fmt::format(" `-{}` = `{}`", letter, command.binder->find(path)->flag_name());
  if (!command.short_flags.empty()) page += "\n";
  if (!command.examples.empty()) page += "\n## Examples\n\n```sh\n";
  for (const auto& example : command.examples) page += fmt::format("# {}\n{}\n", example.what, example.command);
  if (!command.examples.empty()) page += "```\n";
  page += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const auto& [code, text] : kExitCodes) page += fmt::format("| {} | {} |\n", code, text);
  return page + fmt::format("| 128+n | {} |\n", kSignalRow);
}

}  // namespace allot::cli
