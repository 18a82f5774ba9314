// SPDX-License-Identifier: Apache-2.0
// Values as bytes, for devices in other processes.
#pragma once

#include "dist/wire.h"
#include "exec/value.h"

namespace allot::run {

/// Values, too.
class WireWriter : public dist::WireWriter {
 public:
  void value(const exec::Value& value);
};

/// Errors of all: malformed for bytes that end early or make no sense.
class WireReader : public dist::WireReader {
 public:
  using dist::WireReader::WireReader;
  /// Tensors are on the processor; whether they ask for gradients is kept.
  exec::Value value(int nesting = 0);
};

}  // namespace allot::run
