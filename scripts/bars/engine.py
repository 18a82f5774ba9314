# SPDX-License-Identifier: Apache-2.0
"""The bars of the placement engine.

ALLOT_COST_GRAPHS names a folder of published cost graphs as scripts/convert_*.py write them: doppler/, dnn-latency/ and
dnn-throughput/. What needs them is skipped without.
"""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import bar
import harness
from bar import Bar, Skipped

OFFLOAD_MS = {"LayerGraphs-bert24": 100.219, "LayerGraphs-gnmt": 231.9, "LayerGraphs-inceptionv3": 1307.776,
              "LayerGraphs-resnet50": 1234.062, "OperatorGraphs-bert_l-3": 416.204, "OperatorGraphs-bert_l-6": 460.1,
              "OperatorGraphs-bert_l-12": 867.839, "OperatorGraphs-resnet50": 839.536}
# Largest loads of the published programme on 6 accelerators and a CPU.
INTERVAL_MS = {"LayerGraphs-bert24_inference": 17.790, "LayerGraphs-bert24_training": 41.746,
               "LayerGraphs-gnmt_inference": 32.911, "LayerGraphs-gnmt_training": 107.004,
               "LayerGraphs-resnet50_inference": 33.775, "LayerGraphs-resnet50_training": 78.632}
DOPPLER_MS = {"chain_mm_112nodes": 1200.08, "ffnn_192nodes": 56.70, "transformer_block_215nodes": 166.80,
              "full_transformer_layer_261nodes": 122.74, "8gpu_transformer_block": 174.08,
              "8gpu_full_transformer": 181.35}


def cost_graphs(name):
    folder = pathlib.Path(os.environ.get("ALLOT_COST_GRAPHS", "/nowhere")) / name
    if not folder.is_dir():
        raise Skipped(f"ALLOT_COST_GRAPHS has no {name}/")
    return folder


def bench(program, *arguments):
    path = bar.RELEASE / "bin" / program
    if not path.exists():
        raise Skipped(f"{program} is not built")
    return subprocess.run([path, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def quality(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "quality.json"
        bench("quality_bench", "--json", table, *arguments)
        return json.loads(table.read_text())["graphs"]


def against_plain_annealing(quick):
    budget = ["--evaluations", 10_000, "--seeds", 1, "--filter", "ops=200"] if quick else []
    folders = [] if quick or "ALLOT_COST_GRAPHS" not in os.environ else [cost_graphs("dnn-latency"), cost_graphs("dnn-throughput")]
    graphs = quality(*budget, *folders)
    ratios = [graph["auto_us"] / graph["plain_us"] for graph in graphs]
    product = 1.0
    for ratio in ratios:
        product *= ratio
    mean = product ** (1 / len(ratios))
    return f"{len(graphs)} graphs: mean {mean:.3f}, worst {max(ratios):.3f}", mean <= 0.97 and max(ratios) <= 1.0


def at_once(quick):
    graphs = quality("--seconds", 0, "--seeds", 3)
    slowest = max(graph["auto_seconds"] for graph in graphs)
    return f"{1000 * slowest:.1f} ms for {len(graphs)} graphs", slowest <= 0.010


def offload(quick):
    rows = re.findall(r"(\S+)_inference .*auto +([\d.]+) ms(.*)",
                      bench("offload_bench", "--evaluations", 20_000 if quick else 1_000_000, cost_graphs("dnn-latency")))
    found = {pathlib.Path(name).name: float(figure) for name, figure, unfit in rows if not unfit}
    worst = max(found.get(name, float("inf")) / best for name, best in OFFLOAD_MS.items())
    return f"worst {worst:.4f} of the best known", worst <= 1.0001


def doppler(quick):
    seconds = 5 if quick else 60
    worst = 0.0
    for name, best in DOPPLER_MS.items():
        stem = cost_graphs("doppler") / name
        outcome = harness.run("placer-apply", f"{stem}.onnx", "--costs", f"{stem}.costs.json", "--cluster",
                              f"{stem}.cluster.yaml", "--colocation", "none", "--seconds", seconds, "--json")
        worst = max(worst, json.loads(outcome.out)["metrics"]["makespan_us"] / 1000 / best)
    return f"worst {worst:.4f} of the best known", worst <= (1.1 if quick else 1.0001)


def large(quick):
    if quick:
        raise Skipped("takes a minute; run without --quick")
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "large.onnx"
        made = harness.run("placer-embed", "--gen", "layered:ops=100000,width=32,seed=1", "-o", model)
        if made.code != 0:
            raise RuntimeError(made.err)
        outcome = harness.run("placer-apply", model, "--cluster", harness.ROOT / "configs/clusters/eight-gpu.yaml",
                              "--seconds", 30, "--json")
    plan = json.loads(outcome.out)
    quick_methods = [method["makespan_us"] for method in plan["methods"] if method["method"] != "multilevel" and method["fits"]]
    gain = 1 - plan["metrics"]["makespan_us"] / min(quick_methods)
    return (f"{outcome.seconds:.1f} s, {outcome.peak_bytes / 1e9:.2f} GB, {gain:.2%} better",
            outcome.seconds <= 35 and outcome.peak_bytes <= 2e9 and gain > 0)


def optima(quick):
    """A hundred graphs of 25 to 40 ops, by branch and bound and by auto; eight if it has to be quick."""
    assertions, holds = bar.catch("place_test", "optima of 25 to 40 ops*", environment={} if quick else {"ALLOT_TEST_FULL": "1"})
    return f"{assertions:,} assertions", holds


def robustness(quick):
    assertions, holds = bar.catch("place_test", "*stays better*,equal devices err together*")
    return f"{assertions:,} assertions", holds


def throughput(quick):
    worst = 0.0
    for name, best in INTERVAL_MS.items():
        stem = cost_graphs("dnn-throughput") / name
        constraints = ["--constraints", f"{stem}.constraints.yaml"] if pathlib.Path(f"{stem}.constraints.yaml").exists() else []
        outcome = harness.run("placer-apply", f"{stem}.onnx", "--costs", f"{stem}.costs.json", "--cluster",
                              f"{stem}.cluster.yaml", *constraints, "--colocation", "none", "--objective", "throughput",
                              "--evaluations", 1000, "--json")
        worst = max(worst, json.loads(outcome.out)["objective_value"] / 1e9 / best)
    return f"worst {worst:.4f} of the exact programme", worst <= 1.0001


def scenarios(quick):
    assertions, holds = bar.catch("place_test", "*scenario*")
    return f"{assertions:,} assertions", holds


BARS = [
    Bar("3a", "auto / plain annealing at 100,000 evaluations, 5 seeds", "mean <= 0.97, worst <= 1", against_plain_annealing),
    Bar("3b", "auto --seconds 0, graphs of up to 1,000 ops", "<= 10 ms", at_once),
    Bar("3c", "blocking accelerators (dnn-partitioning's latency)", "<= 1 x best known", offload),
    Bar("3d", "DOPPLER's six graphs in 60 s", "<= 1 x best known", doppler),
    Bar("3e", "auto against proved optima of 25 to 40 ops", "equal for >= 90 %", optima),
    Bar("7", "100,000 ops on 8 devices, auto --seconds 30", "<= 35 s, <= 2 GB, better", large),
    Bar("8a", "re-scored under errors of 20 %, 200 draws", "as drawn by hand", robustness),
    Bar("8b", "throughput of published graphs (--throughput converted)", "<= 1 x their programme", throughput),
    Bar("8c", "several input shapes in one plan", "never worse than for one", scenarios),
]

if __name__ == "__main__":
    bar.main(BARS)
