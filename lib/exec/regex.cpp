// SPDX-License-Identifier: Apache-2.0
#include "exec/regex.h"

#include <algorithm>

#include "exec/regex_parser.h"
#include "exec/utf8.h"

namespace allot::exec {
namespace {

constexpr char32_t kNone = ~char32_t{0};  // before the first character and behind the last

bool is_word(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

// Whether an assertion holds between two characters.
bool holds(Regex::State::Kind kind, char32_t before, char32_t after) {
  using Kind = Regex::State::Kind;
  switch (kind) {
    case Kind::text_begin:
      return before == kNone;
    case Kind::text_end:
      return after == kNone;
    case Kind::line_begin:
      return before == kNone || before == '\n';
    case Kind::line_end:
      return after == kNone || after == '\n';
    case Kind::word_edge:
      return is_word(before) != is_word(after);
    case Kind::no_word_edge:
      return is_word(before) == is_word(after);
    default:
      return true;
  }
}

}  // namespace

bool Regex::Set::has(char32_t c) const {
  const auto in = [this](char32_t one) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [one](auto range) { return one >= range.first && one <= range.second; });
  };
  return (in(c) || (folds_case && (in(to_lower(c)) || in(to_upper(c))))) != is_negated;
}

/// The states that wait for the next character; one past the last means a match.
class Regex::Threads {
 public:
  explicit Threads(const std::vector<State>& states) : states_(states), is_in_(states.size() + 1, false) {}

  /// Adds a state and all that are reached from it without a character.
  void add(size_t state, char32_t before, char32_t after) {
    stack_.push_back(state);
    while (!stack_.empty()) {
      const size_t i = stack_.back();
      stack_.pop_back();
      if (is_in_[i]) continue;
      is_in_[i] = true;
      members_.push_back(i);
      if (i == states_.size() || states_[i].kind == State::Kind::set) continue;
      const State& s = states_[i];
      if (s.kind == State::Kind::split) stack_.push_back(i + static_cast<size_t>(s.second));
      if (s.kind == State::Kind::split || s.kind == State::Kind::jump)
        stack_.push_back(i + static_cast<size_t>(s.first));
      else if (holds(s.kind, before, after))
        stack_.push_back(i + 1);
    }
  }
  void clear() {
    for (const size_t i : members_) is_in_[i] = false;
    members_.clear();
  }
  const std::vector<size_t>& members() const { return members_; }
  bool has_matched() const { return is_in_.back(); }

 private:
  const std::vector<State>& states_;
  std::vector<char> is_in_;
  std::vector<size_t> members_, stack_;
};

Regex::Regex(std::string_view pattern) { states_ = RegexParser(pattern, sets_).parse(); }

bool Regex::matches(std::string_view text) const {
  Threads one(states_), other(states_);
  Threads *now = &one, *then = &other;
  const auto take = [&text] { return text.empty() ? kNone : next_character(text); };
  char32_t current = take();
  now->add(0, kNone, current);
  while (current != kNone && !now->members().empty()) {
    const char32_t following = take();
    for (const size_t i : now->members())
      if (i < states_.size() && states_[i].kind == State::Kind::set &&
          sets_[static_cast<size_t>(states_[i].first)].has(current))
        then->add(i + 1, current, following);
    std::swap(now, then);
    then->clear();
    current = following;
  }
  return current == kNone && now->has_matched();
}

}  // namespace allot::exec
