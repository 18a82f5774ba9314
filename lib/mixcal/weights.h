// SPDX-License-Identifier: Apache-2.0
// Shares of domains: what is the same whoever found them, and the mixes that need no training.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace allot::mixcal {

/// A number a domain, at least 0, in all 1: the probability that a token is drawn from it.
using Weights = std::vector<double>;

/// `weights` over their sum. Errors: malformed, naming `where`, if one is negative or not finite, or all are 0.
Weights normalized(Weights weights, const std::string& where = "weights");

Weights uniform(size_t domains);
/// Shares of the tokens there are. Errors: those of normalized().
Weights natural(std::span<const double> tokens);
/// Proportional to tokens^exponent: 1 is natural(), 0 is uniform() over domains that have any.
Weights temperature(std::span<const double> tokens, double exponent);
/// As even as `epochs` passes over each domain allow when `budget` tokens are drawn.
/// Source: Chung et al., "UniMax", ICLR 2023, algorithm 1. Errors: those of capped().
Weights unimax(std::span<const double> tokens, double budget, double epochs);

/// How often each domain is passed when `budget` tokens are drawn.
std::vector<double> epochs_of(std::span<const double> weights, std::span<const double> tokens, double budget);
/// The largest share of each domain of which `budget` tokens can be drawn in at most `epochs` passes.
std::vector<double> caps_of(std::span<const double> tokens, double budget, double epochs);
/// What exceeds its cap is brought down to it, all others grow by one factor, again until all fit (water filling).
/// Errors: config if the caps add up to less than 1.
Weights capped(const Weights& weights, std::span<const double> caps);

/// 1 / sum of squares: as many domains of equal weight are as even.
double effective_domains(std::span<const double> weights);
/// The largest |a_i - b_i|.
double largest_difference(std::span<const double> a, std::span<const double> b);
/// sum a_i log(a_i / b_i), where b_i = 0 counts as 1e-9. Nats.
double divergence(std::span<const double> a, std::span<const double> b);

/// Six digits after the point that add up to 1, and no 0 of a domain whose weight is above 0: what files get.
Weights rounded(const Weights& weights);

}  // namespace allot::mixcal
