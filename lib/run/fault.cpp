// SPDX-License-Identifier: Apache-2.0
#include "run/fault.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <ATen/ops/empty.h>

#include "base/error.h"

namespace allot::run {
namespace {

constexpr const char* kVariable = "ALLOT_RUN_FAULT";

}  // namespace

std::unique_ptr<Fault> Fault::from_environment(const exec::Plan& plan) {
  const char* set = std::getenv(kVariable);
  if (!set || !*set) return nullptr;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds = {
      {{"kill:", Kind::kill}, {"memory:", Kind::memory}, {"hang:", Kind::hang}}};
  const std::string_view text = set;
  for (const auto& [word, kind] : kKinds) {
    if (!text.starts_with(word)) continue;
    uint32_t node = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + word.size(), end, node);
    if (error == std::errc{} && stop == end) return std::unique_ptr<Fault>(new Fault(plan, kind, node));
  }
  throw base::Error(base::ErrorKind::config, kVariable, fmt::format("is '{}'", base::printable(text)),
                    "set it to kill:N, memory:N or hang:N with the index of a node");
}

void Fault::before(const exec::Step& step) {
  if (plan_.nodes[step.node].source != node_) return;
  switch (kind_) {
    case Kind::kill:
      std::raise(SIGKILL);
      break;
    case Kind::memory:  // more than there is address space for: torch's own way to fail
      at::empty({int64_t{1} << 60}, at::kByte);
      break;
    case Kind::hang:
      for (;;) pause();
  }
}

}  // namespace allot::run
