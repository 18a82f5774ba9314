// SPDX-License-Identifier: Apache-2.0
#include "train/recipe_text.h"

#include <algorithm>
#include <sstream>

namespace allot::train {

std::vector<std::string> pieces(const std::string& text, char separator) {
  std::vector<std::string> result;
  std::istringstream in(text);
  for (std::string piece; std::getline(in, piece, separator);) result.push_back(piece);
  return result;
}

void RecipeText::refuse(const std::string& part, const std::string& what) const {
  throw base::Error(base::ErrorKind::usage, fmt::format("--net: {}", base::printable(part)), what, remedy_);
}

std::string RecipeText::choice(const std::string& value, const std::vector<std::string>& choices) const {
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    throw base::Error(base::ErrorKind::usage, fmt::format("--net: {}", base::printable(value)),
                      "is none of the choices", base::suggestion(value, choices));
  return value;
}

}  // namespace allot::train
