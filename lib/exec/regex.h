// SPDX-License-Identifier: Apache-2.0
// Regular expressions that cannot run away: RE2's syntax, matched in time linear in the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace allot::exec {

/// A pattern in the syntax of RE2 on UTF-8 text, without Unicode classes (\p) and single bytes (\C), compiled to a
/// nondeterministic automaton whose states are all followed at once (Thompson, "Regular expression search algorithm",
/// CACM 1968). Groups only group: nothing is captured.
class Regex {
 public:
  /// Errors: malformed, with the place in the pattern, for what RE2 does not accept either; unavailable for \p and \C;
  /// malformed for a pattern of more than 10,000 states once its repetitions are written out.
  explicit Regex(std::string_view pattern);

  /// Whether all of `text` is a match. O(text x pattern).
  bool matches(std::string_view text) const;

  /// A set of characters; for matching.
  struct Set {
    std::vector<std::pair<char32_t, char32_t>> ranges;
    bool is_negated = false, folds_case = false;
    bool has(char32_t character) const;
  };
  /// One state. Jumps are relative, so that a piece of code can be copied.
  struct State {
    enum class Kind : uint8_t { set, split, jump, text_begin, text_end, line_begin, line_end, word_edge, no_word_edge };
    Kind kind = Kind::jump;
    int32_t first = 1, second = 1;  // a set: its index; a split: both ways; a jump: the way
  };

 private:
  class Threads;
  std::vector<Set> sets_;
  std::vector<State> states_;
};

}  // namespace allot::exec
