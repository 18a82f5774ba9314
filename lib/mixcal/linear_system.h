// SPDX-License-Identifier: Apache-2.0
// Linear equations of a symmetric positive matrix.
#pragma once

#include <vector>

namespace allot::mixcal {

/// x of matrix x = right, by Cholesky's decomposition. matrix: row-major, right.size() squared.
/// Errors: internal if it is not positive.
std::vector<double> solve_positive(std::vector<double> matrix, std::vector<double> right);

}  // namespace allot::mixcal
