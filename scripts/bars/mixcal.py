# SPDX-License-Identifier: Apache-2.0
"""The bars of mixcal."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

import bar
import harness
from bar import Bar, Skipped

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))
# Seeds of the runs below. The learning rate and eta were chosen on others.
FIRST_SEED = 101
STEPS, QUICK_STEPS = 600, 150


def tool(*args):
    return bar.tool("mixcal", *args)


def catch(*cases):
    def measure(quick):
        assertions, holds = bar.catch("mixcal_test", ",".join(cases))
        return f"{assertions:,} assertions", holds and assertions > 0
    return measure


@functools.cache
def synthetic(task, quick):
    """Calibrations of one synthetic task: (names, entropies, weights [seed, domain], losses by arm [seed, domain], steps)."""
    data = FOLDER / task
    lines = tool("gen", "--task", task, "-o", data).splitlines()[1:]
    entropy = {name: float(nats) for name, nats in (line.split(",") for line in lines)}
    tokens = FOLDER / f"{task}-tokens"
    tool("prep", data, "-o", tokens, "--longest", 1024, "--validation-share", 0.1, "--test-share", 0.1, "--vocabulary", 100)
    found = json.loads(tool("calibrate", tokens, "--config", harness.ROOT / "configs/mixcal/synthetic.yaml", "--json", "--seed",
                            FIRST_SEED, "--seeds", 2 if quick else 5, *(["--steps", QUICK_STEPS] if quick else []), "-o",
                            FOLDER / f"{task}-run"))
    arms = {arm["name"]: arm for arm in found["arms"]}
    steps = {name: [np.nan if step is None else step for step in arm["steps_to_natural"]] for name, arm in arms.items()}
    return (found["domains"], np.array([entropy[name] for name in found["domains"]]), np.array(found["by_seed"]),
            {name: np.array(arm["losses"]) for name, arm in arms.items()}, steps, np.array(arms["natural"]["weights"]))


def excess(task, quick, arm):
    _, entropy, _, losses, _, _ = synthetic(task, quick)
    return losses[arm] - entropy


def worst(task, gate=True):
    def measure(quick):
        ratio = (excess(task, quick, "doremi").max(1) / excess(task, quick, "natural").max(1)).mean()
        return f"{ratio:.2f}", ratio <= 0.80 if gate else None
    return measure


def average(task, gate=True):
    def measure(quick):
        found, natural = excess(task, quick, "doremi").mean(1), excess(task, quick, "natural").mean(1)
        mean, half = bar.interval(found - natural)
        ratio = found.mean() / natural.mean()
        return f"{ratio:.2f}, {mean:+.4f} ± {half:.4f} nats", (ratio <= 0.92 and mean + half < 0) if gate else None
    return measure


def beside_uniform(task):
    def measure(quick):
        mean, half = bar.interval(excess(task, quick, "doremi").mean(1) - excess(task, quick, "uniform").mean(1))
        return f"{mean:+.4f} ± {half:.4f} nats", None
    return measure


def steps(task, gate=True):
    def measure(quick):
        found = np.mean(synthetic(task, quick)[4]["doremi"]) / (QUICK_STEPS if quick else STEPS)
        return f"{found:.2f}", bool(found <= 0.85) if gate else None
    return measure


def shares(task, gate=True):
    def measure(quick):
        names, _, weights, _, _, natural = synthetic(task, quick)
        mean, at = weights.mean(0), names.index
        hard, easy, noise = mean[at("hard")] / natural[at("hard")], mean[at("easy")] / natural[at("easy")], mean[at("noise")]
        holds = hard >= 2.5 and easy <= 0.4 and noise <= 0.10
        return f"hard x{hard:.2f}, easy x{easy:.2f}, noise {noise:.3f}", bool(holds) if gate else None
    return measure


def exported(quick):
    return bar.program("mixcal_exported.py", python=bar.torch_python(), environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


def throughput(net):
    def measure(quick):
        if not (bar.RELEASE / "bin/mixcal_bench").exists():
            raise Skipped("mixcal_bench is not built")
        done = subprocess.run([bar.torch_python(), harness.ROOT / "test/bench/mixcal_steps.py", "--bin", bar.RELEASE / "bin", "--pairs",
                               "3" if quick else "12", net], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        found = json.loads(done.stdout)
        ratio = 1 / found["time_ratio"]
        return (f"{ratio:.2f} ({1 / found['highest']:.2f} to {1 / found['lowest']:.2f}), {found['ours_ms']:.3g} ms, "
                f"memory {found['memory_ratio']:.2f}", ratio >= 0.95)
    return measure


@functools.cache
def large_corpus(quick):
    """Prose-like text of one domain, repeated blocks of random words, and a small second domain: its size in bytes."""
    size = (1 << 26) if quick else 5_000_000_000
    rng = np.random.default_rng(1)
    words = ["".join(map(chr, rng.integers(97, 123, length))) for length in rng.integers(2, 11, 5000)]
    lines = [" ".join(words[i] for i in row) + "\n" for row in (rng.zipf(1.3, (80_000, 12)) - 1) % len(words)]
    block = "".join(lines).encode()
    corpus = FOLDER / "large"
    corpus.mkdir()
    with open(corpus / "prose.txt", "wb") as out:
        for start in range(0, size, len(block)):
            out.write(block[:size - start])
    (corpus / "lines.txt").write_bytes(block[:1 << 20])
    return corpus, size + (1 << 20)


@functools.cache
def preparation(quick):
    corpus, size = large_corpus(quick)
    seconds, peak = bar.fastest("mixcal", "prep", corpus, "-o", FOLDER / "large-tokens", "--force", "--threads", 1,
                                runs=3 if quick else 1, timeout_s=600)
    shutil.rmtree(FOLDER / "large-tokens")
    shutil.rmtree(corpus)
    return size, seconds, peak


def prep_speed(quick):
    size, seconds, _ = preparation(quick)
    return f"{size / seconds / 1e6:.0f} MB/s of {size / 1e6:.0f} MB", size / seconds >= 100e6


def prep_memory(quick):
    size, _, peak = preparation(quick)
    return f"{peak / 1e6:.0f} MB of {size / 1e6:.0f} MB", peak <= 300e6


def seconds_a_step(run):
    """Of a finished training, without its first lines."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [(line["step"], line["seconds"]) for line in lines if line["phase"] == "train"]
    (first, begun), (last, ended) = steps[0], steps[-1]
    return (ended - begun) / (last - first)


