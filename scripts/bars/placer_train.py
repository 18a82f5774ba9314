# SPDX-License-Identifier: Apache-2.0
"""The bars of learned placement. ALLOT_COST_GRAPHS: see engine.py; what is measured on published graphs is then, too."""

import functools
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import bar
import harness
from bar import Bar, Skipped

UNIT_TESTS = {
    "probabilities": ["scores of samples are their probabilities*"],
    "gradient": ["the gradient's estimate is the exact one's*"],
    "bandits": ["costs that count devices and neighbours*"],
    "failures": ["what failed teaches nothing*", "a failed sample beside others*"],
    "repeatable": ["a seed gives the same run*", "a run in two parts is the run in one*", "ranks learn together*"],
    "defects": ["credit for samples that were judged*", "the encoder's backward states*", "all predecessors of an operation*",
                "group embeddings keep counts*"],
}


def unit_tests(name):
    def measure(quick):
        assertions, holds = bar.catch("policy_test", ",".join(UNIT_TESTS[name]))
        return f"{assertions:,} assertions", holds
    return measure


def bench(program, *arguments):
    path = bar.RELEASE / "bin" / program
    if not path.exists():
        raise Skipped(f"{program} is not built (-DALLOT_LEARN=ON)")
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        subprocess.run([path, *map(str, arguments), "--json", result], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True)
        return json.loads(result.read_text())


def moves(limit):
    """Annealing that learns its moves, trained on other graphs before, against annealing as it is."""
    def measure(quick):
        folder = pathlib.Path(os.environ.get("ALLOT_COST_GRAPHS", "/nowhere")) / "dnn-latency"
        seeds = 2 if quick else 5
        rows = bench("move_policy_bench", *limit, "--seeds", seeds)["graphs"]
        if folder.is_dir():
            rows += bench("move_policy_bench", *limit, "--seeds", seeds, folder)["graphs"]
        mean = lambda arm: functools.reduce(lambda product, row: product * row[arm][0] ** (1 / len(rows)), rows, 1.0)
        better = sum(sum(row["trained"]) < 1 for row in rows)
        return (f"{mean('trained'):.3f} x (untrained {mean('untrained'):.3f}, uniform {mean('uniform'):.3f}), surely better on "
                f"{better} of {len(rows)}", better >= 0.6 * len(rows))
    return measure


