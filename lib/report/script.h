// SPDX-License-Identifier: Apache-2.0
// The one script of all pages.
#pragma once

#include <string_view>

namespace allot::report {

/// JavaScript that lets readers magnify and move timelines and ask what a bar is. It works on what the page holds and
/// fetches nothing; a page whose viewer forbids scripts shows the same charts at rest.
std::string_view script();

}  // namespace allot::report
