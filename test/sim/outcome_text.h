// SPDX-License-Identifier: Apache-2.0
// What a run did as one line: equal lines, equal outcomes; unequal ones show where two engines part.
#pragma once

#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/simulator.h"

namespace allot::test {

inline std::string text(const sim::Outcome& outcome) {
  std::string out =
      fmt::format("makespan {} busy {} peak {} params {} crossings {} io {} moved {} overflow {} start {} end {}",
                  outcome.makespan_ps, fmt::join(outcome.busy_ps, ","), fmt::join(outcome.peak_bytes, ","),
                  fmt::join(outcome.param_bytes, ","), outcome.crossings, outcome.io_transfers, outcome.bytes_moved,
                  outcome.overflow_bytes, fmt::join(outcome.start_ps, ","), fmt::join(outcome.end_ps, ","));
  for (const auto& t : outcome.transfers)
    out += fmt::format(" [t{} {}->{} {}-{} io {}]", t.tensor, t.from, t.to, t.start_ps, t.end_ps, t.io);
  for (const auto& oom : outcome.out_of_memory)
    out += fmt::format(" (d{} at {} over {} op {})", oom.device, oom.time_ps, oom.over_bytes, oom.op);
  return out;
}

/// The same with what only the event-driven engine tells: streams, memory over time, what filled it.
inline std::string full_text(const sim::Outcome& outcome) {
  std::string out = text(outcome) + fmt::format(" streams {}", fmt::join(outcome.stream, ","));
  for (const auto& oom : outcome.out_of_memory)
    for (const auto& [tensor, bytes] : oom.held) out += fmt::format(" d{}: t{} {}", oom.device, tensor, bytes);
  for (const auto& points : outcome.memory)
    for (const auto& point : points)
      out += fmt::format("{}{}@{}", &point == &points[0] ? " | " : ",", point.bytes, point.time_ps);
  return out;
}

}  // namespace allot::test
