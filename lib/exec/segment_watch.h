// SPDX-License-Identifier: Apache-2.0
// Who is told of a program's segments as they run.
#pragma once

#include <cstddef>

namespace allot::exec {

/// Of a program in segments (CompileOptions::remat): told before a segment's first step, and when it needs its weights
/// no more. Gradients run segments anew, the last one first. What crosses a border shares no memory with weights.
class SegmentWatch {
 public:
  virtual ~SegmentWatch() = default;
  virtual void before(size_t segment) = 0;
  virtual void after(size_t segment) = 0;
};

/// While it lives, programs that this thread runs, and gradients of what it ran, tell `watch`; null: nobody.
class Watched {
 public:
  explicit Watched(SegmentWatch* watch);
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  SegmentWatch* const before_;
};

/// Of this thread; null where there is none.
SegmentWatch* segment_watch();

}  // namespace allot::exec
