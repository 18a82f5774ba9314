// SPDX-License-Identifier: Apache-2.0
// The mean of measured times that outliers cannot move far.
#pragma once

#include <span>

namespace allot::measure {

/// Huber's mean (placement 3.5): begins at the median m, with the margin 1.5 x 1.4826 x median |x - m|; then at most 10
/// times the m at which samples within the margin of the last m, and the others by +-margin, pull equally. A margin of
/// 0 gives the median. Of an empty list 0. O(n log n). After: Huber, "Robust estimation of a location parameter", Ann.
/// Math. Statist. 35, 1964.
double robust_mean(std::span<const double> samples);

/// Of an even number the mean of the middle two; of none 0.
double median(std::span<const double> samples);

}  // namespace allot::measure
