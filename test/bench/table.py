# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/bench.sh: runs the programs of this folder and holds their figures against baselines and bars."""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))
BIN = ROOT / "build/release/bin"


@dataclasses.dataclass
class Row:
    what: str
    figure: float
    unit: str
    beside: str          # the strongest baseline or bound, measured in the same run
    bar: float = None    # at most; None: no bar is set

    @property
    def verdict(self):
        return "" if self.bar is None else "holds" if self.figure <= self.bar else "falls short"


def run(program, *arguments):
    return subprocess.run([BIN / program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def google_benchmark(program, pattern):
    """Name -> entry. CPU time: other work on the machine counts less."""
    output = run(program, f"--benchmark_filter={pattern}", "--benchmark_format=json", "--benchmark_min_time=0.3")
    return {entry["name"].removesuffix("/iterations:1"): entry for entry in json.loads(output)["benchmarks"]}


def sim(full):
    """Bars: onnx-and-cost 7.4. Placements rotate; `exact` without memory, as searches run it where memory suffices."""
    sizes = "(10000|1000000)" if full else "10000"
    found = google_benchmark("sim_bench", f"^(exact|screening)/ops:{sizes}/block:(0|1)(/|$)")
    bars = {("screening", 10**4, 0): 0.1, ("screening", 10**4, 1): 0.4, ("exact", 10**4, 0): 1.0, ("exact", 10**4, 1): 2.5,
            ("screening", 10**6, 0): 25, ("exact", 10**6, 1): 300}
    for ops in (10**4, 10**6) if full else (10**4,):
        for block, kind in ((0, "contiguous"), (1, "random")):
            exact = found[f"exact/ops:{ops}/block:{block}/memory:0"]["cpu_time"]
            memory = found[f"exact/ops:{ops}/block:{block}/memory:1"]["cpu_time"]
            order = found[f"screening/ops:{ops}/block:{block}"]["cpu_time"]
            yield Row(f"screening {ops:,} ops, {kind}", order, "ms", f"exact {exact:.3g} ms",
                      bars.get(("screening", ops, block)))
            yield Row(f"exact {ops:,} ops, {kind}", exact, "ms", f"with memory {memory:.3g} ms",
                      bars.get(("exact", ops, block)))
    for block, kind in ((0, "contiguous"), (1, "random")):
        name = f"single_moves/ops:10000/block:{block}/memory:0/improved:0"
        moves = google_benchmark("sim_bench", f"^{name}/")[name]
        whole = f"whole run {moves['whole_ms']:.3g} ms"
        yield Row(f"a move, {kind}, median", moves["median"], "of a run", whole, 0.6)
        yield Row(f"a move, {kind}, latest quarter", moves["late"], "of a run", whole, 0.25)
    name = "two_threads/ops:10000/block:1/in_order:0"
    threads = google_benchmark("sim_bench", f"^{name}/")[name]
    yield Row("two threads, time against one", 1 / threads["threads"], "x", f"two processes {1 / threads['processes']:.2f} x")


def importing(full):
    """Bar 1: 10,000 nodes in 60 ms without the disk; memory 100 B an op and 12 B an edge."""
    import make_big_model
    import onnx

    for ops in (10_000, 100_000) if full else (10_000,):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "model.onnx"
            model.write_bytes(make_big_model.big_model(ops).SerializeToString())
            ours = json.loads(run("import_bench", model))
            seconds = []
            for _ in range(3):
                start = time.process_time()
                onnx.shape_inference.infer_shapes(onnx.load(model), data_prop=True)
                seconds.append(time.process_time() - start)
        bar = 60 * ours["nodes"] / 10_000
        yield Row(f"import {ours['nodes']:,} nodes: read, infer, cost", ours["total_ms"], "ms",
                  f"onnx: {1000 * min(seconds):.3g} ms in Python, {ours['onnx_ms']:.3g} ms in C++", bar)
        allowed = 100 + 12 * ours["edges"] / ours["ops"]
        yield Row(f"bytes an op of the graph, {ours['ops']:,} ops", ours["graph_bytes_per_op"], "B",
                  f"names {ours['name_bytes_per_op']:.0f} B, costs {ours['cost_bytes_per_op']:.0f} B", allowed)


def place(full):
    """Time and quality of each quick method; beside it the best of them."""
    for ops in (1000, 10_000, 100_000, 1_000_000) if full else (1000, 10_000):
        quick = "single|contiguous|expert|round-robin|m-topo|metis|mapping|heft|critical-path|m-etf"
        if ops == 1000:
            quick += "|m-sct"  # solves a linear programme
        found = google_benchmark("place_bench", f"^({quick})/{ops}$")
        methods = {name.split("/")[0]: (entry["cpu_time"], entry["of_bound"]) for name, entry in found.items()}
        for name, (ms, of_bound) in methods.items():
            best = min(methods, key=lambda other: methods[other][1])
            beside = f"{best}: {methods[best][1]:.2f} in {methods[best][0]:.3g} ms" if name != best else "the best of them"
            yield Row(f"{name} {ops:,} ops: {of_bound:.2f} x bound", ms, "ms", beside)


def quality(full):
    """Bar 3 on fewer graphs, seeds and evaluations: `auto` against plain annealing at equal evaluations."""
    budget = ["--evaluations", 100_000, "--seeds", 5] if full else ["--evaluations", 10_000, "--seeds", 1, "--filter", "ops=200"]
    folders = [folder for name in ("dnn-latency", "dnn-throughput")
               if (folder := pathlib.Path(os.environ.get("ALLOT_COST_GRAPHS", "/nowhere")) / name).is_dir()] if full else []
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "quality.json"
        run("quality_bench", "--json", table, *budget, *folders)
        graphs = json.loads(table.read_text())["graphs"]
    ratios = [graph["auto_us"] / graph["plain_us"] for graph in graphs]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    heuristic = math.exp(sum(math.log(graph["auto_us"] / graph["best_heuristic_us"]) for graph in graphs) / len(graphs))
    yield Row(f"auto / plain annealing, {len(graphs)} graphs, mean", mean, "x", f"auto / best quick method {heuristic:.3f}", 0.97)
    yield Row("auto / plain annealing, worst graph", max(ratios), "x", "plain annealing 1", 1.0)


SUBJECTS = {"sim": sim, "import": importing, "place": place, "quality": quality}


def main():
    parser = argparse.ArgumentParser(prog="bench.sh")
    parser.add_argument("--full", action="store_true", help="larger graphs; quality with 5 seeds, which takes hours")
    parser.add_argument("--json", metavar="FILE", help="write the rows there, too")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help="of: " + ", ".join(SUBJECTS))
    options = parser.parse_args()
    for name in options.subjects:
        if name not in SUBJECTS:
            parser.error(f"'{name}' is no subject; choose of: {', '.join(SUBJECTS)}")
    rows = []
    print(f"{'':<50}{'figure':>9} {'':<9} {'beside':<46}{'bar':>7}  verdict")
    for name in options.subjects or SUBJECTS:
        for row in SUBJECTS[name](options.full):
            rows.append(row)
            bar = "" if row.bar is None else f"{row.bar:.3g}"
            print(f"{row.what:<50}{row.figure:>9.3g} {row.unit:<9} {row.beside:<46}{bar:>7}  {row.verdict}".rstrip(), flush=True)
    if options.json:
        facts = {"schema": "allot.bench/1", "cpus": os.cpu_count(),
                 "rows": [dataclasses.asdict(row) | {"verdict": row.verdict} for row in rows]}
        pathlib.Path(options.json).write_text(json.dumps(facts, indent=2) + "\n")
    sys.exit(1 if any(row.verdict == "falls short" for row in rows) else 0)


if __name__ == "__main__":
    main()
