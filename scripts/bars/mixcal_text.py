# SPDX-License-Identifier: Apache-2.0
"""Bar 3 of mixcal: real text of Debian packages, eight domains and noise. ALLOT_DEBIAN_TEXT names the folder that
scripts/recipes/debian_text.py wrote; else it is made of what is installed."""

import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import bar
import harness
from bar import Bar, Skipped

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))
# Nothing was chosen on these seeds.
FIRST_SEED, SEEDS, STEPS = 201, 5, 600
# Of a swarm over nine domains, as many as mixcal takes by itself.
RUNS = 30
REAL = ["man_en", "man_de", "man_fr", "man_ru", "c_hdr", "python", "words", "iso_json"]
# The primary has 98,304 numbers in its blocks, the proxy 12,288.
CONFIG = ["--config", harness.ROOT / "configs/mixcal/debian-text.yaml"]


def tool(*args):
    return bar.tool("mixcal", *args)


@functools.cache
def tokens():
    text = pathlib.Path(os.environ.get("ALLOT_DEBIAN_TEXT", FOLDER / "text"))
    if not text.exists():
        done = subprocess.run([sys.executable, harness.ROOT / "scripts/recipes/debian_text.py", "-o", text],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(done.stderr.strip().splitlines()[-1])
    tool("prep", text, "-o", FOLDER / "tokens")
    return FOLDER / "tokens"


def size(quick):
    """Seeds and steps: a minute, or all."""
    return (2, 200) if quick else (SEEDS, STEPS)


@functools.cache
def doremi(quick):
    """What calibrate tells, and the first line it prints."""
    seeds, steps = size(quick)
    run = FOLDER / "doremi"
    first = tool("calibrate", tokens(), *CONFIG, "--seed", FIRST_SEED, "--seeds", seeds, "--steps", steps, "-o",
                 run).splitlines()[0]
    found = json.loads((run / "result.json").read_text())
    arms = {arm["name"]: arm for arm in found["arms"]}
    return found, arms, first


def losses(quick, arm):
    """[seed, domain] of the eight."""
    found, arms, _ = doremi(quick)
    real = [found["domains"].index(name) for name in REAL]
    return np.array(arms[arm]["losses"])[:, real]


def noise(quick):
    found, arms, _ = doremi(quick)
    at = found["domains"].index("noise")
    weights, given = np.array(found["by_seed"])[:, at], arms["natural"]["weights"][at]
    holds = weights.mean() <= 0.5 * given and weights.max() <= 0.6 * given and weights.mean() < 1 / 9
    return f"x{weights.mean() / given:.2f}, at most x{weights.max() / given:.2f}", bool(holds)


def difference(one, other):
    mean, half = bar.interval((one - other).mean(1))
    return mean, half, f"{mean:+.4f} ± {half:.4f} nats"


def below_natural(quick):
    mean, half, told = difference(losses(quick, "doremi"), losses(quick, "natural"))
    return told, bool(mean + half < 0)


def steps_to_natural(quick):
    _, arms, _ = doremi(quick)
    found = np.array([np.inf if step is None else step for step in arms["doremi"]["steps_to_natural"]]) / size(quick)[1]
    return f"{found.mean():.2f}, at most {found.max():.2f}", bool(found.mean() <= 0.80 and found.max() <= 0.85)


def domains_better(quick):
    change = losses(quick, "doremi") - losses(quick, "natural")
    better, worst = (change < 0).sum(1), change.max()
    return f"{better.min()} to {better.max()} of 8, worst {worst:+.3f}", bool(better.min() >= 5 and worst <= 0.10)


def equal_cost(quick):
    """Steps of each run of a swarm that takes as many FLOPs as doremi's reference and proxy, 14 a number and token: its
    runs take 6."""
    return round(size(quick)[1] * 14 / 6 / RUNS)


def primary(weights, seed, name):
    """Losses of the eight on a primary of these weights. The same start and order of data as in the arms of doremi."""
    told = json.loads(tool("train", tokens(), *CONFIG, "--weights", weights, "--model", "nano", "--seed", seed,
                           "--steps", STEPS, "--json", "-o", FOLDER / f"{name}-{seed}-primary"))
    return [told["domains"][each] for each in REAL]


@functools.cache
def law(steps, *args):
    """Losses of the eight on mixtures of the law after runs of so many steps, {seed: [domain]}, and a search's FLOPs.
    Seeds are left out on which it proposes nothing, since it predicts left-out runs too badly."""
    outcomes, flops = {}, None
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        run = FOLDER / f"law-{steps}-{seed}"
        try:
            tool("calibrate", tokens(), *CONFIG, "--method", "mixing-law", "--seed", seed, "--steps", STEPS,
                 "--swarm.runs", RUNS, "--swarm.steps", steps, "--compare=false", *args, "-o", run)
        except RuntimeError as error:
            if "rank correlation" not in str(error):
                raise
            continue
        flops = sum(json.loads((run / "mixture.json").read_text())["flops"].values())
        outcomes[seed] = primary(run / "mixture.json", seed, f"law-{steps}")
    return outcomes, flops


def equal_cost_law(quick):
    """So short runs rank others too badly for the law's own judgement: what it would propose is taken all the same."""
    return law(equal_cost(quick), "--law.least-rank", -1)


@functools.cache
def equal_shares():
    """The same on equal shares of the eight: what a user who knows of the noise would take without any search."""
    equal = FOLDER / "equal.csv"
    equal.write_text("".join(f"{name},{0 if name == 'noise' else 0.125}\n" for name in [*REAL, "noise"]))
    return np.array([primary(equal, seed, "equal") for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)])


