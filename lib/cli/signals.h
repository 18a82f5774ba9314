// SPDX-License-Identifier: Apache-2.0
// Signals become flags that long loops poll.
#pragma once

namespace allot::cli {

/// The first SIGINT or SIGTERM sets stop_requested(), the second has its default effect; SIGPIPE is ignored.
void install_signal_handlers();

}  // namespace allot::cli
