#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes everything that parses with libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer.
#   scripts/fuzz.sh [SECONDS [TARGET...]]    default: 300 seconds each of all
# What it learns is kept under the cache folder. An input that fails is left in build/fuzz/findings; mend the cause, then add
# the input to test/fuzz/corpus/TARGET, which every test run replays.
set -euo pipefail
source "$(dirname "$0")/env.sh"

seconds=${1:-300}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(onnx cluster constraints costs placement safetensors dataset image manifest tar tokens)
build="$ALLOT_ROOT/build/fuzz"

command -v clang++-19 >/dev/null ||
  die "needs Clang with libFuzzer; run: sudo apt-get install clang-19 libclang-rt-19-dev" 69
use_tools
configure fuzz -DALLOT_TESTS=ON >&2
cmake --build "$build" -j "$ALLOT_JOBS" --target "${targets[@]/#/fuzz_}"

# Small models of the ONNX package are seeds beside the committed corpus.
seeds() {
  echo "$ALLOT_ROOT/test/fuzz/corpus/$1"
  [ "$1" != onnx ] || echo "$build/seeds"
}
mkdir -p "$build/findings" "$build/seeds"
for model in "$(tools_venv)"/lib/python3*/site-packages/onnx/backend/test/data/node/*/model.onnx; do
  cp "$model" "$build/seeds/$(basename "$(dirname "$model")")"
done

failed=0
for target in "${targets[@]}"; do
  corpus="$ALLOT_CACHE/fuzz/$target"
  mkdir -p "$corpus"
  mapfile -t folders < <(seeds "$target")
  say "fuzzing $target for $seconds s"
  # An allocation of a gigabyte for a few kilobytes of input is a finding, too.
  "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=16384 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/findings/$target-" "$corpus" "${folders[@]}" || failed=$((failed + 1))
done
echo "${#targets[@]} targets, $failed with findings"
[ $failed = 0 ]
