# SPDX-License-Identifier: Apache-2.0
"""The bars of architecture search. The toy space makes its own data; ALLOT_FASHION_MNIST names the folder of the Debian package
dataset-fashion-mnist's IDX files, if it is another than /usr/share/datasets/fashion-mnist."""

import functools
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

import bar
import harness
from bar import Bar, Skipped

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))
FASHION = pathlib.Path(os.environ.get("ALLOT_FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
FULL = {"ALLOT_TEST_FULL": "1"}
# Teachers and seeds of the toy space below. Settings were chosen on teacher 0, of the published plan.
TEACHERS = [1, 2, 3, 4, 5]
FIRST_SEED = 100


def tool(*args):
    return bar.tool("enas-search", *args)


def catch(*cases):
    def measure(quick):
        assertions, holds = bar.catch("enas_test", ",".join(cases), environment={} if quick else FULL)
        return f"{assertions:,} assertions", holds and assertions > 0
    return measure


# The toy space: specification of enas-search, 6.4.

FUNCTIONS = [np.sin, lambda z: np.maximum(z, 0), lambda z: z, lambda z: np.exp(-z * z)]


def dag_data(teacher):
    """A fixed random network of the family that is searched, of width 8, with noise on what is learnt from."""
    files = {part: FOLDER / f"dag{teacher}-{part}.npz" for part in ("train", "valid", "test")}
    if files["test"].exists():
        return files
    rng = np.random.default_rng(2024 + teacher)
    width, nodes = 8, 4
    previous = [int(rng.integers(0, node)) for node in range(1, nodes)]
    functions = [int(f) for f in rng.integers(0, 4, nodes)]
    if teacher == 0:  # the specification's plan; its weights were drawn by another generator
        previous, functions = [0, 0, 1], [0, 3, 1, 0]
    w0, b0 = rng.normal(0, 6 ** -0.5, (6, width)), 0.3 * rng.normal(size=width)
    edges = [rng.normal(0, width ** -0.5, (width, width)) for _ in previous]
    out = rng.normal(0, width ** -0.5, (width, 3))

    def teach(x):
        h = [FUNCTIONS[functions[0]](x @ w0 + b0)]
        for node, earlier in enumerate(previous, 1):
            h.append(FUNCTIONS[functions[node]](h[earlier] @ edges[node - 1]))
        ends = [h[i] for i in range(nodes) if i not in previous]
        return np.mean(ends, axis=0) @ out

    some = teach(rng.normal(size=(20000, 6)))
    mean, deviation = some.mean(0), some.std(0)
    for part, count, noise in (("train", 2048, 0.1), ("valid", 2048, 0.1), ("test", 4096, 0)):
        x = rng.normal(size=(count, 6))
        y = (teach(x) - mean) / deviation + noise * rng.normal(size=(count, 3))
        np.savez(files[part], x=x.astype(np.float32), y=y.astype(np.float32))
    return files


def dag_settings(teacher):
    files = dag_data(teacher)
    return ["--config", harness.ROOT / "configs/enas/dag.yaml", "--data", files["train"], "--validation-data", files["valid"],
            "--test-data", files["test"]]


@functools.cache
def dag_supergraph():
    path = FOLDER / "dag.onnx"
    tool("generate", "--generate.kind", "dag", "--generate.input", 6, "--generate.classes", 3, "--generate.channels", 16, "-o", path)
    return path


@functools.cache
def dag_table(teacher, children):
    path = FOLDER / f"dag{teacher}-table.json"
    tool("table", dag_supergraph(), *dag_settings(teacher), "--epochs", 0, "--steps", 600, "--table-samples", children, "--table-seeds", 2,
         "-o", path)
    return path


@functools.cache
def dag_searches(quick):
    """One row a search: teacher, rank, score and tau; of its rivals the scores; CPU seconds; how many standard deviations of a
    training the retrained child is from its value in the table (nan: not in it)."""
    rows = []
    for teacher in TEACHERS[:1] if quick else TEACHERS:
        table = dag_table(teacher, 40 if quick else 200)
        children = {row["arch"]: row["test"] for row in json.loads(table.read_text())["children"]}
        scores = np.array([np.mean(each) for each in children.values()])
        deviation = np.sqrt(np.mean([np.var(each, ddof=1) for each in children.values()]))
        for seed in range(FIRST_SEED, FIRST_SEED + (2 if quick else 10)):
            run = FOLDER / f"dag{teacher}-{seed}"
            outcome = json.loads(tool("search", dag_supergraph(), *dag_settings(teacher), "--seed", seed, "--retrain-steps", 600,
                                      "--beside", "random", "--json", "-o", run))
            verdict = json.loads(tool("report", run, "--table", table, "--json"))
            methods = {each["method"]: each for each in outcome["methods"]}
            chance = methods["random, shared weights"]["test"]
            rng = np.random.default_rng(seed)
            best_of_10 = [rng.choice(scores, 10, replace=False).max() for _ in range(1000)]
            rows.append({"teacher": teacher, "rank": verdict["rank"], "tau": verdict["tau"], "score": methods["search"]["test"],
                         "chance": chance, "chance_rank": float((scores > chance).mean()), "best_of_10": float(np.mean(best_of_10)),
                         "cpu": outcome["cpu_seconds"], "off_table": (methods["search"]["test"] - np.mean(
                             children.get(methods["search"]["arch"], np.nan))) / deviation})
    return rows


def of_rows(name):
    return lambda quick: np.array([row[name] for row in dag_searches(quick)])


def dag_rank(quick):
    ranks = 100 * of_rows("rank")(quick)
    return f"median {np.median(ranks):.1f} %, worst {ranks.max():.1f} %", np.median(ranks) <= 5 and ranks.max() <= 25


def dag_against_chance(quick):
    """Signs of paired differences are flipped at random: how often their mean is as large."""
    difference = of_rows("chance_rank")(quick) - of_rows("rank")(quick)
    rng = np.random.default_rng(0)
    flipped = (rng.choice([-1, 1], (20000, len(difference))) * difference).mean(1)
    p = (flipped >= difference.mean()).mean()
    return f"{100 * difference.mean():+.1f} points of rank, p = {p:.3f}", p < 0.05 and difference.mean() > 0


def dag_tau(quick):
    tau = of_rows("tau")(quick)
    return f"mean {tau.mean():.2f}", tau.mean() >= 0.40


def dag_best_of_10(quick):
    own, other = of_rows("score")(quick).mean(), of_rows("best_of_10")(quick).mean()
    return f"R2 {own:.3f} against {other:.3f}", own > other


def dag_cpu(quick):
    cpu = of_rows("cpu")(quick)
    return f"median {np.median(cpu):.1f} s, most {cpu.max():.1f} s", cpu.max() <= 7


def dag_retrained(quick):
    off = of_rows("off_table")(quick)
    off = np.abs(off[~np.isnan(off)])
    if len(off) == 0:
        raise Skipped("no chosen child is in the table")
    return f"at most {off.max():.1f} of {len(off)} in the table", off.max() <= 3


def dag_optima(quick):
    best = set()
    for teacher in TEACHERS[:1] if quick else TEACHERS:
        rows = json.loads(dag_table(teacher, 40 if quick else 200).read_text())["children"]
        best.add(max(rows, key=lambda row: np.mean(row["test"]))["arch"])
    return f"{len(best)} of {len(TEACHERS[:1] if quick else TEACHERS)} differ", None


def dag_by_teacher(quick):
    """What the means above hide; agreement is the correlation of the two trainings of a table's children."""
    told = []
    for teacher in TEACHERS[:1] if quick else TEACHERS:
        rows = [row for row in dag_searches(quick) if row["teacher"] == teacher]
        children = json.loads(dag_table(teacher, 40 if quick else 200).read_text())["children"]
        agreement = np.corrcoef(np.array([row["test"] for row in children]).T)[0, 1]
        told.append(f"{100 * np.median([row['rank'] for row in rows]):.1f} %, tau {np.mean([row['tau'] for row in rows]):.2f}, "
                    f"agreement {agreement:.2f}")
    return "; ".join(told), None


# Fashion-MNIST: the search's child, random search with the same sharing, and random children at equal CPU.

@functools.cache
def fashion(space, quick):
    if not (FASHION / "train-images-idx3-ubyte.gz").exists():
        raise Skipped("dataset-fashion-mnist is not installed")
    supergraph = FOLDER / f"fashion-{space}.onnx"
    sizes = {"macro": ["--generate.layers", 4, "--generate.channels", 8],
             "micro": ["--generate.layers", 1, "--generate.nodes", 4, "--generate.channels", 4]}[space]
    tool("generate", "--generate.kind", space, "--generate.input", "1x28x28", *sizes, "-o", supergraph)
    seeds = range(FIRST_SEED, FIRST_SEED + (1 if quick else 5))
    # A step of micro takes three times as long.
    length = {"macro": [], "micro": ["--steps", 300, "--theta-steps", 4, "--samples", 12, "--retrain-steps", 200]}[space]
    settings = ["--config", harness.ROOT / "configs/enas/fashion.yaml", "--data", FASHION, *length, *(["--steps", 40] if quick else [])]
    outcomes = []
    for seed in seeds:
        run = FOLDER / f"fashion-{space}-{seed}"
        outcomes.append({each["method"].split(" of ")[0]: each for each in
                         json.loads(tool("search", supergraph, *settings, "--seed", seed, "--json", "-o", run))["methods"]})
    return outcomes


def fashion_difference(space, other):
    def measure(quick):
        outcomes = fashion(space, quick)
        difference = 100 * np.array([each["search"]["test"] - each[other]["test"] for each in outcomes])
        if len(difference) < 2:
            return f"{difference[0]:+.2f} points (one seed)", None
        half = bar.interval(difference)[1]
        holds = difference.mean() - half > 0 if other == "their mean" else difference.mean() + half >= 0
        return f"{difference.mean():+.2f} [{difference.mean() - half:.2f}, {difference.mean() + half:.2f}]", holds
    return measure


def latency(quick):
    supergraph = FOLDER / "latency.onnx"
    tool("generate", "--generate.kind", "macro", "--generate.input", "1x28x28", "--generate.layers", 6, "--force", "-o", supergraph)
    found = json.loads(tool("profile", supergraph, "--children", 10 if quick else 30, "--json", "-o", FOLDER / "latencies.json"))
    return f"{found['spearman']:.3f}", found["spearman"] >= 0.9


@functools.cache
def speed():
    path = bar.RELEASE / "bin/enas_bench"
    if not path.exists():
        raise Skipped("enas_bench is not built (-DALLOT_LEARN=ON)")
    return json.loads(subprocess.run([path], capture_output=True, text=True, check=True).stdout)


def overhead(quick):
    figure = 100 * speed()["overhead"]
    return f"{figure:+.1f} % at {speed()['active_nodes']} nodes", figure <= 5


def switching(quick):
    return f"{speed()['switch_ms']:.2f} ms at {speed()['nodes']:,} nodes", speed()["switch_ms"] <= 1


def runtime(quick):
    return bar.program("enas_search.py", "EnasSearch.test_children_in_runtime",
                       environment={"ALLOT_BIN": str(bar.RELEASE / "bin"), **({} if quick else FULL)})


if __name__ == "__main__":
    bar.main([
        Bar("1a", "controller: probabilities, gradients, planted, prior", "all", catch(
            "probabilities of all*", "the mean of sampled*", "REINFORCE*", "a planted*", "without rewards*", "rewards that do not*")),
        Bar("1b", "only active nodes run, gradients, slices, loose ends", "all", catch(
            "only what a child*", "gradients pass*", "loose ends*", "weights that a step*")),
        Bar("1c", "costs, rewards and Pareto sets", "all", catch("rewards are what*", "costs are*", "the Pareto*")),
        Bar("1d", "latency by nodes: Spearman with whole children", ">= 0.9", latency),
        Bar("2a", "dag: rank of the choice, teachers x seeds", "median <= 5 %, worst <= 25 %", dag_rank),
        Bar("2b", "dag: against random search with shared weights", "p < 0.05", dag_against_chance),
        Bar("2c", "dag: Kendall's tau", ">= 0.40", dag_tau),
        Bar("2d", "dag: against the best of 10 trained alone", "above", dag_best_of_10),
        Bar("2e", "dag: CPU of a search", "<= 7 s", dag_cpu),
        Bar("2f", "dag: best children of the teachers", "told", dag_optima),
        Bar("2g", "dag: the retrained child off its table value", "<= 3 sd", dag_retrained),
        Bar("2h", "dag: median rank, tau and the table by teacher", "told", dag_by_teacher),
        Bar("3a", "child = supergraph, bit by bit, all spaces", "100 children each", catch("a child by pruning*")),
        Bar("3b", "the same in ONNX Runtime", "1e-5", runtime),
        Bar("4a", "Fashion-MNIST, macro: less the mean of random children", "interval above 0", fashion_difference("macro", "their mean")),
        Bar("4b", "Fashion-MNIST, macro: less the best of N at equal CPU", "not below", fashion_difference("macro", "best")),
        Bar("4c", "Fashion-MNIST, micro: less the mean of random children", "interval above 0", fashion_difference("micro", "their mean")),
        Bar("4d", "Fashion-MNIST, micro: less the best of N at equal CPU", "not below", fashion_difference("micro", "best")),
        Bar("5a", "a step within the supergraph, over that of the child", "<= 5 %", overhead),
        Bar("5b", "an architecture not met before", "<= 1 ms", switching),
        Bar("5c", "equal seeds, interrupted runs, threads", "byte-equal", catch("a search that is interrupted*", "threads change*")),
    ])
