# SPDX-License-Identifier: Apache-2.0
"""The bars of the executor: ONNX graphs run and differentiated by LibTorch."""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import bar
import harness
from bar import Bar, Skipped


def program(name):
    path = bar.RELEASE / "bin" / name
    if not path.exists():
        raise Skipped(f"{name} is not built (-DALLOT_LEARN=ON)")
    return path


@functools.cache
def backend_suite():
    """group -> (passed, attempted), and whether exactly the cases listed in not_passed.txt fail."""
    done = subprocess.run([program("exec_test"), "[conformance]"], capture_output=True, text=True)
    groups = {group: (int(passed), int(attempted))
              for group, passed, attempted in re.findall(r"^(.*): (\d+) of (\d+)$", done.stdout, re.MULTILINE)}
    if not groups:
        raise Skipped("ALLOT_TEST_MODELS has no backend cases")
    return groups, done.returncode == 0


def cases(*groups, least=None):
    """Enough cases pass, all if `least` is not given, and the list of the others is right."""
    def measure(quick):
        counts, list_is_right = backend_suite()
        passed = sum(counts[group][0] for group in groups)
        attempted = sum(counts[group][1] for group in groups)
        return f"{passed:,} of {attempted:,}", list_is_right and passed >= (attempted if least is None else least)
    return measure


def runtime_outputs(quick):
    program("exec_outputs")
    kinds = ["trained"] if quick else ["trained", "small", "exported"]
    return bar.program("runtime_outputs.py", *(f"RuntimeOutputs.test_{kind}" for kind in kinds),
                       environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


def gradients(quick):
    program("exec_test")
    assertions, holds = bar.catch("exec_test", "[gradient]")
    return f"{assertions:,} assertions", holds


def networks(quick):
    program("exec_test")
    if "ALLOT_TEST_NETS" not in os.environ:
        raise Skipped("the networks of scripts/export_nets.py are not there (scripts/setup.sh test)")
    assertions, holds = bar.catch("exec_test", "[nets]")
    return f"{assertions:,} assertions", holds


def random_graphs(quick):
    program("exec_outputs")
    return bar.program("random_graphs.py", *([] if quick else ["--full"]),
                       environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


@functools.cache
def against_torch(quick):
    """Lines of scripts/compare_torch.py: network and kind of run -> ratios to PyTorch, by number of threads."""
    if "ALLOT_TORCH_DIR" not in os.environ:
        raise Skipped("PyTorch is not there (scripts/setup.sh test)")
    python = pathlib.Path(os.environ["ALLOT_TORCH_DIR"]).parents[3] / "bin/python"
    done = subprocess.run([python, harness.ROOT / "scripts/compare_torch.py", "--program", program("exec_bench"),
                           *(["--pairs", "3", "--threads", "1"] if quick else [])], capture_output=True, text=True)
    ratios = {}
    for name, what, ratio in re.findall(r"^(\S+) (forward|train|memory) .*?: ([\d.]+) x PyTorch", done.stdout, re.MULTILINE):
        ratios.setdefault((name, what), []).append(float(ratio))
    if done.returncode != 0 or not ratios:
        raise RuntimeError(done.stderr)
    return ratios


def speed(name, limit):
    def measure(quick):
        ratios = against_torch(quick)
        forward, train = ratios[name, "forward"], ratios[name, "train"]
        figure = f"forward {' '.join(f'{r:.2f}' for r in forward)}, train {' '.join(f'{r:.2f}' for r in train)}"
        return figure, max(forward + train) <= limit
    return measure


def overhead(quick):
    done = subprocess.run([program("exec_bench"), "overhead"], capture_output=True, text=True, check=True)
    nanoseconds = int(done.stdout.split()[0])
    return f"{nanoseconds / 1000:.2f} us", nanoseconds <= 3000


def memory(quick):
    ratios = {name: max(values) for (name, what), values in against_torch(quick).items() if what == "memory"}
    return ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()), max(ratios.values()) <= 1.10


@functools.cache
def placed_runs(what):
    program("allot-worker")
    done = subprocess.run([sys.executable, harness.ROOT / "test/bench/placed_runs.py", what], capture_output=True, text=True,
                          env={**os.environ, "ALLOT_BIN": str(bar.RELEASE / "bin")})
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def branches(quick):
    found = placed_runs("branches")
    return (f"{found['speedup']:.2f} against {found['independent']:.2f}: {found['ratio']:.2f}, branch {found['branch_ms']:.0f} ms",
            found["ratio"] >= 0.9 and found["identical"] and found["branch_ms"] >= 20)


def simulated_order(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    found = placed_runs("ranks")
    searched = found["searched"]
    drawn = found["random"]
    return (f"random {drawn['tau']:.2f} (measured again {drawn['repeated']:.2f}, half and half {found['even']['tau']:.2f}), "
            f"{searched['number']} searched {searched['tau']:.2f} (span {searched['span']:.0%})",
            drawn["tau"] >= 0.8 and searched["tau"] >= 0.5 and searched["span"] >= 0.1 and searched["number"] >= 30)


def single_device(quick):
    if quick:
        raise Skipped("takes minutes; run without --quick")
    error = placed_runs("ranks")["single_error"]
    return f"{error:+.1%}", abs(error) <= 0.15


def faults(quick):
    program("allot-worker")
    return bar.program("real_run.py", "Worker", environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})


bar.main([
    Bar("1a", "backend cases of the 134 core operators", "1,242 but 7 random ones", cases("node, core operators", least=1235)),
    Bar("1b", "backend cases of all operators", ">= 1,600 of 1,765", cases("node", least=1600)),
    Bar("1c", "backend cases converted from PyTorch", "82 of 82, 35 of 35", cases("pytorch-converted", "pytorch-operator")),
    Bar("1d", "backend cases of whole networks", "9 of 9", cases("light")),
    Bar("1e", "simple backend cases but strings and gradients", "15 of 23", cases("simple", least=15)),
    Bar("2a", "gradients of operators against central differences", "<= 1e-4, float64", gradients),
    Bar("2b", "gradients of twelve networks against PyTorch", "1e-8; 4 x its own in float32", networks),
    Bar("3", "outputs against ONNX Runtime, relative to their scale", "<= 1e-4", runtime_outputs),
    Bar("4a", "resnet50, batch 8, against PyTorch eager", "<= 1.05 x", speed("resnet50", 1.05)),
    Bar("4b", "LSTM of 4 layers against PyTorch eager", "<= 1.05 x", speed("lstm", 1.05)),
    Bar("4c", "BERT-base, 128 words, against PyTorch eager", "<= 1.10 x", speed("bert-base", 1.10)),
    Bar("4d", "an op beyond torch's own call, 10,000 tiny ones", "<= 3 us", overhead),
    Bar("4e", "peak memory against PyTorch eager", "<= 1.10 x", memory),
    Bar("5a", "two branches on two workers against two processes", ">= 0.9 x", branches),
    Bar("5b", "Kendall's tau of simulated and measured time, placements of random shares", ">= 0.8, >= 0.5", simulated_order),
    Bar("5c", "simulated time on one device", "within 15 %", single_device),
    Bar("6", "random valid graphs against ONNX Runtime", "1,000 equal; <= 5 % refused", random_graphs),
    Bar("7", "workers that die, mpirun -n 2", "a failed placement; equal", faults),
])
