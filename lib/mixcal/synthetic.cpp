// SPDX-License-Identifier: Apache-2.0
#include "mixcal/synthetic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"

namespace allot::mixcal {
namespace {

constexpr uint32_t kKernelStream = 0x6d697879, kTokenStream = 0x6d69787a;
constexpr size_t kSegment = 256, kRestart = 64;

/// A chain whose next symbol depends on the last `order`.
class Chain {
 public:
  /// Successors of each context are drawn without repetition, their probabilities from a flat Dirichlet distribution.
  Chain(uint16_t first, uint32_t symbols, uint32_t order, uint32_t successors, uint64_t seed, uint32_t kernel)
      : first_(first), symbols_(symbols), order_(order) {
    const uint32_t contexts = order == 2 ? symbols * symbols : symbols;
    for (uint32_t context = 0; context < contexts; ++context) {
      base::Rng rng(seed, kKernelStream, kernel, context);
      Row row;
      double sum = 0;
      while (row.size() < successors) {
        const auto symbol = static_cast<uint16_t>(rng.below(symbols));
        if (std::any_of(row.begin(), row.end(), [&](const auto& each) { return each.first == symbol; })) continue;
        row.emplace_back(symbol, -std::log(1 - rng.uniform()));
        sum += row.back().second;
      }
      for (auto& [symbol, probability] : row) probability /= sum;
      rows_.push_back(std::move(row));
    }
  }

  /// Appends `count` symbols of a fresh stream, and what they would have cost who knows the chain.
  void append(size_t count, base::Rng& rng, std::vector<uint16_t>& tokens, double& nats) const {
    uint32_t before = rng.below(symbols_), last = rng.below(symbols_);
    for (size_t i = 0; i < count; ++i) {
      const Row& row = rows_[order_ == 2 ? before * symbols_ + last : last];
      double left = rng.uniform();
      size_t at = 0;
      while (at + 1 < row.size() && left >= row[at].second) left -= row[at++].second;
      nats -= std::log(row[at].second);
      before = last, last = row[at].first;
      tokens.push_back(static_cast<uint16_t>(first_ + last));
    }
  }

 private:
  using Row = std::vector<std::pair<uint16_t, double>>;
  uint16_t first_;
  uint32_t symbols_, order_;
  std::vector<Row> rows_;
};

struct Numbers {
  uint32_t noise, cycle, states, state_successors, symbols, pair_successors;
  uint64_t kernels;
  std::array<double, 5> shares;
};

}  // namespace

std::vector<SyntheticDomain> synthetic_task(const std::string& name, int64_t tokens, uint64_t seed) {
  if (name != "five" && name != "other")
    throw base::Error(base::ErrorKind::usage, base::printable(name), "is no task", "choose five or other");
  const Numbers numbers = name == "five" ? Numbers{32, 16, 32, 8, 20, 3, 1234, {.35, .25, .15, .10, .15}}
                                         : Numbers{24, 12, 36, 6, 18, 4, 4321, {.20, .30, .20, .12, .18}};
  const auto cycle_first = static_cast<uint16_t>(numbers.noise),
             states_first = static_cast<uint16_t>(cycle_first + numbers.cycle),
             symbols_first = static_cast<uint16_t>(states_first + numbers.states);
  const Chain medium(states_first, numbers.states, 1, numbers.state_successors, numbers.kernels, 0);
  const Chain hard(symbols_first, numbers.symbols, 2, numbers.pair_successors, numbers.kernels, 1);
  std::vector<SyntheticDomain> domains = {{"noise"}, {"easy"}, {"medium"}, {"hard"}, {"overlap"}};
  for (size_t i = 0; i < domains.size(); ++i) {
    SyntheticDomain& domain = domains[i];
    const auto count = static_cast<size_t>(numbers.shares[i] * static_cast<double>(tokens));
    base::Rng rng(seed, kTokenStream, static_cast<uint32_t>(i));
    double nats = 0;
    if (domain.name == "noise") {
      for (size_t t = 0; t < count; ++t) domain.tokens.push_back(static_cast<uint16_t>(rng.below(numbers.noise)));
      nats = static_cast<double>(count) * std::log(numbers.noise);
    } else if (domain.name == "easy") {
      uint32_t at = 0;
      for (size_t t = 0; t < count; ++t, ++at) {
        if (t % kRestart == 0) at = rng.below(numbers.cycle), nats += std::log(numbers.cycle);
        domain.tokens.push_back(static_cast<uint16_t>(cycle_first + at % numbers.cycle));
      }
    } else if (domain.name != "overlap") {
      (domain.name == "medium" ? medium : hard).append(count, rng, domain.tokens, nats);
    } else {
      while (domain.tokens.size() < count)
        (rng.below(2) == 0 ? medium : hard).append(kSegment, rng, domain.tokens, nats);
    }
    domain.entropy = nats / static_cast<double>(std::max<size_t>(1, domain.tokens.size()));
  }
  return domains;
}

}  // namespace allot::mixcal
