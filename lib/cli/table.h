// SPDX-License-Identifier: Apache-2.0
// Text tables on standard output.
#pragma once

#include <string>
#include <vector>

namespace allot::cli {

/// Columns sized to their content (UTF-8 aware); numbers (cells that start with a digit, + or -) to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void row(std::vector<std::string> cells);
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace allot::cli
