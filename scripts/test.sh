#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up, builds and tests everything; this is what continuous integration runs.
#   scripts/test.sh          the release build and one with sanitizers
#   scripts/test.sh --full   also the checked build, longer property tests and every bar
# The last line counts tests; the exit code is 0 only if everything was built and every test passed.
set -euo pipefail
source "$(dirname "$0")/env.sh"

passed=0
failed=0

# tally FILE: adds the counts of a JUnit report.
tally() {
  local tests failures
  tests=$(grep -om1 'tests="[0-9]*"' "$1" | tr -dc 0-9)
  failures=$(grep -om1 'failures="[0-9]*"' "$1" | tr -dc 0-9)
  passed=$((passed + tests - failures))
  failed=$((failed + failures))
}

# build_and_test PRESET [-D...]
build_and_test() {
  local preset=$1 build="$ALLOT_ROOT/build/$1"; shift
  say "building $preset"
  configure "$preset" -DALLOT_TESTS=ON "$@" >&2
  cmake --build "$build" -j "$ALLOT_JOBS"
  say "testing $preset"
  rm -f "$build/tests.xml"
  ctest --test-dir "$build" -j "$ALLOT_JOBS" --output-on-failure --no-tests=error --output-junit "$build/tests.xml" || true
  tally "$build/tests.xml"
}

main() {
  local full=0
  case ${1:-} in
    "") ;;
    --full) full=1 ;;
    *) die "usage: test.sh [--full]" 64 ;;
  esac
  "$ALLOT_ROOT/scripts/setup.sh" test
  use_tools
  [ $full = 0 ] || export ALLOT_TEST_FULL=1
  build_and_test release -DALLOT_LEARN=ON -DALLOT_WERROR=ON
  build_and_test asan -DALLOT_LEARN=OFF  # also proves that the core is whole without LibTorch
  if [ $full = 1 ]; then
    build_and_test dev -DALLOT_LEARN=ON
    "$ALLOT_ROOT/scripts/bars.sh" skeleton && passed=$((passed + 1)) || failed=$((failed + 1))
  fi
  echo "$passed passed, $failed failed"
  [ $failed = 0 ]
}
main "$@"
