#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures every bar of a topic anew and prints a line each: number, what, figure, target, verdict.
#   scripts/bars.sh TOPIC [--quick] [NUMBER...]     topics: see scripts/bars/
# Verdicts are `holds`, `falls short`, and `skipped` with the reason. Exit code 1 if one falls short.
# --quick answers within a minute, on less. Programs are those of build/release (built first if missing).
set -euo pipefail
source "$(dirname "$0")/env.sh"

topics=$(cd "$ALLOT_ROOT/scripts/bars" && ls ./*.py | sed -n 's,^\./\(.*\)\.py$,\1,p' | grep -v '^bar$' | tr '_\n' '- ')
[ $# -ge 1 ] || die "usage: bars.sh TOPIC [--quick] [NUMBER...]; topics: $topics" 64
script="$ALLOT_ROOT/scripts/bars/${1//-/_}.py"
[ -e "$script" ] || die "'$1' is no topic; choose one of: $topics" 64

use_tools
if [ ! -e "$ALLOT_ROOT/build/release/bin/placer-apply" ]; then
  "$ALLOT_ROOT/scripts/setup.sh" test
  use_tools
  configure release -DALLOT_TESTS=ON >&2
  cmake --build "$ALLOT_ROOT/build/release" -j "$ALLOT_JOBS" >&2
fi
PYTHONPATH="$ALLOT_ROOT/test/programs:$ALLOT_ROOT/scripts" exec python3 "$script" "${@:2}"
