#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts cost graphs of dnn-partitioning (github.com/msr-fiddle/dnn-partitioning) for placer-apply.

    convert_dnn_partitioning.py [--throughput] GRAPH.json... OUTPUT_FOLDER

Times are taken as milliseconds. An edge's cost is the time that its source's result takes between an accelerator and
the host; from one accelerator to another it passes the host, and takes twice as long. An op's size is resident on its
device; results are small beside it. Ops of one colour share a device; what no accelerator supports stays on the CPU.
With --throughput the cluster counts load as the paper does: a device is busy while it sends, once whatever the number of
readers, or receives, and moving a result costs the same between any two devices.
Each output is named after the two last folders and the file: LayerGraphs-gnmt_inference.
"""

import json
import pathlib
import sys

import cost_graph

BYTES_PER_MILLISECOND = 10_000


def read(instance):
    cost, reads = {}, {node["id"]: [] for node in instance["nodes"]}
    for edge in instance["edges"]:
        cost[edge["sourceId"]] = edge["cost"]
        name = f"n{edge['sourceId']}"
        if name not in reads[edge["destId"]]:
            reads[edge["destId"]].append(name)
    return [cost_graph.Op(f"n{node['id']}", reads[node["id"]], round(cost.get(node["id"], 0) * BYTES_PER_MILLISECOND),
                          [1000 * node["cpuLatency"], 1000 * node["fpgaLatency"] if node["supportedOnFpga"] else None],
                          round(node.get("size", 0)), node.get("colorClass"))
            for node in instance["nodes"]]


def cluster(accelerators, memory_bytes, throughput):
    names = [f"acc{i}" for i in range(accelerators)]
    lines = ["schema: allot.cluster/1", "devices:", "  - {name: cpu0, kind: cpu, preset: epyc-7763, memory: 64TiB, align: 1}"]
    lines += [f"  - {{name: {name}, kind: cuda, preset: a100-40, memory: {memory_bytes}, reserved: 0, align: 1}}"
              for name in names]
    lines += ["links:", "  default: {bandwidth: 10MB/s, latency: 0us}"]
    if throughput:
        return "\n".join(lines + ["simulation: {blocking_transfers: true, send: once, contention: free}", ""])
    lines += [f"  wire{i}: {{bandwidth: 10MB/s, latency: 0us}}" for i in range(accelerators)]
    lines += ["paths:"]
    lines += [f"  - {{from: cpu0, to: acc{i}, via: [wire{i}]}}" for i in range(accelerators)]
    lines += [f"  - {{from: acc{i}, to: acc{j}, via: [wire{i}, wire{j}]}}"
              for i in range(accelerators) for j in range(i + 1, accelerators)]
    return "\n".join(lines + ["simulation: {forwarding: staged}", ""])


def main(arguments):
    throughput = arguments[:1] == ["--throughput"]
    arguments = arguments[throughput:]
    if len(arguments) < 2:
        sys.exit(__doc__)
    *files, folder = map(pathlib.Path, arguments)
    for file in files:
        instance = json.loads(file.read_text())
        cost_graph.write(folder / f"{file.parent.name}-{file.stem}", read(instance), ["cpu", "cuda"],
                         cluster(instance["maxFPGAs"], round(instance["maxSizePerFPGA"]), throughput))


if __name__ == "__main__":
    main(sys.argv[1:])
