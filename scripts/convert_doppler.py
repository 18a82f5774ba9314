#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts cost graphs of DOPPLER (github.com/xinyuyao/Doppler, folder compute_graph) for placer-apply.

    convert_doppler.py GRAPH.txt... OUTPUT_FOLDER

A file has a count, the inputs, the sources and the targets of its edges, each a line of numbers, then a line an op:
computation and communication. The published simulator divides both by 1e10; that unit is a millisecond here. An op
takes as long on every device; its result takes as long to any other, on wires without contention. Graphs for eight
devices say so in their name, the others are for four.
"""

import pathlib
import sys

import cost_graph

PER_MILLISECOND, BYTES_PER_MILLISECOND = 1e10, 1e6


def numbers(line):
    return [int(text) for text in line.replace(" ", "").split(",") if text]


def read(text):
    lines = text.strip().splitlines()
    sources, targets = numbers(lines[2]), numbers(lines[3])
    costs = [[float(text) for text in line.split(",")[:2]] for line in lines[4:]]
    reads = [[] for _ in costs]
    for source, target in zip(sources, targets, strict=True):
        if f"n{source}" not in reads[target]:
            reads[target].append(f"n{source}")
    return [cost_graph.Op(f"n{i}", reads[i], round(communication / PER_MILLISECOND * BYTES_PER_MILLISECOND),
                          [1000 * computation / PER_MILLISECOND])
            for i, (computation, communication) in enumerate(costs)]


def cluster(devices):
    lines = [f"  - {{name: gpu{i}, kind: cuda, preset: a100-40, memory: 64TiB}}" for i in range(devices)]
    return ("schema: allot.cluster/1\ndevices:\n" + "\n".join(lines) +
            "\nlinks: {default: {bandwidth: 1GB/s, latency: 0us}}\nsimulation: {contention: free}\n")


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    *files, folder = map(pathlib.Path, arguments)
    for file in files:
        devices = 8 if file.name.startswith("8gpu") else 4
        cost_graph.write(folder / file.stem, read(file.read_text()), ["cuda"], cluster(devices))


if __name__ == "__main__":
    main(sys.argv[1:])
