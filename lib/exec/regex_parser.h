// SPDX-License-Identifier: Apache-2.0
// From the text of a regular expression to the states of its automaton.
#pragma once

#include <optional>

#include "exec/regex.h"
#include "exec/regex_classes.h"

namespace allot::exec {

/// Recursive descent over one pattern; see Regex for what it accepts.
class RegexParser {
 public:
  using Code = std::vector<Regex::State>;

  RegexParser(std::string_view pattern, std::vector<Regex::Set>& sets) : all_(pattern), rest_(pattern), sets_(sets) {}

  /// The whole pattern; behind its last state is the end of the match.
  Code parse();

 private:
  struct Flags {
    bool folds_case = false, is_multiline = false, dot_takes_newline = false;
  };

  Code alternatives();
  Code sequence();
  Code atom();
  Code group();
  Code quoted();
  Code escape();
  Code set_of(Ranges ranges, bool is_negated = false);
  Code character(char32_t c) { return set_of({{c, c}}); }
  Code repeated(const Code& code);
  Code bracket();
  bool bracket_item(Ranges& ranges);
  char32_t escaped_character(char32_t c);
  std::optional<std::pair<int, int>> counts();
  void read_flags();

  bool at(std::string_view text) const { return rest_.starts_with(text); }
  bool accept(std::string_view text);
  char32_t next();
  void append(Code& code, const Code& more) const;
  [[noreturn]] void fail(std::string_view why) const;

  const std::string_view all_;
  std::string_view rest_;
  std::vector<Regex::Set>& sets_;
  Flags flags_;
  int depth_ = 0;
};

}  // namespace allot::exec
