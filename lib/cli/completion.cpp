// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"

namespace allot::cli {
namespace {

using config::Option;

std::string bash_script(const Command& command) {
  std::string function = "_" + command.name, all, cases;
  std::replace(function.begin(), function.end(), '-', '_');
  for (const Option& option : command.binder->options()) {
    all += (all.empty() ? "" : " ") + option.flag_name();
    const std::string letter = command.short_of(option.path);
    if (!letter.empty()) all += " -" + letter;
    if (option.is_flag) continue;
    const std::string pattern = letter.empty() ? option.flag_name() : fmt::format("{}|-{}", option.flag_name(), letter);
    const std::string words = option.choices.empty() ? "-f" : fmt::format("-W \"{}\"", fmt::join(option.choices, " "));
    cases += fmt::format("    {}) COMPREPLY=($(compgen {} -- \"$word\")); return ;;\n", pattern, words);
  }
  return fmt::format(
      "# bash completion of {0}: source this, or put it into ~/.local/share/bash-completion/completions/{0}\n"
      "{1}() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}}\n"
      "  case ${{COMP_WORDS[COMP_CWORD-1]}} in\n"
      "{2}"
      "  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"{3}\" -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}}\n"
      "complete -o filenames -F {1} {0}\n",
      command.name, function, cases, all);
}

/// For a text inside single quotes and brackets of an _arguments specification.
std::string zsh_escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'')
      escaped += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      escaped += {'\\', c};
    else
      escaped += c;
  }
  return escaped;
}

std::string zsh_script(const Command& command) {
  std::string script = fmt::format(
      "#compdef {0}\n# zsh completion of {0}: put it into a folder of $fpath as _{0}\n"
      "_arguments -s \\\n",
      command.name);
  for (const Option& option : command.binder->options()) {
    const std::string star = option.is_list ? "*" : "", help = zsh_escape(option.help);
    std::string value;
    if (!option.is_flag)
      value = option.choices.empty() ? fmt::format(":{}:_files", zsh_escape(option.metavar))
                                     : fmt::format(":choice:({})", fmt::join(option.choices, " "));
    script += fmt::format("  '{}{}{}[{}]{}' \\\n", star, option.flag_name(), option.is_flag ? "" : "=", help, value);
    if (const auto letter = command.short_of(option.path); !letter.empty())
      script += fmt::format("  '{}-{}[{}]{}' \\\n", star, letter, help, value);
  }
  return script + "  '*:file:_files'\n";
}

}  // namespace

std::string completion_script(const Command& command, const std::string& shell) {
  return shell == "zsh" ? zsh_script(command) : bash_script(command);
}

}  // namespace allot::cli
