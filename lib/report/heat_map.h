// SPDX-License-Identifier: Apache-2.0
// A matrix as a picture of its numbers.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace allot::report {

/// Rows of numbers, all equally long, as cells: blue above 0 and red below, in nine steps of strength up to the largest
/// magnitude, which the key names; a cell that is not finite stays empty. tooltip(row, column) is a cell's. Text is
/// escaped. Of nothing: an empty string.
std::string heat_map(const std::vector<std::vector<double>>& rows, std::string_view label,
                     const std::function<std::string(size_t, size_t)>& tooltip);

}  // namespace allot::report