def on_two_ranks(quick):
    """Sequences a second of two ranks, over those of two processes that share nothing, one after the other. The median
    of pairs, as others use the machine, too."""
    if not shutil.which("mpirun"):
        raise Skipped("there is no mpirun")
    data, tokens = FOLDER / "ranks", FOLDER / "ranks-tokens"
    tool("gen", "--task", "five", "-o", data)
    tool("prep", data, "-o", tokens, "--longest", 1024, "--vocabulary", 100)
    mpirun = ["mpirun", "--oversubscribe", "-n", "2"]
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def start(launcher, batch, shards, run):
        command = [bar.RELEASE / "bin/mixcal", "train", tokens, "--weights", "uniform", "--model", "micro", "--length", 65,
                   "--batch", batch, "--shards", shards, "--steps", 12 if quick else 25, "--log-every", 2, "--evaluate-every", 0,
                   "--threads", 1, "--force", "-o", FOLDER / run]
        return subprocess.Popen([*launcher, *map(str, command)], env=environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def wait(*processes):
        for process in processes:
            _, err = process.communicate()
            if process.returncode != 0:
                raise RuntimeError(err[-2000:])

    ratios = []
    for _ in range(2 if quick else 5):
        wait(start([], 16, 1, "alone-1"), start([], 16, 1, "alone-2"))
        alone = sum(seconds_a_step(FOLDER / f"alone-{i}") for i in (1, 2)) / 2
        wait(start(mpirun, 32, 2, "together"))
        ratios.append(alone / seconds_a_step(FOLDER / "together"))
    return f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", bool(np.median(ratios) >= 0.85)


def features(quick):
    return bar.program("mixcal_features.py", environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


if __name__ == "__main__":
    bar.main([
        Bar("1a", "T0.1 to T0.6, and that known mistakes fail", "all", catch("T0.1*", "T0.2*", "T0.3*", "T0.4*", "T0.5*", "T0.6*")),
        Bar("1b", "T0.7: interrupted and resumed", "all", catch("T0.7*")),
        Bar("2a", "five domains: worst excess over natural's", "<= 0.80", worst("five")),
        Bar("2b", "five domains: average excess over natural's", "<= 0.92, interval below 0", average("five")),
        Bar("2c", "five domains: steps to natural's end", "<= 0.85", steps("five")),
        Bar("2d", "five domains: weights over reference", "2.5, 0.4, 0.10", shares("five")),
        Bar("2e", "beside it: average, less uniform's", "told", beside_uniform("five")),
        Bar("2f", "other domains: worst excess over natural's", "told", worst("other", False)),
        Bar("2g", "other domains: average excess over natural's", "told", average("other", False)),
        Bar("2h", "other domains: steps to natural's end", "told", steps("other", False)),
        Bar("2i", "other domains: weights over reference", "told", shares("other", False)),
        Bar("2j", "other domains: average, less uniform's", "told", beside_uniform("other")),
        Bar("4", "a law of which a swarm was drawn", "0.03", catch("A law of which a swarm was drawn is found again")),
        Bar("5", "a proxy exported by PyTorch: largest difference of alpha", "1e-5", exported),
        Bar("6a", "throughput of a nano proxy over PyTorch's", ">= 0.95", throughput("nano")),
        Bar("6b", "throughput of a micro proxy over PyTorch's", ">= 0.95", throughput("micro")),
        Bar("6c", "prep of plain text, one thread", ">= 100 MB/s", prep_speed),
        Bar("6d", "its peak memory", "<= 300 MB", prep_memory),
        Bar("6e", "two ranks over two processes alone", ">= 0.85", on_two_ranks),
        Bar("7", "rows of docs/mixture.md", "all hold", features),
    ])
