// SPDX-License-Identifier: Apache-2.0
// The C library's memory for programs that run networks again and again.
#pragma once

namespace allot::exec {

/// Keeps memory that is freed for the next run. By default glibc gives blocks of some hundred KiB, and the end of the
/// heap, back to the system, which clears every page anew when they are asked for again: a fifth of the time of an
/// LSTM's training step. Blocks of 16 MiB and more still go back: work space of that size is asked for by kernels that
/// touch a part of it, and kept memory would hold all of it. Call at the start of a program.
void keep_freed_memory();

}  // namespace allot::exec
