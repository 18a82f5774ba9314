#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the policy that models/ ships is worth on graphs of families, and on clusters, that it was never trained on:

    zero_shot.py [--seeds N] [MODEL.onnx...]

Each graph is placed by `placer-apply --seconds 1` with the policy and without, and by annealing with 100,000 evaluations.
Prints one JSON object: by graph the geometric means over the seeds of both makespans as multiples of annealing's,
and the longest wall time of a whole process with the policy.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ALLOT_BIN", ROOT / "build/release/bin"))
NODE = ["--cluster", ROOT / "configs/clusters/h100-node.yaml"]
GENERATED = ["inception:ops=400,width=6", "rnn:ops=800,width=6", "nmt:ops=1000,width=4", "matmul:ops=400,width=6",
             "transformer:ops=800,width=4", "rnn:ops=2800,width=8"]
REAL = {"bert-base": ["--dim", "batch=4", "--dim", "seq=128"], "gpt2": ["--dim", "batch=1", "--dim", "seq=128"],
        "resnet50": ["--default-dim", 8], "transformer-base": ["--default-dim", 8]}


def place(model, *options):
    """Its makespan in microseconds, and the seconds that the whole process took."""
    begin = time.monotonic()
    done = subprocess.run([BIN / "placer-apply", model, *map(str, options), "--json"], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        raise RuntimeError(f"placer-apply {model}: exit {done.returncode}\n{done.stderr}")
    metrics = json.loads(done.stdout)["metrics"]
    return metrics["makespan_us"], seconds


def graphs(folder, extra):
    for recipe in GENERATED:
        path = folder / (recipe.translate(str.maketrans(":=,", "___")) + ".onnx")
        subprocess.run([BIN / "placer-embed", "--gen", recipe, "-o", path], check=True, capture_output=True)
        yield recipe, path, [*NODE, "--workload", "training"]
    for name, dims in REAL.items():
        yield f"{name}, training", ROOT / f"models/{name}.onnx", [*dims, *NODE, "--workload", "training"]
    for path in extra:
        yield path.name, path, NODE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    mean = lambda values: math.exp(sum(map(math.log, values)) / len(values))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path, options in graphs(pathlib.Path(folder), args.models):
            found = {"without": [], "with": [], "seconds": []}
            for seed in range(1, args.seeds + 1):
                annealed, _ = place(path, *options, "--method", "anneal", "--evaluations", 100000, "--seed", seed)
                plain, _ = place(path, *options, "--seconds", 1, "--seed", seed)
                learned, seconds = place(path, *options, "--seconds", 1, "--seed", seed, "--policy",
                                         ROOT / "models/policy.safetensors")
                found["without"].append(plain / annealed)
                found["with"].append(learned / annealed)
                found["seconds"].append(seconds)
            rows.append({"graph": name, "without": mean(found["without"]), "with": mean(found["with"]),
                         "seconds": max(found["seconds"])})
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
