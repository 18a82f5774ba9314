#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to a placed model: sets up, builds the core tools, and places GPT-2 on one CPU and one GPU.
#   scripts/quickstart.sh   about 10 minutes the first time on 2 cores, a few seconds afterwards
set -euo pipefail
source "$(dirname "$0")/env.sh"

say "1/3 parts: system packages, Python tools, ONNX's C++ library (about 7 minutes the first time)"
"$ALLOT_ROOT/scripts/setup.sh" core
use_tools

build="$ALLOT_ROOT/build/release"
say "2/3 core tools into ${build#"$PWD"/}/bin (about 3 minutes the first time)"
mkdir -p "$build"
options=()
[ -e "$build/CMakeCache.txt" ] || options=(-DALLOT_LEARN=OFF -DALLOT_TESTS=OFF)  # a build that has more keeps it
configure release "${options[@]}" >"$build/configure.log" 2>&1 ||
  { cat "$build/configure.log" >&2; die "configuring failed" 70; }
cmake --build "$build" -j "$ALLOT_JOBS" --target placer-apply placer-embed >&2

out="$ALLOT_ROOT/build/quickstart"
mkdir -p "$out"
say "3/3 placing models/gpt2.onnx (one sequence of 128 tokens)"
"$build/bin/placer-apply" "$ALLOT_ROOT/models/gpt2.onnx" --dim batch=1 --dim seq=128 -o "$out/gpt2.onnx" \
  --report "$out/gpt2.html"
say "placed model: ${out#"$PWD"/}/gpt2.onnx"
say "report:       ${out#"$PWD"/}/gpt2.html"
