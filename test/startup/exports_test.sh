#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shared library of Allot exports Allot's own symbols and nothing of ONNX, protobuf, yaml-cpp or the standard library.
#   exports_test.sh LIBRARY
set -euo pipefail

exported=$(nm -D --defined-only "$1" | awk '{print $NF}')
own=$(grep -cE '^_Z(NK?|T.N|ZNK?|GVZNK?)5allot' <<<"$exported" || true)
foreign=$(grep -vE '^_Z(NK?|T.N|ZNK?|GVZNK?)5allot' <<<"$exported" || true)
[ "$own" -ge 20 ] || { echo "only $own symbols of Allot are exported: the test looks at the wrong file"; exit 1; }
[ -z "$foreign" ] || { printf 'foreign symbols are exported:\n%s\n' "$(c++filt <<<"$foreign" | head -n 20)"; exit 1; }
echo "$own symbols of Allot, no other"
