// SPDX-License-Identifier: Apache-2.0
// Which Allot this is.
#pragma once

#include <string>
#include <string_view>

namespace allot::cli {

/// "0.1.0".
std::string_view version();

/// "0.1.0 (5ff8ae7d1c, Release, GCC 12.2.0)"; the commit is missing in a build from a source archive, and followed by
/// "+" in a build of changed files.
std::string build_description();

}  // namespace allot::cli