@functools.cache
def rates():
    path = bar.RELEASE / "bin" / "policy_bench"
    if not path.exists():
        raise Skipped("policy_bench is not built (-DALLOT_LEARN=ON)")
    done = subprocess.run([path], capture_output=True, text=True, check=True)
    return json.loads(done.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def throughput(row, sampled, learned):
    def measure(quick):
        if quick:
            raise Skipped("takes half a minute; run without --quick")
        found = rates()[0][row]
        return (f"{found['sampled_per_s']:.0f}/s, in training {found['learned_per_s']:.0f}/s",
                found["sampled_per_s"] >= sampled and found["learned_per_s"] >= learned)
    return measure


def memory(quick):
    if quick:
        raise Skipped("takes half a minute; run without --quick")
    peak = rates()[1]
    return f"{peak / 2 ** 30:.2f} GiB", peak <= 2e9


def ranks(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    done = subprocess.run([sys.executable, harness.ROOT / "test/bench/placer_ranks.py"], capture_output=True, text=True,
                          env={**os.environ, "ALLOT_BIN": str(bar.RELEASE / "bin")})
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = json.loads(done.stdout)
    same = "the same curve" if found["same_curve"] else "another curve"
    return f"{found['ratio']:.2f} x, {same}", found["ratio"] >= 0.85 and found["same_curve"]


def published(quick):
    """Makespans of both published policies on graphs of more than 1,000 units, at equal samples."""
    if quick:
        raise Skipped("takes minutes; run without --quick")
    path = bar.RELEASE / "bin" / "published_bench"
    if not path.exists():
        raise Skipped("published_bench is not built (-DALLOT_LEARN=ON)")
    done = subprocess.run([path, "--samples", "64", "--filter", "NMT"], capture_output=True, text=True, check=True)
    rows = [row for row in json.loads(done.stdout)["rows"] if row["units"] > 1000]
    ratios = [row["iclr2018"] / row["icml2017"] for row in rows]
    return ", ".join(f"{row['graph']} {ratio:.2f} x" for row, ratio in zip(rows, ratios)), max(ratios) <= 1


@functools.cache
def zero_shot():
    done = subprocess.run([sys.executable, harness.ROOT / "test/bench/zero_shot.py"], capture_output=True, text=True, check=True,
                          env={**os.environ, "ALLOT_BIN": str(bar.RELEASE / "bin")})
    return json.loads(done.stdout)["rows"]


def against_annealing(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    worst = max(zero_shot(), key=lambda row: row["with"])
    return f"{worst['with']:.3f} x on {worst['graph']}", worst["with"] <= 1.05


def against_none(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    ratio = functools.reduce(lambda product, row: product * (row["with"] / row["without"]) ** (1 / len(zero_shot())), zero_shot(), 1)
    slowest = max(row["seconds"] for row in zero_shot())
    return f"{ratio:.3f} x of the time without it, {slowest:.1f} s at most", ratio < 1 and slowest <= 1.5


def measured_training(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    import onnx
    model = pathlib.Path(onnx.__file__).parent / "backend/test/data/light/light_inception_v1.onnx"
    if not model.exists():
        raise Skipped(f"{model} is missing")
    done = subprocess.run([sys.executable, harness.ROOT / "test/bench/measured_training.py", model], capture_output=True, text=True,
                          check=True, env={**os.environ, "ALLOT_BIN": str(bar.RELEASE / "bin")})
    found = json.loads(done.stdout)
    return (f"{found['of_best_alone']:.2f} x the better one alone, {found['realised']:.0%} of the gain",
            found["of_best_alone"] <= 1 and found["realised"] >= 0.8)


def features(quick):
    return bar.program("placement_features.py", environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


bar.main([
    Bar("1a", "samples' log-probabilities against scoring them", "1e-5", unit_tests("probabilities")),
    Bar("1b", "gradients against enumeration", "SE <= 2 %, cosine >= 0.99", unit_tests("gradient")),
    Bar("1c", "bandits of 32 units, 4 devices", "0 in 200 updates", unit_tests("bandits")),
    Bar("1d", "failures once they are left out", "change nothing", unit_tests("failures")),
    Bar("1e", "seed, threads, ranks, resume", "the same run", unit_tests("repeatable")),
    Bar("1f", "each defect of placement 3.7 is noticed", "all", unit_tests("defects")),
    Bar("2", "NMT of 2, 4, 8 layers: hierarchical against flat, as published", "<= 1", published),
    Bar("3a", "learned moves against annealing, 5,000 evaluations", "better on >= 60 %", moves(["--evaluations", 5000])),
    Bar("3b", "the same in half a second each", "better on >= 60 %", moves(["--seconds", 0.5])),
    Bar("4a", "the policy that ships, 1 s, against 100,000 evaluations of annealing", "<= 1.05 x", against_annealing),
    Bar("4b", "the same against 1 s without it", "< 1, 1.5 s in all", against_none),
    Bar("5a", "flat, 256 units, boost", ">= 400/s, >= 90/s", throughput("flat_256_boost", 400, 90)),
    Bar("5b", "flat, 256 units, as published", ">= 35/s, >= 10/s", throughput("flat_256_icml2017", 35, 10)),
    Bar("5c", "hierarchical, 10,000 ops, 256 groups", ">= 50/s in training", throughput("hierarchical_10000_boost", 0, 50)),
    Bar("5d", "peak memory of these", "<= 2 GB", memory),
    Bar("5e", "mpirun -n 2 against two processes", ">= 0.85 x, the same curve", ranks),
    Bar("6", "training on two CPU workers by measuring", "<= 1, >= 80 % of the gain", measured_training),
    Bar("7", "the feature checklist", "every row", features),
])
