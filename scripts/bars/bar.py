# SPDX-License-Identifier: Apache-2.0
"""What all topics share: a bar is measured, compared and printed as one line."""

import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import typing

import harness

RELEASE = harness.ROOT / "build/release"


class Skipped(Exception):
    """A part that the bar needs is not there; the text says which."""


@dataclasses.dataclass
class Bar:
    number: str
    what: str
    target: str
    measure: typing.Callable  # (quick) -> (figure as text, whether it meets the target; None: there is none); raises Skipped


def main(bars):
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("numbers", nargs="*", help="only these bars")
    options = parser.parse_intermixed_args()
    short = 0
    for bar in bars:
        if options.numbers and re.match(r"\d+", bar.number)[0] not in options.numbers and bar.number not in options.numbers:
            continue
        try:
            figure, holds = bar.measure(options.quick)
            verdict = "told" if holds is None else "holds" if holds else "falls short"
        except Skipped as reason:
            figure, verdict = "-", f"skipped: {reason}"
        short += verdict == "falls short"
        print(f"{bar.number:<4}{bar.what:<58}  {figure:<34}  {bar.target:<26}  {verdict}", flush=True)
    sys.exit(1 if short else 0)


def fastest(tool, *args, runs=5, **options):
    """The quickest of several runs of a whole process: (seconds, largest peak in bytes). Others disturb, none helps."""
    outcomes = [harness.run(tool, *args, **options) for _ in range(runs)]
    for outcome in outcomes:
        if outcome.code != 0:
            raise RuntimeError(f"{outcome.command}: exit {outcome.code}\n{outcome.err}")
    return min(outcome.seconds for outcome in outcomes), max(outcome.peak_bytes for outcome in outcomes)


def tool(name, *args):
    """What a program of the release build prints."""
    path = RELEASE / "bin" / name
    if not path.exists():
        raise Skipped(f"{name} is not built (-DALLOT_LEARN=ON)")
    done = subprocess.run([path, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, done.args))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def interval(differences):
    """Mean and half the width of Student's 95 % interval."""
    quantiles = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 10: 2.262, 20: 2.093}  # of n - 1 degrees
    n = len(differences)
    return differences.mean(), quantiles[n] * differences.std(ddof=1) / n ** 0.5


def torch_python():
    if "ALLOT_TORCH_DIR" not in os.environ:
        raise Skipped("PyTorch is not there (scripts/setup.sh test)")
    return pathlib.Path(os.environ["ALLOT_TORCH_DIR"]).parents[3] / "bin/python"


def program(script, *cases, python=sys.executable, environment=()):
    """Runs cases of a whole-program test on the release build: (what it checked, all passed)."""
    done = subprocess.run([python, harness.ROOT / "test/programs" / script, *cases], capture_output=True, text=True,
                          env={**os.environ, **dict(environment)})
    if done.returncode != 0:
        print(done.stderr[-4000:], file=sys.stderr)
    if "OK (skipped=" in done.stderr:
        raise Skipped("what the test needs is not there")
    counted = done.stdout.strip().splitlines() or re.findall(r"Ran \d+ tests?", done.stderr)  # not every test counts
    return counted[-1] if counted else "-", done.returncode == 0


def catch(program, *args, environment=()):
    """Runs cases of a Catch2 program: (assertions, all passed)."""
    path = RELEASE / "bin" / program
    if not path.exists():
        raise Skipped(f"{program} is not built")
    done = subprocess.run([path, *args, "-w", "NoTests"], capture_output=True, text=True,
                          env={**os.environ, **dict(environment)})
    if done.returncode != 0:
        print(done.stdout[-4000:], file=sys.stderr)
    passed = re.search(r"All tests passed \((\d+) assertions?", done.stdout)
    return int(passed[1]) if passed else 0, done.returncode == 0
