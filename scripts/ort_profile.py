#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a model in ONNX Runtime and keeps its profile: what placer-embed --calibrate reads.

  scripts/ort_profile.py model.onnx -o model.profile.json [--dim batch=1] [--input-shape x=1x3x224x224] [--runs 30]

Each run is one `model_run` of the profile. Inputs are drawn at random: numbers from a normal distribution, integers
below 100, masks all ones; `--value NAME=N` fixes an integer input. A model that placer-apply wrote runs where its
annotations say, over the providers that --providers names.
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

SETTINGS = "session.layer_assignment_settings"
DTYPES = {"float16": np.float16, "float": np.float32, "double": np.float64, "int32": np.int32, "int64": np.int64,
          "int8": np.int8, "uint8": np.uint8, "bool": np.bool_}


def pairs(texts, convert):
    return {name: convert(value) for name, value in (text.rsplit("=", 1) for text in texts)}


def shape_of(text):
    return [int(size) for size in text.split("x")]


def draw(value, shapes, dims, values, random):
    """A random tensor for one input of a session."""
    kind = DTYPES[value.type.removeprefix("tensor(").removesuffix(")")]
    shape = shapes.get(value.name, [size if isinstance(size, int) else dims.get(size, 1) for size in value.shape])
    if value.name in values:
        return np.full(shape, values[value.name], kind)
    if np.issubdtype(kind, np.floating):
        return random.standard_normal(shape).astype(kind)
    if kind == np.bool_ or "mask" in value.name:
        return np.ones(shape, kind)
    return random.integers(0, 100, shape).astype(kind)


def open_session(model, providers, threads=1, level="all", profile_prefix=None):
    """A session on `threads` threads; a placed model brings its layer assignment along."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}")
    if profile_prefix:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_prefix)
    metadata = onnx.load(model, load_external_data=False).metadata_props
    settings = [entry.value for entry in metadata if entry.key == "allot.ort.layer_assignment_settings"]
    if settings and len(providers) > 1:
        options.add_session_config_entry(SETTINGS, settings[0])
    session = onnxruntime.InferenceSession(str(model), options, providers=providers)
    missing = set(providers) - set(session.get_providers())
    if missing:
        raise SystemExit(f"ONNX Runtime has no {', '.join(sorted(missing))} here")
    return session


def random_feed(session, shapes=None, dims=None, values=None, seed=0):
    random = np.random.default_rng(seed)
    return {value.name: draw(value, shapes or {}, dims or {}, values or {}, random) for value in session.get_inputs()}


def take_precedence():
    """Lets nothing else on the machine interrupt this process, where the system allows it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def quicker_half(times):
    """The mean over the quicker half of what follows the first: other programs disturb, none helps."""
    chosen = sorted(times[1:])[: len(times) // 2]
    return sum(chosen) / len(chosen)


def time_runs(session, feed, runs, seconds):
    """Times [s] of up to `runs` runs, at least 3, in about `seconds`."""
    times = []
    start = time.monotonic()
    while len(times) < 3 or (len(times) < runs and time.monotonic() - start < seconds):
        before = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - before)
    return times


def profile(model, output, runs=30, seconds=60.0, providers=("CPUExecutionProvider",), threads=1, level="all", **inputs):
    """Writes a profile, with the time of a run without profiling as one more event. Returns that time [s]."""
    session = open_session(model, list(providers), threads, level)
    plain = quicker_half(time_runs(session, random_feed(session, **inputs), runs, seconds / 2))
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model, list(providers), threads, level, pathlib.Path(folder) / "profile")
        time_runs(session, random_feed(session, **inputs), runs, seconds / 2)
        events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    events.append({"cat": "Session", "name": "plain_run", "ph": "X", "ts": 0, "dur": plain * 1e6, "args": {}})
    pathlib.Path(output).write_text(json.dumps(events, separators=(",", ":")))
    return plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("-o", "--output", required=True, help="profile to write")
    parser.add_argument("--runs", type=int, default=30, help="runs, the first of which warms up (default 30)")
    parser.add_argument("--seconds", type=float, default=60, help="stop after so long (default 60)")
    parser.add_argument("--threads", type=int, default=1, help="threads within an op (default 1)")
    parser.add_argument("--precedence", action="store_true", help="run before everything else on the machine (root)")
    parser.add_argument("--level", choices=["disable_all", "basic", "extended", "all"], default="all",
                        help="graph optimisation (default all)")
    parser.add_argument("--providers", default="CPUExecutionProvider", help="names, separated by commas")
    parser.add_argument("--dim", action="append", default=[], help="size of a named dimension: batch=8")
    parser.add_argument("--input-shape", action="append", default=[], help="shape of an input: x=1x3x224x224")
    parser.add_argument("--value", action="append", default=[], help="content of an input: sr=16000")
    options = parser.parse_args()
    if "WebGpu" in options.providers:
        os.environ.setdefault("VK_ICD_FILENAMES", "/usr/lib/chromium/vk_swiftshader_icd.json")
    if options.precedence:
        take_precedence()
    plain = profile(options.model, options.output, options.runs, options.seconds, options.providers.split(","),
                    options.threads, options.level, shapes=pairs(options.input_shape, shape_of),
                    dims=pairs(options.dim, int), values=pairs(options.value, int))
    print(f"{options.output}: a run without profiling takes {plain * 1e3:.3f} ms")


if __name__ == "__main__":
    main()
