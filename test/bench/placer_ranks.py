#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evaluations a second of `mpirun -n 2 placer-train --threads 1` against two independent one-thread processes.

    placer_ranks.py [--pairs N] [--updates N]

Both train for as many updates, of which the first imitate and are not counted; evaluations are simulations of samples and
of local search, of both processes together. Ranks and pairs take turns. Prints one JSON object: `ratio` is the median over
the pairs, `same_curve` whether the ranks' metrics are those of one process apart from times. Needs two cores that
nothing else uses.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ALLOT_BIN", ROOT / "build/release/bin"))
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
IMITATION = 2


def start(command):
    return subprocess.Popen([str(each) for each in command], env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def finish(processes):
    for process in processes:
        _, err = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{process.args}: exit {process.returncode}\n{err}")


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def rate(folder):
    """Evaluations a second from the end of imitation to the last update, by the run's own clock."""
    lines = [line for line in metrics(folder) if line["phase"] in ("imitation", "policy")]
    first, last = lines[IMITATION - 1], lines[-1]
    return (last["evaluations"] - first["evaluations"]) / (last["seconds"] - first["seconds"])


def without_times(folder):
    return [{key: value for key, value in line.items() if "seconds" not in key} for line in metrics(folder)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--updates", type=int, default=14)
    parser.add_argument("--model", default="transformer:ops=300,width=4", help="of placer-embed --gen")
    parser.add_argument("--option", action="append", default=[], help="passed on to placer-train")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = folder / "net.onnx"
        finish([start([BIN / "placer-embed", "--gen", options.model, "-o", model])])
        command = [BIN / "placer-train", model, "--cluster", ROOT / "configs/clusters/two-gpu.yaml", "--threads", 1,
                   "--updates", options.updates, "--learning.imitation", IMITATION, "--compare", "none", "--force",
                   *options.option, "-o"]
        rows = []
        for _ in range(options.pairs):
            finish([start(["mpirun", "--oversubscribe", "-n", 2, *command, folder / "ranks"])])
            finish([start([*command, folder / f"alone{i}"]) for i in (0, 1)])
            rows.append((rate(folder / "ranks"), rate(folder / "alone0") + rate(folder / "alone1")))
        print(json.dumps({"ratio": statistics.median(ranks / alone for ranks, alone in rows),
                          "ratios": [ranks / alone for ranks, alone in rows],
                          "ranks_per_s": statistics.median(row[0] for row in rows),
                          "two_processes_per_s": statistics.median(row[1] for row in rows),
                          "same_curve": without_times(folder / "ranks") == without_times(folder / "alone0")}))


if __name__ == "__main__":
    main()
