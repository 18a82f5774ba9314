// SPDX-License-Identifier: Apache-2.0
// Short texts that describe networks to generate, as mlp:2-16-16-2,activation=tanh: their parts, with errors of `gen
// --net`.
#pragma once

#include <charconv>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace allot::train {

/// What is between separators, in order.
std::vector<std::string> pieces(const std::string& text, char separator);

/// Reads parts of one kind of recipe. All errors are usage, name the part, and tell `remedy` or the nearest choice.
class RecipeText {
 public:
  explicit constexpr RecipeText(const char* remedy) : remedy_(remedy) {}

  [[noreturn]] void refuse(const std::string& part, const std::string& what) const;
  /// One of `choices`.
  std::string choice(const std::string& value, const std::vector<std::string>& choices) const;
  /// A number in [least, most].
  template <typename Number>
  Number number(const std::string& text, Number least, Number most) const {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most))
      refuse(text, fmt::format("is not a number in [{}, {}]", least, most));
    return value;
  }

 private:
  const char* remedy_;
};

}  // namespace allot::train
