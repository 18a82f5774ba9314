// SPDX-License-Identifier: Apache-2.0
// Options written out: as YAML that gives them again, and as a table for the documentation.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "config/binder.h"

namespace allot::config {
namespace {

std::string section_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

/// Help texts are one line; a newline in one would end the comment it stands in.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// A section's YAML with its sub-sections below it; "" if it holds nothing to write.
std::string dump_section(const Binder& binder, const std::string& section, const std::string& indent, bool minimal) {
  std::string text;
  for (const Option& option : binder.options()) {
    if (option.cli_only || section_of(option.path) != section) continue;
    const std::string value = option.yaml();
    if (minimal && value == option.default_text) continue;
    const std::string notes = option.range.empty() ? "" : fmt::format(" ({})", option.range);
    const std::string choices =
        option.choices.empty() ? "" : fmt::format(" (one of {})", fmt::join(option.choices, ", "));
    text += fmt::format("{}# {}{}{}\n", indent, one_line(option.help), notes, choices);
    const auto name = section.empty() ? option.path : option.path.substr(section.size() + 1);
    text += fmt::format("{}{}: {}\n", indent, name, value);
  }
  for (const auto& [name, help] : binder.sections()) {
    if (section_of(name) != section) continue;
    const std::string body = dump_section(binder, name, indent + "  ", minimal);
    if (body.empty()) continue;
    const auto key = section.empty() ? name : name.substr(section.size() + 1);
    text += fmt::format("{}# {}\n{}{}:\n{}", indent, one_line(help), indent, key, body);
  }
  return text;
}

std::string markdown_cell(std::string text) {
  std::string cell;
  for (const char c : one_line(std::move(text))) {
    if (c == '|' || c == '<') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

std::string dump_yaml(const Binder& binder, bool minimal) {
  const std::string text = dump_section(binder, "", "", minimal);
  return text.empty() ? "# all options have their default values\n{}\n" : text;
}

std::string options_markdown(const Binder& binder) {
  std::string text = "| option | type | default | meaning |\n|---|---|---|---|\n";
  for (const Option& option : binder.options()) {
    std::string type = option.choices.empty() ? option.type : fmt::format("{}", fmt::join(option.choices, ", "));
    if (!option.range.empty()) type += ", " + option.range;
    text += fmt::format("| `{}` | {} | `{}` | {} |\n", option.flag_name(), markdown_cell(type), option.default_text,
                        markdown_cell(option.help));
  }
  return text;
}

}  // namespace allot::config
