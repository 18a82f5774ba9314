# SPDX-License-Identifier: Apache-2.0
# Pinned versions, cache locations and small shell helpers; sourced by every other script.

ALLOT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ALLOT_CACHE=${ALLOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/allot}
ALLOT_JOBS=${ALLOT_JOBS:-$(nproc)}

ONNX_VERSION=1.22.0
TORCH_VERSION=2.13.0
APT_CORE=(g++ git ccache python3 python3-venv pkg-config libprotobuf-dev protobuf-compiler libcli11-dev
  libyaml-cpp-dev libfmt-dev nlohmann-json3-dev zlib1g-dev libpng-dev libturbojpeg0-dev libmetis-dev coinor-libclp-dev)
APT_TEST=(catch2 librapidcheck-dev libbenchmark-dev dpkg-dev file make chromium libvulkan1 libopenmpi-dev openmpi-bin)
PIP_TOOLS=(cmake==3.31.10 ninja==1.13.0 "onnx==$ONNX_VERSION" onnxruntime==1.31.0)
# Trained models that packages carry; installed for their data alone, hence without dependencies.
PIP_MODELS=(rapidocr-onnxruntime==1.4.4 silero-vad==6.2.3 magika==1.0.3)
# ONNX Runtime with a second provider that needs no GPU: WebGPU on the software Vulkan driver of Debian's chromium.
# Pillow draws the page of text that a placed model has to read.
PIP_WEBGPU=("onnx==$ONNX_VERSION" onnxruntime-webgpu==1.27.0 pillow==12.3.0)
# What methods are compared with.
PIP_PEERS=(pymetis==2025.2.2)
PIP_TORCH=("torch==$TORCH_VERSION+cpu" transformers==4.57.1 onnxscript==0.7.2)
# CLIP and its peers, in an environment of their own: sentence-transformers wants a later transformers.
PIP_CLIP=("onnx==$ONNX_VERSION" "torch==$TORCH_VERSION+cpu" torchvision==0.28.0 onnxscript==0.7.2 open-clip-torch==3.3.0
  sentence-transformers==6.2.0 transformers==5.24.0 timm==1.0.31)

ONNX_FLAGS=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF
  -DONNX_NAMESPACE=allot_onnx -DONNX_ML=ON -DONNX_BUILD_PYTHON=OFF -DONNX_BUILD_CUSTOM_PROTOBUF=OFF
  -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_GEN_PB_TYPE_STUBS=OFF -DFETCHCONTENT_FULLY_DISCONNECTED=ON)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$1" >&2; exit "${2:-1}"; }

# key WORD...: a short content key for a cache folder.
key() { printf '%s\n' "$@" | sha256sum | cut -c1-12; }

python_version() { python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# Every cached part is keyed by all that shapes it, so a changed pin builds beside the old one.
tools_venv() { echo "$ALLOT_CACHE/tools-$(key "$(python_version)" "${PIP_TOOLS[@]}")"; }
torch_venv() { echo "$ALLOT_CACHE/torch-$(key "$(python_version)" "${PIP_TOOLS[@]}" "${PIP_TORCH[@]}")"; }
webgpu_venv() { echo "$ALLOT_CACHE/webgpu-$(key "$(python_version)" "${PIP_WEBGPU[@]}")"; }
peers_venv() { echo "$ALLOT_CACHE/peers-$(key "$(python_version)" "${PIP_PEERS[@]}")"; }
clip_venv() { echo "$ALLOT_CACHE/clip-$(key "$(python_version)" "${PIP_CLIP[@]}")"; }
models_dir() { echo "$ALLOT_CACHE/models-$(key "${PIP_MODELS[@]}")"; }
exported_dir() {
  echo "$ALLOT_CACHE/exported-$(key "${PIP_TORCH[@]}" "$(sha256sum <"$ALLOT_ROOT/scripts/export_models.py")")"
}
nets_dir() {
  echo "$ALLOT_CACHE/nets-$(key "${PIP_TORCH[@]}" "$(sha256sum <"$ALLOT_ROOT/scripts/export_nets.py")")"
}
clips_dir() {
  echo "$ALLOT_CACHE/clips-$(key "${PIP_CLIP[@]}" "$(sha256sum <"$ALLOT_ROOT/scripts/export_clip.py")")"
}
onnx_prefix() {
  echo "$ALLOT_CACHE/onnx-$ONNX_VERSION-$(key "$(g++ -dumpfullversion)" "$(protoc --version)" "${ONNX_FLAGS[@]}")"
}

# A cached part counts as there only once it was completed.
finished() { [ -e "$1/.complete" ]; }

# Puts the pinned cmake and ninja first and names the parts that CMake and the tests look for.
use_tools() {
  PATH="$(tools_venv)/bin:$PATH"
  export PATH CCACHE_DIR="${CCACHE_DIR:-$ALLOT_CACHE/ccache}" CCACHE_SLOPPINESS=pch_defines,time_macros
  export ALLOT_ONNX_DIR; ALLOT_ONNX_DIR=$(onnx_prefix)
  if finished "$(torch_venv)"; then
    export ALLOT_TORCH_DIR; ALLOT_TORCH_DIR=$(echo "$(torch_venv)"/lib/python3*/site-packages/torch)
  fi
  if finished "$(webgpu_venv)"; then
    export ALLOT_WEBGPU_PYTHON; ALLOT_WEBGPU_PYTHON=$(webgpu_venv)/bin/python
  fi
  if finished "$(peers_venv)"; then
    export ALLOT_PEERS_PYTHON; ALLOT_PEERS_PYTHON=$(peers_venv)/bin/python
  fi
  if finished "$(nets_dir)"; then
    export ALLOT_TEST_NETS; ALLOT_TEST_NETS=$(nets_dir)
  fi
  if finished "$(clip_venv)"; then
    export ALLOT_CLIP_PYTHON; ALLOT_CLIP_PYTHON=$(clip_venv)/bin/python
  fi
  if finished "$(clips_dir)"; then
    export ALLOT_TEST_CLIPS; ALLOT_TEST_CLIPS=$(clips_dir)
  fi
  # Folders of models, separated by colons: what the corpus tests walk through.
  export ALLOT_TEST_MODELS; ALLOT_TEST_MODELS=$(test_models)
}

test_models() {
  local folder folders=""
  for folder in "$ALLOT_ROOT/models" "$(tools_venv)"/lib/python3*/site-packages/onnx/backend/test/data "$(models_dir)" \
    "$(exported_dir)"; do
    [ -d "$folder" ] && folders+="${folders:+:}$folder"
  done
  echo "$folders"
}

# configure PRESET [-D...]: the parts are named anew each time, since a pin may have changed since the last one.
configure() {
  cmake -S "$ALLOT_ROOT" --preset "$1" -DALLOT_ONNX_DIR="$ALLOT_ONNX_DIR" \
    ${ALLOT_TORCH_DIR:+-DTORCH_DIR="$ALLOT_TORCH_DIR"} \
    ${ALLOT_WEBGPU_PYTHON:+-DALLOT_WEBGPU_PYTHON="$ALLOT_WEBGPU_PYTHON"} "${@:2}"
}
