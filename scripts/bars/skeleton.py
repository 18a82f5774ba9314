# SPDX-License-Identifier: Apache-2.0
"""The bars of the path from an ONNX file to a placed ONNX file."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import bar
import harness
import make_big_model
from bar import Bar, Skipped

SCRIPTS = harness.ROOT / "scripts"
LIGHT = {model.path.stem: model.path for model in harness.models("light")}
MACS = {"light_resnet50": 4_089_184_256, "light_densenet121": 2_834_161_664, "light_vgg19": 19_632_062_464}


def fresh_machine(quick):
    if quick:
        raise Skipped("takes 15 minutes; run without --quick")
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise Skipped("needs root and debootstrap")
    done = subprocess.run([SCRIPTS / "fresh_machine.sh"], capture_output=True, text=True)
    print(done.stderr[-3000:], file=sys.stderr)
    seconds = [int(line.split()[0]) for line in done.stdout.splitlines() if line.endswith("scripts/quickstart.sh")]
    return f"{seconds} s", done.returncode == 0 and len(seconds) == 2 and seconds[0] <= 720 and seconds[1] <= 10


def second_quickstart(quick):
    start = time.monotonic()
    subprocess.run([SCRIPTS / "quickstart.sh"], check=True, capture_output=True)
    first = time.monotonic() - start
    start = time.monotonic()
    subprocess.run([SCRIPTS / "quickstart.sh"], check=True, capture_output=True)
    seconds = time.monotonic() - start
    return f"{seconds:.1f} s (the run before: {first:.1f} s)", seconds <= 10


def placed_models(quick):
    return bar.program("placed_models.py", *(["PlacedModels.test_trained"] if quick else []))


def embed(path, dims=()):
    flags = [flag for name, size in dims for flag in ("--dim", f"{name}={size}")]
    outcome = harness.run("placer-embed", path, *flags, "--json")
    if outcome.code != 0:
        raise RuntimeError(outcome.err)
    return json.loads(outcome.out)


def multiply_accumulates(quick):
    counted = {name: embed(LIGHT[name])["macs"] for name in MACS}
    wrong = [f"{name}: {counted[name]:,}" for name in MACS if counted[name] != MACS[name]]
    return (", ".join(wrong) or f"{len(MACS)} of {len(MACS)} exact"), not wrong


def flop_counter(quick):
    worst = 0.0
    for model in harness.models("exported"):
        facts = json.loads((model.path.parent / "manifest.json").read_text())[model.path.stem]
        ours = 2 * embed(model.path, facts["dims"].items())["macs"]
        worst = max(worst, abs(ours / facts["flops"] - 1))
    return f"largest deviation {worst:.4%}", worst <= 0.01


def simulator(quick):
    assertions, holds = bar.catch("sim_test")
    return f"{assertions:,} assertions", holds


def version(quick):
    seconds, _ = bar.fastest("placer-apply", "--version", runs=20)
    return f"{1000 * seconds:.1f} ms", seconds <= 0.015


def heft_resnet(quick):
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = bar.fastest("placer-apply", LIGHT["light_resnet50"], "--method", "heft", "--force", "-o",
                                 pathlib.Path(folder) / "placed.onnx", runs=10)
    return f"{1000 * seconds:.0f} ms", seconds <= 0.15


def bench(ops):
    path = bar.RELEASE / "bin/placement_bench"
    if not path.exists():
        raise Skipped("placement_bench is not built")
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "big.onnx"
        model.write_bytes(make_big_model.big_model(ops).SerializeToString())
        return json.loads(subprocess.run([path, model], check=True, capture_output=True, text=True).stdout)


def import_and_cost(quick):
    figures = bench(10_000)
    return f"{figures['load_ms']:.0f} ms for {figures['ops']:,} ops", figures["load_ms"] <= 300


def one_simulation(quick):
    figures = bench(10_000)
    return f"{figures['simulate_ms']:.2f} ms for {figures['ops']:,} ops", figures["simulate_ms"] <= 3


def heft_100k(quick):
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "big.onnx"
        model.write_bytes(make_big_model.big_model(100_000).SerializeToString())
        seconds, peak = bar.fastest("placer-apply", model, "--method", "heft", "--force", "-o", model.with_name("placed.onnx"),
                                    runs=1 if quick else 3)
    return f"{seconds:.2f} s, {peak / 1e6:.0f} MB", seconds <= 5 and peak <= 1e9


def auto_on_models(quick):
    return bar.program("auto_never_worse.py", "AutoNeverWorse.test_models")


def auto_on_graphs(quick):
    if quick:
        assertions, holds = bar.catch("place_test", "auto is never worse*")  # in one process
        return f"{assertions:,} assertions", holds
    return bar.program("auto_never_worse.py", "AutoNeverWorse.test_generated")


def determinism(quick):
    return bar.program("determinism.py")


def round_trip(quick):
    assertions, holds = bar.catch("onnxio_test", "every file of the corpus*,a hundred thousand tensors*,an odd but legal*")
    return f"{assertions:,} assertions", holds


def anonymous_peak(command):
    """Largest memory of a process beside its file mappings, in bytes, polled every millisecond."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak, done = 0, threading.Event()

    def watch():
        nonlocal peak
        while not done.is_set():
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            peak = max([peak] + [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")])
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    return code, peak


def annotate_400_mb(quick):
    model = next(model for model in harness.models("exported") if model.path.stem == "bert-base")
    with tempfile.TemporaryDirectory() as folder:
        code, peak = anonymous_peak([harness.BIN / "placer-apply", model.path, "--method", "heft", "-o",
                                     pathlib.Path(folder) / "placed.onnx"])
    size = model.path.stat().st_size
    return f"{peak / 1e6:.0f} MB for {size / 1e6:.0f} MB", code == 0 and peak <= 60e6


def packages(quick):
    return bar.program("packages.py")


bar.main([
    Bar("1a", "quick start on a fresh Debian 12; a second run", "<= 720 s; <= 10 s", fresh_machine),
    Bar("1b", "quick start here, again", "<= 10 s", second_quickstart),
    Bar("2", "placed models: valid, loadable, same bits, strippable", "all", placed_models),
    Bar("3a", "multiply-accumulates of the light models", "exact", multiply_accumulates),
    Bar("3b", "flops against PyTorch's FlopCounterMode", "<= 1 %", flop_counter),
    Bar("4", "simulator against the slow reference", "all of 10,000 cases", simulator),
    Bar("5a", "placer-apply --version, whole process", "<= 15 ms", version),
    Bar("5b", "light resnet50 with --method heft, whole process", "<= 150 ms", heft_resnet),
    Bar("5c", "import and cost of 10,000 ops", "<= 300 ms", import_and_cost),
    Bar("5d", "one exact simulation of 10,000 ops", "<= 3 ms", one_simulation),
    Bar("5e", "heft on 100,000 ops, whole process", "<= 5 s, <= 1000 MB", heft_100k),
    Bar("6a", "auto against each method, on models", "never worse", auto_on_models),
    Bar("6b", "auto against each method, on 200 generated graphs", "never worse", auto_on_graphs),
    Bar("7", "outputs at 1, 2 and 8 threads", "byte-identical", determinism),
    Bar("8a", "write(read(x)) == x", "every file", round_trip),
    Bar("8b", "memory beside the mapping, annotating a 400 MB model", "<= 60 MB", annotate_400_mb),
    Bar("9", "install, tarball and .deb elsewhere", "run", packages),
])
