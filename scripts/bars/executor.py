# SPDX-License-Identifier: Apache-2.0
"""The bars of the executor: ONNX graphs run and differentiated by LibTorch."""

import functools
import os
import re
import subprocess

import bar
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


bar.main([
    Bar("1a", "backend cases of the 134 core operators", "1,242 but 7 random ones", cases("node, core operators", least=1235)),
    Bar("1b", "backend cases of all operators", ">= 1,600 of 1,765", cases("node", least=1600)),
    Bar("1c", "backend cases converted from PyTorch", "82 of 82, 35 of 35", cases("pytorch-converted", "pytorch-operator")),
    Bar("1d", "backend cases of whole networks", "9 of 9", cases("light")),
    Bar("1e", "simple backend cases but strings and gradients", "15 of 23", cases("simple", least=15)),
    Bar("2a", "gradients of operators against central differences", "<= 1e-4, float64", gradients),
    Bar("2b", "gradients of twelve networks against PyTorch", "1e-8; 4 x its own in float32", networks),
    Bar("3", "outputs against ONNX Runtime, relative to their scale", "<= 1e-4", runtime_outputs),
    Bar("6", "random valid graphs against ONNX Runtime", "1,000 equal; <= 5 % refused", random_graphs),
])
