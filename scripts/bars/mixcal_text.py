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
# Settings are those of the synthetic task; nothing was chosen on these seeds.
FIRST_SEED, SEEDS, STEPS = 201, 5, 400
REAL = ["man_en", "man_de", "man_fr", "man_ru", "c_hdr", "python", "words", "iso_json"]
# The primary has 786,432 numbers in its blocks, the proxy 98,304.
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
    return (2, 60) if quick else (SEEDS, STEPS)


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


@functools.cache
def law(quick):
    """Losses of the eight on the law's mixture and on equal shares of the eight, [seed, domain], and a search's FLOPs."""
    seeds, steps = size(quick)
    equal = FOLDER / "equal.csv"
    equal.write_text("".join(f"{name},{0 if name == 'noise' else 0.125}\n" for name in [*REAL, "noise"]))
    outcomes = {"law": [], "equal": []}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        run = FOLDER / f"law-{seed}"
        tool("calibrate", tokens(), *CONFIG, "--method", "mixing-law", "--seed", seed, "--steps", steps,
             "--compare=false", "-o", run)
        flops = sum(json.loads((run / "mixture.json").read_text())["flops"].values())
        for name, weights in (("law", run / "mixture.json"), ("equal", equal)):
            told = json.loads(tool("train", tokens(), *CONFIG, "--weights", weights, "--model", "micro", "--seed", seed,
                                   "--steps", steps, "--json", "-o", FOLDER / f"{name}-{seed}-primary"))
            outcomes[name].append([told["domains"][each] for each in REAL])
    return np.array(outcomes["law"]), np.array(outcomes["equal"]), flops


def law_below(other):
    def measure(quick):
        found, equal, _ = law(quick)
        mean, half, told = difference(found, equal if other == "equal" else losses(quick, "natural"))
        return told, bool(mean + half < 0)
    return measure


def search_cost(quick):
    flops = json.loads((FOLDER / "doremi/mixture.json").read_text())["flops"]
    one = (flops["reference"] + flops["proxy"]) / size(quick)[0]
    return f"{one:.2g} and {law(quick)[2]:.2g}", None


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
        Bar("3e", "mixing-law told of eight, less natural", "< 0 with interval", law_below("natural")),
        Bar("3f", "mixing-law told of eight, less equal shares of them", "< 0 with interval", law_below("equal")),
        Bar("3g", "FLOPs of a search: doremi, mixing-law", "told", search_cost),
        Bar("3h", "a method not better than uniform says so first", "it does", told_first),
        Bar("3i", "doremi less uniform, eight domains", "not above, or told", beside_uniform),
    ])
