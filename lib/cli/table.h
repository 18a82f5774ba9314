// SPDX-License-Identifier: Apache-2.0
// Text tables on standard output.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace allot::cli {

/// Columns that a terminal needs for `text`: combining marks none, East Asian and emoji two.
size_t display_width(std::string_view text);

/// Columns sized to their content (UTF-8 aware); numbers (cells that start with a digit, + or -) to the right.
/// Control characters are escaped and very long cells cut in the middle.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void row(std::vector<std::string> cells);
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace allot::cli
