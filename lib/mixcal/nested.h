// SPDX-License-Identifier: Apache-2.0
// Categories within categories: domains whose names are paths, "web/en" and "web/de" within "web".
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace allot::mixcal {

/// Shares of all categories that hold others, by name: sums of the weights of the domains within.
std::vector<std::pair<std::string, double>> group_shares(const std::vector<std::string>& names,
                                                         const std::vector<double>& weights);

/// Where `given` names a category that holds others: numbers at each level count beside those of the same category
/// alone, and a domain's weight is the product over its levels. Otherwise `given`, as it is.
/// Errors: malformed, naming `where`, for a level of a domain that nothing is said of.
std::map<std::string, double> multiplied_out(const std::map<std::string, double>& given,
                                             const std::vector<std::string>& names, const std::string& where);

}  // namespace allot::mixcal
