// SPDX-License-Identifier: Apache-2.0
#include "mixcal/linear_system.h"

#include <cmath>

#include "base/error.h"

namespace allot::mixcal {

std::vector<double> solve_positive(std::vector<double> matrix, std::vector<double> right) {
  const size_t size = right.size();
  ALLOT_ASSERT(matrix.size() == size * size);
  for (size_t i = 0; i < size; ++i) {
    double* row = &matrix[i * size];
    for (size_t j = 0; j <= i; ++j) {
      double rest = row[j];
      for (size_t k = 0; k < j; ++k) rest -= row[k] * matrix[j * size + k];
      if (j < i) {
        row[j] = rest / matrix[j * size + j];
        continue;
      }
      ALLOT_ASSERT(rest > 0);
      row[i] = std::sqrt(rest);
    }
    for (size_t k = 0; k < i; ++k) right[i] -= row[k] * right[k];
    right[i] /= row[i];
  }
  for (size_t i = size; i-- > 0;) {
    for (size_t k = i + 1; k < size; ++k) right[i] -= matrix[k * size + i] * right[k];
    right[i] /= matrix[i * size + i];
  }
  return right;
}

}  // namespace allot::mixcal
