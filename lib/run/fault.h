// SPDX-License-Identifier: Apache-2.0
// Failures on purpose, for tests of whoever measures: ALLOT_RUN_FAULT=kill:12, memory:12 or hang:12 when node 12 runs.
#pragma once

#include <optional>
#include <string>

#include "exec/call.h"

namespace allot::run {

class Fault : public exec::StepObserver {
 public:
  /// What the environment asks for, or nullptr. Errors: config for anything else than the forms above.
  static std::unique_ptr<Fault> from_environment(const exec::Plan& plan);

  void before(const exec::Step& step) override;
  void after(const exec::Step&) override {}

 private:
  enum class Kind : uint8_t { kill, memory, hang };
  Fault(const exec::Plan& plan, Kind kind, uint32_t node) : plan_(plan), kind_(kind), node_(node) {}

  const exec::Plan& plan_;
  const Kind kind_;
  const uint32_t node_;
};

}  // namespace allot::run