def law_below(other):
    def measure(quick):
        if quick:
            raise Skipped("needs all seeds and steps")
        beside = equal_shares() if other == "equal" else losses(quick, other)
        mean, half, told = difference(np.array(list(equal_cost_law(quick)[0].values())), beside)
        return told, bool(mean + half < 0)
    return measure


def search_cost(quick):
    if quick:
        raise Skipped("needs all seeds and steps")
    flops = json.loads((FOLDER / "doremi/mixture.json").read_text())["flops"]
    one = (flops["reference"] + flops["proxy"]) / size(quick)[0]
    return f"{one:.3g} and {equal_cost_law(quick)[1]:.3g}", None


def default_law(quick):
    """Runs of half the steps, as mixing-law takes unless told otherwise."""
    if quick:
        raise Skipped("needs all seeds and steps")
    found, flops = law(STEPS // 2)
    if len(found) < 2:
        return f"proposes on {len(found)} of {SEEDS} seeds", None
    beside = losses(quick, "uniform")[[seed - FIRST_SEED for seed in found]]
    mean, half, told = difference(np.array(list(found.values())), beside)
    return f"{told}, {len(found)} seeds, {flops:.3g} FLOPs", bool(mean - half <= 0)


def told_first(quick):
    found, _, first = doremi(quick)
    tells = "not better than uniform" in first
    return f"better: {found['better_than_uniform']}, first line says no: {tells}", tells != found["better_than_uniform"]


def beside_uniform(quick):
    mean, half, told = difference(losses(quick, "doremi"), losses(quick, "uniform"))
    warned = "not better than uniform" in doremi(quick)[2]
    return told, bool(mean - half <= 0 or warned)


if __name__ == "__main__":
    bar.main([
        Bar("3a", "noise's weight over its share", "0.5, 0.6", noise),
        Bar("3b", "doremi less natural, eight domains", "< 0 with interval", below_natural),
        Bar("3c", "steps to natural's end", "0.80, each <= 0.85", steps_to_natural),
        Bar("3d", "domains better than with natural", ">= 5 of 8, none + 0.10", domains_better),
        Bar("3e1", "mixing-law at doremi's FLOPs less natural", "< 0 with interval", law_below("natural")),
        Bar("3e2", "mixing-law at doremi's FLOPs less uniform", "< 0 with interval", law_below("uniform")),
        Bar("3e3", "the same less equal shares of the eight", "< 0 with interval", law_below("equal")),
        Bar("3e4", "FLOPs of a search: doremi, mixing-law", "told", search_cost),
        Bar("3f", "a method not better than uniform says so first", "it does", told_first),
        Bar("3g1", "doremi less uniform, eight domains", "not above, or told", beside_uniform),
        Bar("3g2", "mixing-law with its own number of steps less uniform", "not above", default_law),
    ])
