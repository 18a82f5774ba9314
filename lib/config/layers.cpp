// SPDX-License-Identifier: Apache-2.0
// How the layers of a configuration reach its options: files, --set, flags.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "config/binder.h"

namespace allot::config {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

/// The value of `option` out of a file or a --set; a scalar for a list is a list of one.
void set_from_node(Option& option, const Node& value) {
  const auto set = [&](const Node& node) { option.set(node.text(), fmt::format("{}: {}", node.where(), option.path)); };
  if (!option.is_list) return set(value);
  option.clear();
  if (value.is_sequence())
    for (const Node& item : value.items()) set(item);
  else
    set(value);
}

/// Walks a document; unknown keys are collected, so that all are reported together.
class YamlLayer {
 public:
  explicit YamlLayer(Binder& binder) : binder_(binder) {
    for (const Option& option : binder.options())
      if (!option.cli_only) known_.push_back(option.path);
    for (const auto& [name, help] : binder.sections()) sections_.insert(name);
  }

  void apply(const Node& map, const std::string& prefix) {
    for (const bool first : {true, false})
      for (const auto& [key, value] : map.entries())
        if (Option* option = binder_.find(prefix + key); (option && option->goes_first) == first)
          apply_entry(option, key, value, prefix);
  }

  void report() const { unknown_.report(); }

 private:
  void apply_entry(Option* option, const std::string& key, const Node& value, const std::string& prefix) {
    const std::string path = prefix + key;
    const bool is_section = sections_.contains(path) && value.is_map();
    if (option && !(option->cli_only && is_section))  // --teacher FILE may stand beside --teacher.schedule.rate
      apply_option(*option, value);
    else if (sections_.contains(path))
      apply(value, path + ".");
    else
      unknown_.add(value, key, names_below(prefix));
  }

  void apply_option(Option& option, const Node& value) {
    if (option.cli_only)
      value.fail("names something of one run and is not part of a configuration",
                 fmt::format("pass {}", option.flag_name()));
    if (!seen_.insert(option.path).second)
      value.fail("is set twice in this file", fmt::format("keep one of the two ways to write {}", option.path));
    set_from_node(option, value);
  }

  /// Keys that may stand in the section `prefix`: options and sections.
  std::vector<std::string> names_below(const std::string& prefix) const {
    std::vector<std::string> names;
    const auto offer = [&](const std::string& path) {
      if (path.starts_with(prefix) && path.find('.', prefix.size()) == path.npos)
        names.push_back(path.substr(prefix.size()));
    };
    for (const auto& path : known_) offer(path);
    for (const auto& path : sections_) offer(path);
    return names;
  }

  Binder& binder_;
  std::vector<std::string> known_;
  std::set<std::string> sections_, seen_;
  UnknownKeys unknown_;
};

[[noreturn]] void throw_as_usage(const Error& error) {
  throw Error(ErrorKind::usage, error.where(), error.message(), error.fix());
}

}  // namespace

void apply_yaml(Binder& binder, const Node& document) {
  if (document.kind() == Node::Kind::null) return;  // an empty file changes nothing
  YamlLayer layer(binder);
  layer.apply(document, "");
  layer.report();
}

void apply_set(Binder& binder, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == assignment.npos || equals == 0)
    throw Error(ErrorKind::usage, fmt::format("--set {}", printable(assignment)), "is not an assignment",
                "write --set key=value");
  std::string path = assignment.substr(0, equals);
  std::replace(path.begin(), path.end(), '-', '_');
  const std::string text = assignment.substr(equals + 1), where = "--set " + printable(path, 80);
  Option* option = binder.find(path);
  if (option == nullptr || option->cli_only) {
    std::vector<std::string> known;
    for (const Option& candidate : binder.options())
      if (!candidate.cli_only) known.push_back(candidate.path);
    throw Error(ErrorKind::usage, where, "there is no such option", base::suggestion(path, known));
  }
  try {
    if (option->is_list && text.starts_with('[')) return set_from_node(*option, parse_yaml(text, where));
    if (option->is_list) option->clear();
    option->set(text, where);
  } catch (const Error& error) {
    throw_as_usage(error);
  }
}

void apply_flag(Option& option, const std::vector<std::string>& values) {
  if (values.empty()) return;
  try {
    if (!option.is_list) return option.set(values.back(), option.flag_name());
    option.clear();
    for (const auto& value : values) option.set(value, option.flag_name());
  } catch (const Error& error) {
    throw_as_usage(error);
  }
}

}  // namespace allot::config
