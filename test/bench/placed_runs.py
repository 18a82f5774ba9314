#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How true real runs are: two branches on two workers against two processes, and simulated against measured times.

    placed_runs.py branches     speed-up of a placed model of two branches, and of two processes with one branch each
    placed_runs.py ranks        30 random and 30 searched placements of an inception-like network after --measure:
                                Kendall's tau between simulated and measured times, and the error on one device

Prints one JSON object. Needs two cores that nothing else uses.
"""

import itertools
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import onnx

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ALLOT_BIN", ROOT / "build/release/bin"))
CPUS = """schema: allot.cluster/1
devices:
  - {name: cpu0, kind: cpu, preset: epyc-7763, memory: 8GiB}
  - {name: cpu1, kind: cpu, preset: epyc-7763, memory: 8GiB}
links: {default: {bandwidth: 5GB/s, latency: 10us}}
"""


def tool(name, *args):
    done = subprocess.run([BIN / name, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{name} {args}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def branches_model(path, branches, size=640, steps=6):
    """`branches` chains of products from one input, added up at the end."""
    rng = np.random.default_rng(0)
    nodes, weights, ends = [], [], []
    for branch in range(branches):
        value = "x"
        for step in range(steps):
            name = f"b{branch}_{step}"
            weights.append(onnx.numpy_helper.from_array(
                (rng.standard_normal((size, size)) / size ** 0.5).astype(np.float32), f"w_{name}"))
            nodes.append(onnx.helper.make_node("MatMul", [value, f"w_{name}"], [f"p_{name}"], name=f"product_{name}"))
            nodes.append(onnx.helper.make_node("Tanh", [f"p_{name}"], [name], name=name))
            value = name
        ends.append(value)
    nodes.append(onnx.helper.make_node("Sum", ends, ["y"], name="sum"))
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size, size])
    graph = onnx.helper.make_graph(nodes, "branches", [value("x")], [value("y")], weights)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)


class Placed:
    """A model whose placements are written by hand into the stored form of one."""

    def __init__(self, folder, model, *options):
        self.folder, self.model, self.options = folder, model, options
        tool("placer-apply", model, *options, "--colocation", "none", "--method", "single", "-o", folder / "single.onnx", "--force")
        self.sidecar = json.loads((folder / "single.placement.json").read_text())

    def run(self, device_of, repeat, *options):
        """Measured and simulated seconds, and on one device, of a placement given by op name."""
        placement = json.loads(json.dumps(self.sidecar))
        for op in placement["placement"]:
            op["device"] = device_of(op["name"])
        path = self.folder / "tried.placement.json"
        path.write_text(json.dumps(placement))
        result = json.loads(tool("placer-apply", self.model, *self.options, "--colocation", "none", "--placement", path, "--run",
                                 "--repeat", repeat, "--json", *options))
        return result


def branches(folder):
    """Placed runs and pairs of processes in turn."""
    cluster = folder / "two.yaml"
    cluster.write_text(CPUS)
    both, one = folder / "both.onnx", folder / "one.onnx"
    branches_model(both, 2)
    branches_model(one, 1)
    placed = Placed(folder, both, "--cluster", cluster)
    alone = folder / "one.yaml"
    alone.write_text(re.sub(r"  - \{name: cpu1.*\n", "", CPUS))
    command = [BIN / "placer-apply", one, "--cluster", alone, "--method", "single", "--run", "--repeat", "60", "--json"]
    ratios, rows = [], []
    for _ in range(5):
        result = placed.run(lambda name: "cpu1" if "b1" in name else "cpu0", 60)
        speedup = statistics.median(result["single"]["seconds"]) / statistics.median(result["seconds"])
        pinned = [["taskset", "-c", str(core), *map(str, command)] for core in sorted(os.sched_getaffinity(0))[:2]]
        first = json.loads(subprocess.run(pinned[0], capture_output=True, text=True, check=True).stdout)
        pair = [subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for args in pinned]
        together = [json.loads(process.communicate()[0]) for process in pair]
        free = statistics.median(first["seconds"])
        independent = 2 * free / max(statistics.median(each["seconds"]) for each in together)
        ratios.append(speedup / independent)
        rows.append((speedup, independent, free))
    return {"ratio": statistics.median(ratios), "ratios": ratios,
            "speedup": statistics.median(row[0] for row in rows), "independent": statistics.median(row[1] for row in rows),
            "branch_ms": 1000 * statistics.median(row[2] for row in rows), "identical": result["check"]["identical"]}


def kendall(pairs):
    """Tau-b without ties to speak of."""
    concordant = sum(np.sign(a[0] - b[0]) * np.sign(a[1] - b[1]) for a, b in itertools.combinations(pairs, 2))
    return float(concordant) / (len(pairs) * (len(pairs) - 1) / 2)


def ranks(folder):
    cluster, model = folder / "two.yaml", folder / "inception.onnx"
    cluster.write_text(CPUS)
    tool("placer-embed", "--gen", "inception:ops=40", "-o", model)
    tool("placer-embed", model, "--cluster", cluster, "--measure", "--measure-cache", folder / "cache", "--measured",
         folder / "costs.json", "--fitted", folder / "fitted.yaml")
    options = ["--cluster", folder / "fitted.yaml", "--costs", folder / "costs.json"]
    placed = Placed(folder, model, *options)
    names = [op["name"] for op in placed.sidecar["placement"]]
    single = placed.run(lambda name: "cpu0", 7)
    rng = random.Random(1)
    drawn = []
    for index in range(30):
        # From a few ops on the second worker to half of them.
        share = 0.5 * (index + 1) / 30
        second = {name for name in names if rng.random() < share}
        result = placed.run(lambda name: "cpu1" if name in second else "cpu0", 5)
        drawn.append((result["simulated_us"], result["measured_us"]))
    searched = {}
    for seed in itertools.count():
        evaluations = rng.choice([3, 10, 30, 100, 300, 1000])
        tool("placer-apply", model, *options, "--colocation", "none", "--method", "anneal", "--evaluations", evaluations, "--seed", seed,
             "-o", folder / "found.onnx", "--force")
        found = json.loads((folder / "found.placement.json").read_text())
        devices = {op["name"]: op["device"] for op in found["placement"]}
        result = placed.run(devices.get, 5)
        searched[tuple(devices.values())] = (result["simulated_us"], result["measured_us"])
        if len(searched) == 30 or seed == 60:
            break
    simulated = [pair[0] for pair in searched.values()]
    return {"random": kendall(drawn), "searched": kendall(list(searched.values())), "number": len(searched),
            "span": max(simulated) / min(simulated) - 1,
            "single_error": single["simulated_us"] / single["measured_us"] - 1, "pairs": drawn, "found": list(searched.values())}


def main():
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({"branches": branches, "ranks": ranks}[sys.argv[1]](pathlib.Path(folder))))


if __name__ == "__main__":
    main()
