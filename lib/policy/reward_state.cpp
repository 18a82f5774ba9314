// SPDX-License-Identifier: Apache-2.0
#include "policy/reward_state.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

#include "base/error.h"

namespace allot::policy {
namespace {

constexpr size_t kNumbers = 5;  // of a score

}  // namespace

void append_scores(std::vector<int64_t>& state, std::vector<KnownScore> scores) {
  std::sort(scores.begin(), scores.end(), [](const KnownScore& a, const KnownScore& b) {
    return std::tie(a.key.high, a.key.low) < std::tie(b.key.high, b.key.low);
  });
  state.push_back(static_cast<int64_t>(scores.size()));
  for (const auto& [key, score] : scores)
    state.insert(state.end(), {static_cast<int64_t>(key.low), static_cast<int64_t>(key.high), score.overflow_bytes,
                               score.value, score.makespan_ps});
}

int64_t StateReader::number() { return numbers(1).front(); }

std::span<const int64_t> StateReader::numbers(size_t count) {
  if (count > rest_.size()) wrong();
  const auto result = rest_.first(count);
  rest_ = rest_.subspan(count);
  return result;
}

double StateReader::real() {
  const auto value = std::bit_cast<double>(number());
  if (!std::isfinite(value)) wrong();
  return value;
}

place::UnitPlacement StateReader::placement(const place::Problem& problem) {
  place::UnitPlacement placement;
  for (place::UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
    const auto device = static_cast<uint64_t>(number());
    if (device >= problem.devices() || !problem.allowed(unit, static_cast<place::DeviceId>(device))) wrong();
    placement.push_back(static_cast<place::DeviceId>(device));
  }
  return placement;
}

std::vector<KnownScore> StateReader::scores() {
  const int64_t count = number();
  if (count < 0 || static_cast<uint64_t>(count) > rest_.size() / kNumbers) wrong();
  std::vector<KnownScore> result;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = numbers(kNumbers);
    result.push_back({{static_cast<uint64_t>(row[0]), static_cast<uint64_t>(row[1])}, {row[2], row[3], row[4]}});
  }
  return result;
}

void StateReader::end() const {
  if (!rest_.empty()) wrong();
}

void StateReader::wrong() const {
  throw base::Error(base::ErrorKind::malformed, where_, "what it says of rewards is not of this run",
                    "begin the run anew");
}

}  // namespace allot::policy
