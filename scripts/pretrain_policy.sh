#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the policy that models/ ships, on generated graphs.
#   scripts/pretrain_policy.sh FOLDER [OPTION...]   the policy: FOLDER/run/best/policy.safetensors; options of placer-train,
#                                                   by default --seconds 3300: an hour on two cores with what surrounds it
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${ALLOT_BIN:-build/release/bin}
out=${1:?usage: scripts/pretrain_policy.sh FOLDER [OPTION...]}
shift
[ $# -gt 0 ] || set -- --seconds 3300

mkdir -p "$out/graphs"
families=(layered random giph fork-join)
for i in $(seq 0 23); do
  recipe="${families[i % 4]}:ops=$((120 + 50 * (i % 5))),width=$((4 + 3 * (i % 6))),seed=$((100 + i))"
  [ -e "$out/graphs/graph$i.onnx" ] || "$bin/placer-embed" --gen "$recipe" -o "$out/graphs/graph$i.onnx"
done
"$bin/placer-train" "$out"/graphs/*.onnx --config configs/placer/pretrain.yaml -o "$out/run" "$@"
