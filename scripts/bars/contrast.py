# SPDX-License-Identifier: Apache-2.0
"""The bars of contrast-train, but for what it learns (contrast_pairs.py). All make their own encoders and data, but for
the real pair."""

import functools
import itertools
import json
import math
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx

import bar
import harness
from bar import Bar, Skipped

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))


def tool(*args, ranks=1, may_fail=False):
    path = bar.RELEASE / "bin/contrast-train"
    if not path.exists():
        raise Skipped("contrast-train is not built (-DALLOT_LEARN=ON)")
    start = ["mpirun", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # of containers
    try:
        done = subprocess.run([*start, path, *map(str, args)], capture_output=True, text=True, env={**os.environ, **root})
    except FileNotFoundError:
        raise Skipped("there is no mpirun")
    if done.returncode != 0 and not (may_fail and done.returncode == 1):
        raise RuntimeError(f"{' '.join(map(str, done.args))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def network(text):
    path = FOLDER / (text.replace(":", "_").replace(",", "_").replace("=", "_") + ".onnx")
    if not path.exists():
        tool("gen", "--net", text, "-o", path)
    return path


def shapes(part):
    path = FOLDER / f"{part}.npz"
    if not path.exists():
        tool("gen", "--shapes", part, "-o", path)
    return path


# Towers of 6.1: dense with LayerNormalization, convolutions, a transformer with Dropout; and one of each for both sides.
PAIRS = {
    "dense": ("mlp:24-32-16", "mlp:24-32-16,seed=2"),
    "conv": ("conv:3x16x16-8-16", "bag:64x8-16-16"),
    "transformer": ("conv:3x16x16-8-16", "transformer:64x8-32-2-16,dropout=0.1"),
    "tied": ("mlp:24-32-16,dropout=0.1", None),
    "tied-conv": ("conv:3x16x16-8-16", None),
    "tied-transformer": ("transformer:64x8-32-2-16,dropout=0.1", None),
}


def towers(name, dtype):
    first, second = PAIRS[name]
    args = ["--image", network(f"{first},dtype={dtype}")]
    return args + (["--text", network(f"{second},dtype={dtype}")] if second else [])


def gradcheck(dtype, *args, pair, ranks=1):
    return json.loads(tool("gradcheck", *towers(pair, dtype), *args, "--json", ranks=ranks, may_fail=True))


def worst_of(checks):
    """The figure of runs of gradcheck, and whether all of them hold."""
    rows = [(row, found) for found in checks for row in found["rows"]]
    scale = max(row["log_scale"] / (abs(found["log_scale"]) + 1e-2) for row, found in rows)  # 1e-6 |g| + 1e-8
    weights = max(row["weights"] for row, _ in rows)
    return f"{len(rows)} cells: {weights:.1e}, scale {scale:.1e}", all(found["holds"] for found in checks)


def exactness(dtype):
    def measure(quick):
        sizes = ("--micros", "7,full" if quick else "1,5,7,8,32,full", "--tiles", "3,64,full")
        cells = itertools.product(PAIRS, ("clip", "sigmoid"), (7, 96) if quick else (7, 96, 257))
        return worst_of([gradcheck(dtype, "--batch", batch, "--loss", loss, *sizes, pair=pair)
                         for pair, loss, batch in cells])
    return measure


def exact_over_ranks(quick):
    """Of fewer sizes than one process checks. None of them divides the batches into equal parts."""
    cells = [(2, "dense", "clip", 7, "float64")] if quick else itertools.product(
        (2, 4), PAIRS, ("clip", "sigmoid"), (7, 257), ("float64", "float32"))
    return worst_of([gradcheck(dtype, "--batch", batch, "--loss", loss, "--micros", "5,32", "--tiles", 64, "--threads", 1,
                               pair=pair, ranks=ranks) for ranks, pair, loss, batch, dtype in cells])


@functools.cache
def small_and_whole(micro, steps):
    """Losses by step, and weights at the end, of runs on 1,024 pairs a step."""
    run = FOLDER / f"micro-{micro}-{steps}"
    tool("train", "--image", network("conv:3x32x32-4-8-16"), "--text", network("transformer:64x12-32-1-16,dropout=0.1"),
         "--data", shapes("train"), "--batch", 1024, "--micro", micro, "--steps", steps, "--log-every", 1,
         "--schedule.shape", "constant", "--python", "true", "-o", run)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    weights = [each for side in ("image", "text") for each in weights_of(run / f"best/{side}.onnx").values()]
    return np.array([line["loss"] for line in lines if line["phase"] == "train"]), weights


def same_curve(quick):
    (small, _), (whole, _) = (small_and_whole(micro, 50) for micro in (64, 1024))
    worst = np.abs(small - whole).max()
    return f"{worst:.1e} over {len(whole)} steps", len(whole) == 50 and worst < 1e-4


def same_weights(quick):
    (_, small), (_, whole) = (small_and_whole(micro, 20) for micro in (64, 1024))
    norms = [math.sqrt(sum(float((each.astype(float) ** 2).sum()) for each in of)) for of in
             ([a - b for a, b in zip(small, whole)], whole)]
    return f"{norms[0] / norms[1]:.1e}", norms[0] / norms[1] <= 1e-4


def controls(quick):
    caught = []
    for name, pair, args in (("naive", "dense", []), ("k-fold", "dense", []), ("stream", "transformer", [])):
        found = json.loads(tool("gradcheck", *towers(pair, "float64"), "--batch", 96, "--micros", 32, "--tiles", 64,
                                "--method", name, *args, "--json", may_fail=True))
        caught += [] if found["holds"] else [name]
    found = json.loads(tool("gradcheck", "--image", network("conv:3x16x16-8-16,norm=batch"), "--text",
                            network("bag:64x8-16-16"), "--batch", 96, "--micros", 32, "--tiles", 64, "--bn", "micro",
                            "--json", may_fail=True))
    caught += [] if found["holds"] else ["bn micro"]
    return ", ".join(caught), len(caught) == 4


def bench(*args):
    return json.loads(tool("bench", *args, "--json"))


@functools.cache
def memory_curve(quick):
    args = ("--image", network("conv:3x16x16-16-32-64"), "--text", network("bag:256x12-64-64"), "--vocabulary", 256,
            "--length", 12, "--micro", 64, "--tile", 1024)
    sizes = [256, 1024, 4096, 8192] if quick else [256, 1024, 4096, 16384, 65536]
    # A process for each size, so that what one leaves behind is not the next one's.
    rows = [bench(*args, "--batches", size)["rows"][0] for size in sizes]
    plain = bench(*args, "--batches", "256,1024,4096" if not quick else "256,1024", "--plain-up-to", 4096)["rows"]
    return rows, [row for row in plain if row["method"] == "plain"]


def slope(quick):
    rows, _ = memory_curve(quick)
    x, y = (np.array([row[key] for row in rows], float) for key in ("batch", "live_bytes"))
    found = np.polyfit(x, y, 1)[0]
    return f"{found:.0f} bytes a pair, {found / (16 * 64):.3f} x 16 D", abs(found / (16 * 64) - 1) <= 0.1


def resident(quick):
    rows, plain = memory_curve(quick)
    last = rows[-1]
    return (f"B {last['batch']}: {last['resident_bytes'] / 1e6:.0f} MB; plain at {plain[-1]['batch']}: "
            f"{plain[-1]['resident_bytes'] / 1e6:.0f}"), last["resident_bytes"] <= 120e6


def time_ratio(quick):
    args = ("--image", network("mlp:512-1024-1024-64"), "--text", network("mlp:512-1024-1024-64,seed=2"))
    batch, ratios = 2048, {}
    for micro in (128, 512):
        runs = [bench(*args, "--batches", batch, "--micro", micro, "--plain-up-to", batch)["rows"]
                for _ in range(1 if quick else 3)]
        ratios[micro] = min(run[0]["cpu_s"] for run in runs) / min(run[1]["cpu_s"] for run in runs)
    return ", ".join(f"M {micro}: {ratio:.2f}" for micro, ratio in ratios.items()), max(ratios.values()) <= 1.4


def ranks_equal(quick):
    def losses(ranks):
        run = FOLDER / f"ranks-{ranks}"
        tool("train", "--image", network("conv:3x32x32-4-8-16"), "--text", network("transformer:64x12-32-1-16,dropout=0.1"),
             "--data", shapes("unseen"), "--batch", 128, "--micro", 24, "--steps", 10, "--log-every", 1, "--threads", 1,
             "-o", run, ranks=ranks)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        return np.array([line["loss"] for line in lines if line["phase"] == "train"])
    one, two = losses(1), losses(2)
    worst = float(np.abs(two / one - 1).max())
    return f"{worst:.1e} over {len(one)} steps", worst <= 1e-6 and len(one) == 10


def clips():
    """The folder of exported CLIPs, and the Python that made them."""
    folder, python = os.environ.get("ALLOT_TEST_CLIPS"), os.environ.get("ALLOT_CLIP_PYTHON")
    if not folder or not python:
        raise Skipped("scripts/setup.sh test exports the CLIPs")
    return pathlib.Path(folder), python


def clip_towers(name, dtype):
    folder, _ = clips()
    return ["--image", folder / f"{name}.image.{dtype}.onnx", "--text", folder / f"{name}.text.{dtype}.onnx", "--bn", "frozen"]


def weights_of(path):
    return {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}


def clip_gradient(name):
    """Relative error of the gradient of 16 pairs over all weights, and of log_scale's: a plain step of rate 1 is the gradient."""
    folder, _ = clips()
    run = FOLDER / f"clip-{name}"
    expected, _ = harness.read_safetensors(folder / f"{name}.safetensors")
    scale = float(expected["log_scale"][0])
    tool("train", *clip_towers(name, "f64"), "--data", folder / f"{name}.npz", "--batch", 16, "--micro", 5, "--steps", 1,
         "--optimizer.kind", "sgd", "--optimizer.momentum", 0, "--optimizer.weight-decay", 0,
         "--schedule.shape", "constant", "--schedule.rate", 1, "--temperature.initial", repr(math.exp(-scale)),
         "--temperature.most", 1e6, "--python", "true", "-o", run)
    difference = norm = 0
    for side in ("image", "text"):
        before, after = weights_of(folder / f"{name}.{side}.f64.onnx"), weights_of(run / f"best/{side}.onnx")
        for key, value in expected.items():
            if not key.startswith(f"{side}."):
                continue
            weight = key[len(side) + 1:]
            norm += (value ** 2).sum()
            difference += ((before[weight] - after[weight] - value) ** 2).sum()
    state, _ = harness.read_safetensors(run / "checkpoint/state.safetensors")
    found = scale - float(state["network.temperature.log_scale"][0])
    return math.sqrt(difference / norm), abs(found / float(expected["gradient.log_scale"][0]) - 1)


def clip_exact(quick):
    found = {name: clip_gradient(name) for name in ("vit", "resnet")}
    return ", ".join(f"{name} {worst:.1e}, scale {scale:.1e}" for name, (worst, scale) in found.items()), \
        max(max(each) for each in found.values()) <= 1e-10


@functools.cache
def clip_curve(name, most):
    """Rows of bench over sizes of batches, each in a process of its own; plain ones as far as they are small."""
    rows = []
    for size in (size for size in (64, 256, 1024, 4096) if size <= most):
        rows += bench(*clip_towers(name, "f32"), "--batches", size, "--micro", 64, "--threads", 1, "--vocabulary", 256)["rows"]
    return rows


def clip_memory(quick):
    told, holds = [], True
    for name in ("vit", "resnet"):
        rows = clip_curve(name, 1024 if quick else 4096)
        sizes, live = (np.array([row[key] for row in rows], float) for key in ("batch", "live_bytes"))
        plain = bench(*clip_towers(name, "f32"), "--batches", 256, "--micro", 64, "--threads", 1, "--plain-up-to", 256,
                      "--vocabulary", 256)["rows"][1]
        told.append(f"{name} " + ", ".join(f"{int(n)}: {b / 1e6:.0f}" for n, b in zip(sizes, live)) +
                    f" MB (plain 256: {plain['live_bytes'] / 1e6:.0f})")
        # Embeddings and their gradients, and what one micro-batch and one tile take.
        holds = holds and live[-1] - live[0] <= 16 * 64 * (sizes[-1] - sizes[0]) * 1.1 + 5 * 4 * 1024 ** 2
    return "; ".join(told), holds


def peer(what, *args):
    _, python = clips()
    path = os.environ.get("ALLOT_GRADCACHE", "")
    command = [python, harness.ROOT / "scripts/contrast_peers.py", what, *map(str, args), *(["--grad-cache", path] if path else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def peers():
    return ["open_clip", "sentence_transformers"] + (["grad_cache"] if os.environ.get("ALLOT_GRADCACHE") else [])


def peer_gradients(quick):
    """Those that are exact have the gradient of one graph, which bar 4a holds this tool against."""
    found = {name: peer("gradient", "vit", name, "--batch", 16, "--micro", 4) for name in peers()}
    told = ", ".join(f"{name} {each['weights']:.1e}, scale " +
                     ("none" if each["log_scale"] is None else f"x {each['log_scale']:.3f}") for name, each in found.items())
    exact = all(each["weights"] <= 1e-10 for each in found.values())
    return told, exact and abs(found["open_clip"]["log_scale"] - 4) < 1e-6


def peer_memory(quick):
    batch = 1024 if quick else 4096
    own = next(row for row in clip_curve("vit", batch) if row["batch"] == batch)
    found = {name: peer("memory", "vit", name, "--batch", batch, "--micro", 64) for name in peers()}
    told = f"B {batch}: {own['resident_bytes'] / 1e6:.0f} MB, {own['cpu_s']:.0f} CPU s; " + ", ".join(
        f"{name} {each['resident_bytes'] / 1e6:.0f} MB, {each['cpu_s']:.0f} s" for name, each in found.items())
    return told, own["resident_bytes"] < min(each["resident_bytes"] for each in found.values())


def auto_micro(quick):
    """CPU time of a step with the size that auto chooses, beside the best of all powers of two."""
    worst = 0
    pairs = [(("--image", network("mlp:512-1024-1024-64"), "--text", network("mlp:512-1024-1024-64,seed=2")), 1024),
             (("--image", network("conv:3x32x32-16-32-64"), "--text", network("bag:64x12-64-64")), 512)]
    for args, batch in pairs[:1] if quick else pairs:
        chosen = bench(*args, "--batches", batch, "--micro", "auto", "--threads", 1)["rows"][0]["micro"]
        sizes = [2 ** k for k in range(4, 11) if 2 ** k <= batch]
        seconds = dict.fromkeys(sizes, math.inf)
        for _ in range(2 if quick else 5):  # in turn, so that a slow moment of the machine hits all
            for micro in sizes:
                row = bench(*args, "--batches", batch, "--micro", micro, "--threads", 1)["rows"][0]
                seconds[micro] = min(seconds[micro], row["cpu_s"])
        worst = max(worst, seconds[chosen] / min(seconds.values()))
    return f"{worst:.3f} x the best", worst <= 1.05


def of_two_ranks(name, steps, *args):
    """What a short run on a small CLIP says, and the text encoder that it writes."""
    folder = FOLDER / f"divided-{name}"
    out = tool("train", *clip_towers("vit", "f32"), "--data", clips()[0] / "vit.npz", "--batch", 16, "--micro", 4,
               "--steps", steps, "--schedule.shape", "constant", "--threads", 1, "--json", *args, "-o", folder, ranks=2)
    return json.loads(out), (folder / "best/text.onnx").read_bytes()


def divided_state(quick):
    """The largest share of the optimiser's state that one of two ranks keeps, and whether runs are the same, resumed, too."""
    def run(*args):
        said, weights = of_two_ranks(*args)
        return said["optimizer_bytes"], weights
    whole, weights = run("none", 4)
    parts, same = run("optimizer", 4, "--shard", "optimizer")
    run("parts", 2, "--shard", "optimizer")
    _, resumed = run("parts", 4, "--shard", "optimizer", "--resume")
    share = max(parts) / whole[0]
    equal = weights == same == resumed
    return f"{share:.3f} of {whole[0] / 1e3:.0f} kB; {'same' if equal else 'other'} weights", share <= 0.55 and equal


def divided_weights(quick):
    """The largest share of weights that one of two ranks keeps between segments, and has at most, and whether weights
    are the same."""
    cut = ("--remat", 8)
    whole, weights = of_two_ranks("segments", 4, *cut)
    parts, same = of_two_ranks("weights", 4, *cut, "--shard", "weights")
    total = whole["weight_bytes"][0]
    kept, most = (max(parts[key]) / total for key in ("weight_bytes", "most_weight_bytes"))
    return (f"{kept:.3f} of {total / 1e3:.0f} kB, at most {most:.3f}; {'same' if weights == same else 'other'} weights",
            kept <= 0.55 and weights == same)


BARS = [
    Bar("1a", "float64 exactness over towers, batches, micro-batches, tiles", "<= 1e-12", exactness("float64")),
    Bar("1b", "float32 exactness, the same", "<= 1e-5", exactness("float32")),
    Bar("1c", "mistakes that the check notices", "all four", controls),
    Bar("1d", "exactness on two and four ranks, both types", "as 1a and 1b", exact_over_ranks),
    Bar("1e", "weights after 20 steps of AdamW: micro-batches of 64, of 1024", "<= 1e-4", same_weights),
    Bar("1f", "losses of the same over 50 steps", "< 1e-4", same_curve),
    Bar("2a", "live bytes that a pair adds, D = 64", "within 10 % of 16 D", slope),
    Bar("2b", "growth of the process at the largest batch", "<= 120 MB", resident),
    Bar("3a", "CPU time beside one graph over the batch", "<= 1.4", time_ratio),
    Bar("3b", "--micro auto beside the best size", "<= 1.05", auto_micro),
    Bar("4a", "open_clip's CLIPs: gradient of 16 pairs beside PyTorch's", "<= 1e-10", clip_exact),
    Bar("4b", "the same: live bytes over batches", "<= 16 D a pair and a tile", clip_memory),
    Bar("4c", "peers on the same weights: their gradients", "exact; open_clip's scale x 4", peer_gradients),
    Bar("4d", "peers on the same weights: growth of the process", "less than each", peer_memory),
    Bar("6a", "two ranks beside one process: losses", "within 1e-6", ranks_equal),
    Bar("6b", "optimiser state divided between two ranks, resumed", "half on each, same bits", divided_state),
    Bar("6c", "weights divided between two ranks", "half on each, same bits", divided_weights),
]

if __name__ == "__main__":
    bar.main(BARS)
