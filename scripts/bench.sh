#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures speed and quality and prints one table: figure, the strongest baseline or bound beside it, bar, verdict.
#   scripts/bench.sh [--full] [--json FILE] [SUBJECT...]      subjects: sim, import, place, quality
# Without --full it takes about two minutes. Programs are those of build/release, built first if missing. Exit code 1 if
# a figure falls short of its bar.
set -euo pipefail
source "$(dirname "$0")/env.sh"

use_tools
programs=(sim_bench import_bench place_bench quality_bench)
for program in "${programs[@]}"; do
  [ -e "$ALLOT_ROOT/build/release/bin/$program" ] && continue
  "$ALLOT_ROOT/scripts/setup.sh" test
  use_tools
  configure release -DALLOT_TESTS=ON >&2
  cmake --build "$ALLOT_ROOT/build/release" -j "$ALLOT_JOBS" --target "${programs[@]}" >&2
  break
done
exec "$(tools_venv)/bin/python" "$ALLOT_ROOT/test/bench/table.py" "$@"
