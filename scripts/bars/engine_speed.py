# SPDX-License-Identifier: Apache-2.0
"""How fast and how large the placement engine is, and that nothing that parses can be made to fail.

Processor time, the least of several repetitions: others on the machine can only add to it.
"""

import json
import subprocess
import tempfile

import bar
import harness
from bar import Bar, Skipped

TARGETS = ("onnx", "cluster", "constraints", "costs", "placement", "safetensors")


def sim_bench(pattern, repetitions=5):
    """Rows of sim_bench by name, each with the least processor time of its repetitions in `cpu_time`."""
    path = bar.RELEASE / "bin/sim_bench"
    if not path.exists():
        raise Skipped("sim_bench is not built (libbenchmark-dev)")
    report = subprocess.run([path, f"--benchmark_filter={pattern}", "--benchmark_format=json",
                             f"--benchmark_repetitions={repetitions}"], check=True, capture_output=True, text=True).stdout
    rows = {}
    for row in json.loads(report)["benchmarks"]:
        if row["run_type"] == "iteration":
            best = rows.setdefault(row["run_name"], row)
            best["cpu_time"] = min(best["cpu_time"], row["cpu_time"])
    return rows


def times(pattern, limits, quick):
    """Milliseconds in the order of `limits`, {part of the row's name: at most}."""
    rows = sim_bench(pattern, 3 if quick else 15)
    found = [min(row["cpu_time"] for name, row in rows.items() if part in name) for part in limits]
    return " / ".join(f"{ms:.3g}" for ms in found) + " ms", all(ms <= most for ms, most in zip(found, limits.values()))


def screening(quick):
    return times("^screening/ops:10000/block:(0|1)$", {"block:0": 0.1, "block:1": 0.4}, quick)


def exact(quick):
    return times("^exact/ops:10000/block:(0|1)/memory:1$", {"block:0": 1.0, "block:1": 2.5}, quick)


def screening_large(quick):
    return times("^screening/ops:1000000/block:(0|1)$", {"block:0": 25, "block:1": 25}, quick)


def exact_large(memory):
    def measure(quick):
        return times(f"^exact/ops:1000000/block:(0|1)/memory:{memory}$", {"block:0": 300, "block:1": 300}, quick)
    return measure


def single_moves(quick):
    """The worst of contiguous, blocks and random, each with memory and without."""
    rows = sim_bench("^single_moves/ops:10000/block:.*/improved:0/", 1 if quick else 5).values()
    median, late = (max(row[key] for row in rows) for key in ("median", "late"))
    return f"{median:.2f} / {late:.2f} of a whole run", median <= 0.6 and late <= 0.25


def memory(quick):
    del quick
    row = next(iter(sim_bench("^memory/ops:1000000/block:1/", 1).values()))
    limit = 100 + 12 * row["edges"]
    parts = {"graph": row["graph"], "costs": row["costs"], "run": row["simulator"]}
    listed = " + ".join(f"{name} {figure:.0f}" for name, figure in parts.items())
    return f"{listed} B/op of {limit:.0f}", sum(parts.values()) <= limit


def import_time(quick):
    path = bar.RELEASE / "bin/import_bench"
    if not path.exists():
        raise Skipped("import_bench is not built")
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/model.onnx"
        made = harness.run("placer-embed", "--gen", "layered:ops=10000,width=16,seed=1", "-o", model)
        if made.code != 0:
            raise RuntimeError(made.err)
        row = json.loads(subprocess.run([path, model, "5" if quick else "20"], check=True, capture_output=True, text=True).stdout)
    return f"{row['total_ms']:.1f} ms, ONNX's own inference {row['onnx_ms']:.1f}", row["total_ms"] <= 60


def reference(quick):
    """The environment variable makes the property tests long: 10,000 graphs with every rule, a million moves."""
    assertions, holds = bar.catch("sim_test", environment={} if quick else {"ALLOT_TEST_FULL": "1"})
    return f"{assertions:,} assertions", holds


def fuzzing(quick):
    if quick:
        raise Skipped("takes half an hour; run without --quick")
    done = subprocess.run([harness.ROOT / "scripts/fuzz.sh", "300", *TARGETS], capture_output=True, text=True)
    if done.returncode == 69:
        raise Skipped(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip().splitlines()[-1], done.returncode == 0


BARS = [
    Bar("1a", "screening, 10,000 ops, contiguous / random", "<= 0.1 / 0.4 ms", screening),
    Bar("1b", "exact with memory, 10,000 ops, contiguous / random", "<= 1 / 2.5 ms", exact),
    Bar("1c", "screening, 1,000,000 ops, contiguous / random", "<= 25 ms", screening_large),
    Bar("1d", "exact, 1,000,000 ops, contiguous / random", "<= 300 ms", exact_large(memory=0)),
    Bar("1e", "exact with memory, 1,000,000 ops, contiguous / random", "<= 300 ms", exact_large(memory=1)),
    Bar("1f", "one op moved, 10,000 ops, median / lower quartile of reach", "<= 0.6 / 0.25", single_moves),
    Bar("1g", "import of a model of 10,000 nodes", "<= 60 ms", import_time),
    Bar("1h", "memory of graph, costs on 4 devices, and a run", "<= 100 B/op + 12 B/edge", memory),
    Bar("2", "simulator against its references, all presets", "equal", reference),
    Bar("9", "libFuzzer, 5 minutes a target", "no finding", fuzzing),
]

if __name__ == "__main__":
    bar.main(BARS)
