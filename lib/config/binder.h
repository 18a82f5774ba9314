// SPDX-License-Identifier: Apache-2.0
// Options: one struct with defaults and one bind() serve YAML files, flags, --help, --print-config and the docs.
//
//   struct SearchOptions {
//     int64_t evaluations = 0;
//     std::string method = "auto";
//     void bind(config::Binder& b) {
//       b.integer("evaluations", evaluations, "simulations to spend; 0 = about 20 million op visits", 0, int64_t{1} <<
//       40); b.choice("method", method, "how to place", {"auto", "heft"});
//     }
//   };
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/units.h"
#include "config/yaml.h"

namespace allot::config {

/// One option, type-erased. `path` is dotted for sections ("search.evaluations"); the flag is the same with
/// underscores as dashes ("--search.evaluations"; top-level options have no dot).
struct Option {
  std::string path, help, type, range, default_text;  // type: "flag", "integer", "text", "size", "choice" ...
  std::string metavar;                                // stands for the value in help: "N", "FILE"
  std::vector<std::string> choices;                   // of a choice
  bool is_flag = false, is_list = false;
  bool cli_only = false;    // names files of this run: not part of a stored config
  bool goes_first = false;  // in a file, wherever it is written there: see Binder::preset
  /// Errors: config, at `where`.
  std::function<void(const std::string& text, const std::string& where)> set;  // lists: appends
  std::function<void()> clear;                    // lists: back to empty before the first set of a layer
  std::function<std::vector<std::string>()> get;  // the present value as text(s)

  /// From now on `given` becomes true when a layer above the defaults sets this option, be it to the default value.
  void tell_when_set(bool& given);
  /// "--search.evaluations".
  std::string flag_name() const;
  /// The present value as YAML: "16GiB", "[a, b]".
  std::string yaml() const;
};

class Binder {
 public:
  /// Options bound inside `body` get the prefix "name.".
  void section(std::string name, std::string help, const std::function<void(Binder&)>& body);

  Option& flag(std::string name, bool& value, std::string help);
  Option& integer(std::string name, int64_t& value, std::string help, int64_t min, int64_t max);
  Option& number(std::string name, double& value, std::string help, double min, double max, Unit unit = Unit::none);
  Option& text(std::string name, std::string& value, std::string help);
  Option& choice(std::string name, std::string& value, std::string help, std::vector<std::string> choices);
  Option& list(std::string name, std::vector<std::string>& values, std::string help);

  /// `option` stands for values of all options in `sections` (or of the options of these names), bound after it:
  /// whenever it is set, `apply` gives them these, which are their defaults from then on. Files and flags set it before
  /// the others, so that these may change what it gave; a later layer that sets it takes back what an earlier one said
  /// of them. The binder must not move.
  void preset(Option& option, std::vector<std::string> sections, std::function<void()> apply);

  const std::vector<Option>& options() const { return options_; }
  std::vector<Option>& options() { return options_; }
  Option* find(std::string_view path);
  const Option* find(std::string_view path) const { return const_cast<Binder*>(this)->find(path); }
  /// Section helps by name, in order of binding.
  const std::vector<std::pair<std::string, std::string>>& sections() const { return sections_; }

 private:
  Option& add(std::string name, std::string help, std::string type, std::string metavar);
  std::string prefix_;
  std::vector<Option> options_;
  std::vector<std::pair<std::string, std::string>> sections_;
};

/// Layers, each over the one before: defaults < YAML files in order < --set < flags. A later layer replaces lists.
/// Errors (config for files with file:line, usage for --set and flags): unknown keys, all of them at once with the
/// nearest names; wrong type; out of range (the range is shown); a scalar where a list is meant is a list of one.
void apply_yaml(Binder& binder, const Node& document);
void apply_set(Binder& binder, const std::string& assignment);  // "search.evaluations=100", "deny=[a, b]"
/// Sets an option from a flag's values: the last one, or all for a list. Errors: usage, naming the flag.
void apply_flag(Option& option, const std::vector<std::string>& values);

/// Commented YAML that, fed back, gives the same options. minimal: only what differs from the defaults.
std::string dump_yaml(const Binder& binder, bool minimal);

/// A Markdown table of all options: flag, type and range, default, help.
std::string options_markdown(const Binder& binder);

}  // namespace allot::config
