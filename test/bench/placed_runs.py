#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How true real runs are: two branches on two workers against two processes, and simulated against measured times.

    placed_runs.py branches     speed-up of a placed model of two branches, and of two processes with one branch each
    placed_runs.py ranks        random and searched placements of an inception-like network after --measure:
                                Kendall's tau between simulated and measured times, and the error on one device

Random placements put each op on the second device with a probability that is drawn anew for each placement, uniform in
0 to 1, so that times differ by more than the machine's noise; tau of as many whose probability is 1/2 is printed, too.
Searched placements are steps of climbs that simulate each change of theirs, the better one staying. All placements are
run in turn, several times over, so that what drifts on the machine cancels; the robust mean counts. Tau between the
first and the second half of these rounds is printed, too: no prediction can be expected to agree better.

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
ROUNDS, REPEAT = 6, 10


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

    def apply(self, device_of, *options):
        """What placer-apply tells of a placement given by op name."""
        for op in self.sidecar["placement"]:
            op["device"] = device_of(op["name"])
        path = self.folder / "tried.placement.json"
        path.write_text(json.dumps(self.sidecar))
        return json.loads(tool("placer-apply", self.model, *self.options, "--colocation", "none", "--placement", path, "--json",
                               *options))

    def run(self, device_of, repeat):
        """Measured and simulated seconds, and on one device."""
        return self.apply(device_of, "--run", "--repeat", repeat)

    def simulate(self, second):
        """Simulated microseconds with some ops on the second device and all others on the first."""
        return self.apply(lambda name: "cpu1" if name in second else "cpu0")["metrics"]["makespan_us"]


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


class Inception:
    """Blocks of convolutions in branches of one to `branches` steps, joined by another. What an op touches fits into the
    cache of a core, so that its time does not hang on what the other core does."""

    def __init__(self, path, blocks=4, branches=6, channels=64, image=28):
        self.channels, self.nodes, self.weights = channels, [], []
        self.random = np.random.default_rng(0)
        value = "x"
        for block in range(blocks):
            ends = [self.branch(value, f"b{block}_{steps}", steps) for steps in range(branches)]
            joined = f"joined{block}"
            self.nodes.append(onnx.helper.make_node("Concat", ends, [joined], name=joined, axis=1))
            value = self.convolution(joined, f"b{block}_out", channels * branches, 1)
        tensor = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, image, image])
        graph = onnx.helper.make_graph(self.nodes, "inception", [tensor("x")], [tensor(value)], self.weights)
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)

    def branch(self, value, name, steps):
        value = self.convolution(value, f"{name}_0", self.channels, 1)
        for step in range(steps):
            value = self.convolution(value, f"{name}_{step + 1}", self.channels, 3)
        return value

    def convolution(self, value, name, channels, kernel):
        weight = self.random.standard_normal((self.channels, channels, kernel, kernel)) * (2 / (channels * kernel ** 2)) ** 0.5
        self.weights.append(onnx.numpy_helper.from_array(weight.astype(np.float32), f"w_{name}"))
        self.nodes.append(onnx.helper.make_node("Conv", [value, f"w_{name}"], [f"c_{name}"], name=f"conv_{name}",
                                                pads=[kernel // 2] * 4))
        self.nodes.append(onnx.helper.make_node("Relu", [f"c_{name}"], [name], name=name))
        return name


def climb(placed, names, rng, steps):
    """The way of a search from a random placement: one to eight ops change devices, and stay if that simulates faster."""
    best = {name for name in names if rng.random() < 0.5}
    way = [(placed.simulate(best), best)]
    for _ in range(steps):
        tried = best ^ set(rng.sample(names, rng.randint(1, 8)))
        simulated = placed.simulate(tried)
        if simulated < way[-1][0]:
            best = tried
            way.append((simulated, tried))
    return way


def along(way, count):
    """That many of its steps, as evenly apart in simulated time as they come."""
    left, picked = list(way), []
    for target in np.linspace(way[0][0], way[-1][0], count):
        picked.append(min(left, key=lambda step: abs(step[0] - target)))
        left.remove(picked[-1])
    return [second for _, second in picked]


def measured(placed, placements, rounds=ROUNDS):
    """Simulated microseconds and the robust means of measured ones, by placement: of all rounds and of each half."""
    seconds = [[] for _ in placements]
    simulated = [0.0] * len(placements)
    for _ in range(rounds):
        for i, second in enumerate(placements):
            result = placed.run(lambda name: "cpu1" if name in second else "cpu0", REPEAT)
            seconds[i] += result["seconds"]
            simulated[i] = result["simulated_us"]
    half = rounds // 2 * REPEAT
    mean_us = lambda samples: 1e6 * robust_mean(samples)
    return [(before, mean_us(after), mean_us(after[:half]), mean_us(after[half:]))
            for before, after in zip(simulated, seconds)]


def robust_mean(samples):
    """Huber's, as placer-apply takes it (lib/measure/robust_mean.h)."""
    mean = statistics.median(samples)
    margin = 1.5 * 1.4826 * statistics.median(abs(x - mean) for x in samples)
    for _ in range(10):
        mean += statistics.fmean(min(max(x - mean, -margin), margin) for x in samples)
    return mean


def ranks(folder):
    cluster, model = folder / "two.yaml", folder / "inception.onnx"
    cluster.write_text(CPUS)
    Inception(model)
    tool("placer-embed", model, "--cluster", cluster, "--measure", "--measure-cache", folder / "cache", "--measured",
         folder / "costs.json", "--fitted", folder / "fitted.yaml")
    placed = Placed(folder, model, "--cluster", folder / "fitted.yaml", "--costs", folder / "costs.json")
    names = [op["name"] for op in placed.sidecar["placement"]]
    rng = random.Random(1)
    draw = lambda share: {name for name in names if rng.random() < share}
    groups = {"random": [draw(rng.random()) for _ in range(30)], "even": [draw(0.5) for _ in range(30)], "searched": []}
    for _ in range(3):
        groups["searched"] += along(climb(placed, names, rng, 150), 10)
    single, *times = measured(placed, [set()] + sum(groups.values(), []))
    found = {"single_error": single[0] / single[1] - 1}
    for name, group in groups.items():
        of_group, times = times[:len(group)], times[len(group):]
        simulated = [each[0] for each in of_group]
        found[name] = {"tau": kendall([each[:2] for each in of_group]), "repeated": kendall([each[2:] for each in of_group]),
                       "number": len(group), "span": max(simulated) / min(simulated) - 1, "times_us": of_group}
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({"branches": branches, "ranks": ranks}[sys.argv[1]](pathlib.Path(folder))))


if __name__ == "__main__":
    main()
