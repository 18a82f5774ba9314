// SPDX-License-Identifier: Apache-2.0
// A table as text, for pages and terminals alike.
#pragma once

#include <string>
#include <vector>

namespace allot::train {

struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

}  // namespace allot::train
