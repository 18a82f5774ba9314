// SPDX-License-Identifier: Apache-2.0
#include "exec/segment_watch.h"

#include <utility>

namespace allot::exec {
namespace {

thread_local SegmentWatch* current = nullptr;

}  // namespace

Watched::Watched(SegmentWatch* watch) : before_(std::exchange(current, watch)) {}
Watched::~Watched() { current = before_; }

SegmentWatch* segment_watch() { return current; }

}  // namespace allot::exec
