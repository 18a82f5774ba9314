// SPDX-License-Identifier: Apache-2.0
// allot-worker: runs placed models on LibTorch for other programs, which speak to it through a pipe.
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "cli/version.h"
#include "exec/allocator.h"
#include "run/serve.h"

namespace {

using namespace allot;

// Whatever a library prints must not end up between the answers.
int take_standard_output() {
  const int answers = dup(STDOUT_FILENO);
  if (answers < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    throw base::Error(base::ErrorKind::io, "standard output", std::strerror(errno));
  return answers;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::printf("allot-worker %s\n", cli::build_description().c_str());
    return 0;
  }
  if (argc != 1 || isatty(STDIN_FILENO)) {
    std::fprintf(stderr,
                 "allot-worker: is started by placer-apply --run and answers its requests; see docs/formats.md\n");
    return base::exit_code(base::ErrorKind::usage);
  }
  try {
    exec::keep_freed_memory();
    run::serve(STDIN_FILENO, take_standard_output(), cli::version());
    return 0;
  } catch (const base::Error& error) {
    std::fprintf(stderr, "allot-worker: %s\n", error.what());
    return base::exit_code(error.kind());
  }
}
