// SPDX-License-Identifier: Apache-2.0
// The only file that knows the commit, so that a new commit compiles nothing else.
#include "cli/version.h"

#include <fmt/format.h>

#include "git_commit.h"

namespace allot::cli {

std::string_view version() { return ALLOT_VERSION; }

std::string build_description() {
#if defined(__clang__)
  constexpr std::string_view kCompiler = "Clang " __clang_version__;
#else
  constexpr std::string_view kCompiler = "GCC " __VERSION__;
#endif
  constexpr std::string_view kCommit = ALLOT_GIT_COMMIT;
  return fmt::format("{} ({}{}{}, {})", version(), kCommit, kCommit.empty() ? "" : ", ", ALLOT_BUILD_TYPE, kCompiler);
}

}  // namespace allot::cli
