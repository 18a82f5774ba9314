# SPDX-License-Identifier: Apache-2.0
"""Bar 5 of the placement engine: predictions of ONNX Runtime's own execution, calibrated on profiles of this machine.

One thread. Each network is predicted with devices fitted to the profiles of all others; two exports of one network
leave together. Then one network is placed ten times on two providers and timed.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import harness
from bar import Bar, Skipped, main

CPU = """schema: allot.cluster/1
devices:
  - {name: cpu0, kind: cpu, memory: 16GiB, flops: {float32: 100GFLOPS}, bandwidth: 20GB/s}
"""
WITH_WEBGPU = CPU + """  - {name: gpu0, kind: webgpu, memory: 4GiB, flops: {float32: 100GFLOPS}, bandwidth: 20GB/s}
links: {default: {bandwidth: 5GB/s, latency: 20us}}
io_device: cpu0
"""
# Sizes at which the networks run, by file name.
SIZES = {
    "ch_PP-OCRv4_det_infer": ["--input-shape", "x=1x3x320x320"],
    "ch_PP-OCRv4_rec_infer": ["--input-shape", "x=1x3x48x320"],
    "ch_ppocr_mobile_v2.0_cls_infer": ["--input-shape", "x=1x3x48x192"],
    "model": ["--input-shape", "bytes=1x2048"],  # magika
    "silero_vad_16k_sequence": [],
    "bert-base": ["--dim", "batch=1", "--dim", "seq=128"],
    "gpt2": ["--dim", "batch=1", "--dim", "seq=128"],
    "transformer-base": ["--dim", "batch=1", "--dim", "source_seq=64", "--dim", "target_seq=48"],
    "resnet50": ["--dim", "batch=1"],
    "vit-base": ["--dim", "batch=1"],
    **{f"light_{name}": [] for name in ("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                                        "shufflenet", "squeezenet", "vgg19", "zfnet512")},
}
QUICK = ("ch_PP-OCRv4_det_infer", "ch_PP-OCRv4_rec_infer", "model", "light_squeezenet", "light_resnet50",
         "light_inception_v2", "light_shufflenet", "resnet50")
LIMIT = 0.15


def networks(quick):
    found = {m.path.stem: m for m in harness.models("trained", "exported", "light") if m.path.stem in SIZES}
    return {name: model.path for name, model in found.items() if not quick or name in QUICK}


def record(python, path, output, *flags):
    """Profiles one network in a process of its own: without competition for the machine where that is allowed."""
    script = harness.ROOT / "scripts/ort_profile.py"
    done = subprocess.run([python, script, path, "-o", output, "--precedence", *flags], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skipped(f"profiling {path.stem} failed: {done.stderr.strip().splitlines()[-1:]}")


def tool(name, *args):
    outcome = harness.run(name, *args, "-q", "--force", timeout_s=600)
    if outcome.code != 0:
        raise RuntimeError(f"{outcome.command}: exit {outcome.code}\n{outcome.err}")
    return outcome.out


def entry(path, profile):
    flags = SIZES[path.stem]
    values = [flags[i + 1] for i in range(0, len(flags), 2)]
    key = "dim" if "--dim" in flags else "input_shape"
    return {"model": str(path), "profile": str(profile), key: values}


def calibrate(folder, paths, cluster):
    """Fits `cluster` to the profiles of these networks; the fitted file."""
    (first, profile), *rest = paths
    listed = {"schema": "allot.calibration/1", "models": [entry(*item) for item in rest]}
    (folder / "list.yaml").write_text(json.dumps(listed))
    tool("placer-embed", first, "--calibrate", profile, "--calibrate-with", folder / "list.yaml", "--cluster", cluster,
         "--fitted", folder / "fitted.yaml", *SIZES[first.stem])
    return folder / "fitted.yaml"


def siblings(a, b):
    return a.removeprefix("light_") == b.removeprefix("light_")


def plain_us(profile):
    """Time of a run without profiling."""
    return next(event["dur"] for event in json.loads(profile.read_text()) if event["name"] == "plain_run")


def record_all(paths, folder, rounds, seconds):
    """A profile of each network: the quickest of several in turn, since other programs disturb and none helps."""
    profiles = {}
    for turn in range(rounds):
        for stem, path in paths.items():
            profile = folder / f"{stem}.{turn}.json"
            record(sys.executable, path, profile, "--runs", "40", "--seconds", str(seconds), *SIZES[stem])
            if stem not in profiles or plain_us(profile) < plain_us(profiles[stem]):
                profiles[stem] = profile
    return profiles


def left_out(quick):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "cpu.yaml").write_text(CPU)
        paths = networks(quick)
        profiles = record_all(paths, folder, rounds=1 if quick else 3, seconds=2 if quick else 4)
        errors = {}
        for stem, path in paths.items():
            others = [(paths[o], profiles[o]) for o in paths if not siblings(o, stem)]
            fitted = calibrate(folder, others, folder / "cpu.yaml")
            plan = json.loads(tool("placer-apply", path, "--target", "ort", "--method", "single", "--cluster", fitted,
                                   "--json", *SIZES[stem]))
            measured_us = plain_us(profiles[stem])
            errors[stem] = plan["metrics"]["makespan_us"] / measured_us - 1
            print(f"    {stem:<32} measured {measured_us / 1e3:9.3f} ms, predicted {errors[stem]:+.1%}",
                  file=sys.stderr)
        within = sum(abs(error) <= LIMIT for error in errors.values())
        mean = sum(abs(error) for error in errors.values()) / len(errors)
        return f"{within}/{len(errors)} within 15 %, mean {mean:.1%}", within == len(errors)


def rank_correlation(a, b):
    """Spearman's: Pearson's of ranks, ties ranked by their mean."""
    def ranks(values):
        order = sorted(values)
        return [order.index(v) + (order.count(v) - 1) / 2 for v in values]
    x, y = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    covariance = sum((p - mean) * (q - mean) for p, q in zip(x, y))
    return covariance / (sum((p - mean) ** 2 for p in x) * sum((q - mean) ** 2 for q in y)) ** 0.5


def divisions(ops):
    """Ten ways to divide a network, fixed before anything is measured: cut in two, and random operations moved."""
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        yield f"the first {share:.0%}", set(range(round(share * ops)))
    for seed, share in enumerate((0.03, 0.1, 0.25, 0.5, 0.75)):
        yield f"any {share:.0%}", set(random.Random(seed).sample(range(ops), round(share * ops)))


def measure(python, model, profile, *flags):
    """Time of a run over both providers [us]."""
    providers = "WebGpuExecutionProvider,CPUExecutionProvider"
    record(python, model, profile, "--providers", providers, "--runs", "12", *flags)
    return plain_us(profile)


def two_providers(quick):
    python = os.environ.get("ALLOT_WEBGPU_PYTHON")
    if not python:
        raise Skipped("ONNX Runtime with WebGPU is not installed (scripts/setup.sh test)")
    stem = "silero_vad_16k_sequence" if quick else "ch_ppocr_mobile_v2.0_cls_infer"
    model, flags = networks(False)[stem], SIZES[stem]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "two.yaml").write_text(WITH_WEBGPU)
        record(python, model, folder / "cpu.json", *flags)
        measure(python, model, folder / "gpu.json", *flags)
        (folder / "list.yaml").write_text(json.dumps(
            {"schema": "allot.calibration/1", "models": [entry(model, folder / "gpu.json")]}))
        tool("placer-embed", model, "--calibrate", folder / "cpu.json", "--calibrate-with", folder / "list.yaml",
             "--cluster", folder / "two.yaml", "--fitted", folder / "fitted.yaml", "--measured", folder / "costs.json",
             *flags)
        plan = [model, "--target", "ort", "--cluster", folder / "fitted.yaml", "--costs", folder / "costs.json", *flags,
                "--colocation", "none"]
        tool("placer-apply", *plan, "--method", "single", "-o", folder / "placed.onnx")
        stored = json.loads((folder / "placed.placement.json").read_text())
        predicted, measured = [], []
        for label, second in divisions(len(stored["placement"])):
            for i, op in enumerate(stored["placement"]):
                op["device"] = "gpu0" if i in second else "cpu0"
            (folder / "asked.json").write_text(json.dumps(stored))
            outcome = json.loads(tool("placer-apply", *plan, "--placement", folder / "asked.json", "-o",
                                      folder / "placed.onnx", "--json"))
            predicted.append(outcome["metrics"]["makespan_us"])
            measured.append(measure(python, folder / "placed.onnx", folder / "run.json", *flags))
            print(f"    {label:<14} of {len(stored['placement'])} ops on the second provider: "
                  f"{outcome['metrics']['crossings']:>4} crossings, predicted {predicted[-1] / 1e3:9.3f} ms, "
                  f"measured {measured[-1] / 1e3:9.3f} ms", file=sys.stderr)
        correlation = rank_correlation(predicted, measured)
        return f"{correlation:.2f} ({stem})", correlation >= 0.7


BARS = [
    Bar("5a", "Single-provider time of networks left out of the fit", "all within 15 %", left_out),
    Bar("5b", "Rank of 10 placements on two providers, against ONNX Runtime", ">= 0.70", two_providers),
]

if __name__ == "__main__":
    main(BARS)
