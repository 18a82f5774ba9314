# SPDX-License-Identifier: Apache-2.0
"""The bars of Meta Pseudo Labels. Two-moon bars make their own data; ALLOT_FASHION_MNIST names the folder of the Debian
package dataset-fashion-mnist's IDX files, if it is another than /usr/share/datasets/fashion-mnist, and ALLOT_DIGITS the
digits.csv.gz of scikit-learn, if Python finds no such package."""

import functools
import gzip
import importlib.util
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
FASHION = pathlib.Path(os.environ.get("ALLOT_FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
TRACE = harness.ROOT / "test/mpl/reference_trace"
# Seeds of the runs below. Settings were chosen on others: specification of mpl-train, 5.
FIRST_SEED = 1001


def tool(*args):
    return bar.tool("mpl-train", *args)


def network(text):
    path = FOLDER / (text.replace(":", "_").replace(",", "_").replace("=", "_") + ".onnx")
    if not path.exists():
        tool("gen", "--net", text, "-o", path)
    return path


@functools.cache
def moons(seed):
    """2,000 points; and the same with 200 labels: for those, 40 % of labels wrong, and right ones beside."""
    rng = np.random.default_rng(seed)
    t = np.tile(np.linspace(0, np.pi, 1000), (2, 1))
    points = np.concatenate([np.stack([np.cos(t[0]), np.sin(t[0])], 1), np.stack([1 - np.cos(t[1]), 0.5 - np.sin(t[1])], 1)])
    x = (points + rng.normal(0, 0.1, points.shape)).astype(np.float32)
    y = np.repeat([0, 1], 1000).astype(np.int64)
    some = np.concatenate([rng.choice(1000, 100, replace=False), 1000 + rng.choice(1000, 100, replace=False)])
    flipped = np.where(rng.random(200) < 0.4, 1 - y[some], y[some])
    wrong = np.full_like(y, -1)
    wrong[some] = flipped
    files = {}
    both = {"x": np.concatenate([x[some], x[some]]), "y": np.concatenate([y[some], flipped])}
    for name, arrays in {"all": {"x": x, "y": y}, "wrong": {"x": x, "y": wrong}, "clean": {"x": x[some], "y": y[some]},
                         "both": both}.items():
        files[name] = FOLDER / f"moons-{seed}-{name}.npz"
        np.savez(files[name], **arrays)
    return files


def accuracies(seeds, data, *args):
    """Of student and teacher in per cent, by seed, on all points of each seed's own moons; `data` names its files."""
    student, teacher = [], []
    for seed in seeds:
        files = moons(seed)
        given = [value for flag, name in data.items() for value in (flag, files[name])]
        found = json.loads(tool("fit", "--json", "--init", "glorot", "--seeds", f"{seed}..{seed}", "--test-data", files["all"],
                                *given, *args))["algorithms"][0]
        student += found["student"]
        teacher += found["teacher"]
    return 100 * np.array(student), 100 * np.array(teacher)


def catch(*cases):
    def measure(quick):
        assertions, holds = bar.catch("mpl_test", ",".join(cases))
        return f"{assertions:,} assertions", holds and assertions > 0
    return measure


def reference(quick):
    recipe = subprocess.run([sys.executable, f"{TRACE}.py", "--check", f"{TRACE}.json"], capture_output=True, text=True)
    assertions, holds = bar.catch("mpl_test", "three iterations are those of an independent implementation")
    return f"{assertions:,} assertions", holds and assertions > 0 and recipe.returncode == 0


def feedback_alone(kind, scale):
    def measure(quick):
        seeds = range(FIRST_SEED, FIRST_SEED + (3 if quick else 10))
        student, _ = accuracies(seeds, {"--data": "all"}, "--per-class", 100, "--student",
                                network("mlp:2-16-16-2,activation=tanh"), "--preset", "twomoon-a", "--feedback", kind,
                                "--feedback-scale", scale, "--on-collapse", "warn")
        text = f"{student.mean():.1f} ± {student.std(ddof=1):.1f}, min {student.min():.1f}, max {student.max():.1f}"
        if kind == "inverted-fd":
            return text, student.mean() <= 40 and student.max() <= 55
        return text, (student >= 84).mean() >= 0.9
    return measure


@functools.cache
def noisy(quick, kind):
    seeds = range(FIRST_SEED, FIRST_SEED + (5 if quick else 20))
    return accuracies(seeds, {"--data": "wrong", "--feedback-data": "clean"}, "--student",
                      network("mlp:2-16-16-2,activation=tanh"), "--preset", "twomoon-a", "--supervised-weight", 1,
                      "--feedback", kind, "--feedback-scale", 3)


def repaired_student(quick):
    mean, half = bar.interval(noisy(quick, "cos")[0] - noisy(quick, "none")[0])
    return f"{mean:+.1f} [{mean - half:.1f}, {mean + half:.1f}]", mean >= 5 and mean > half


def repaired_teacher(quick):
    mean, half = bar.interval(noisy(quick, "cos")[1] - noisy(quick, "none")[1])
    return f"{mean:+.1f} [{mean - half:.1f}, {mean + half:.1f}]", mean >= 8


@functools.cache
def paper_shaped(quick):
    """Six labels: arm -> accuracies of the student in per cent, by seed. Specification of mpl-train, 5.2 (b)."""
    arms = {}
    for seed in range(FIRST_SEED, FIRST_SEED + (2 if quick else 20)):
        files = moons(seed)
        found = json.loads(tool("fit", "--json", "--init", "glorot", "--seeds", seed, "--data", files["all"], "--test-data",
                                files["all"], "--per-class", 3, "--student", network("mlp:2-8-8-2,activation=sigmoid"), "--preset",
                                "twomoon-b", *(["--steps", 5000] if quick else []), "--compare", "none", "--compare", "supervised",
                                "--compare", "pseudo-label"))
        for arm in found["algorithms"]:
            arms.setdefault(arm["name"], []).append(100 * arm["student"][0])
    return {name: np.array(values) for name, values in arms.items()}


def spread(values):
    text = f"{values.mean():.1f} ± {values.std(ddof=1):.1f}, median {np.median(values):.1f}"
    return f"{text}, {(values >= 99).sum()} of {len(values)} >= 99"


def whole_system(quick):
    mpl = paper_shaped(quick)["mpl"]
    return spread(mpl), np.median(mpl) >= 99.5 and (mpl >= 99).mean() >= 0.8 and mpl.mean() >= 95


def without_feedback(quick):
    arms = paper_shaped(quick)
    return spread(arms["none"]), np.median(arms["mpl"]) >= np.median(arms["none"]) - 0.5


def six_labels(quick):
    values = paper_shaped(quick)["supervised"]
    return spread(values), 76 <= values.mean() <= 87


def six_pseudo_labels(quick):
    arms = paper_shaped(quick)
    return spread(arms["pseudo-label"]), abs(arms["pseudo-label"].mean() - arms["supervised"].mean()) <= 3


def directly(name):
    """What the same labels bring without a teacher: not a bar, but what a reader will ask."""
    def measure(quick):
        seeds = range(FIRST_SEED, FIRST_SEED + (5 if quick else 20))
        student, _ = accuracies(seeds, {"--data": name, "--unlabelled": "all"}, "--student",
                                network("mlp:2-16-16-2,activation=tanh"), "--preset", "twomoon-a", "--algo", "supervised")
        return f"{student.mean():.1f} ± {student.std(ddof=1):.1f}", None
    return measure


OTHERS = ["supervised", "pseudo-label", "mean-teacher", "uda", "fixmatch", "none"]


def fashion():
    if not (FASHION / "train-images-idx3-ubyte.gz").exists() and not (FASHION / "train-images-idx3-ubyte").exists():
        raise Skipped(f"{FASHION} has no Fashion-MNIST (apt-get install dataset-fashion-mnist)")
    return FASHION, network("conv:1x28x28-8-16-32-10"), "fashion-mnist-400"


def digits():
    path = os.environ.get("ALLOT_DIGITS")
    if not path:
        package = importlib.util.find_spec("sklearn")
        path = package and pathlib.Path(package.origin).parent / "datasets/data/digits.csv.gz"
    if not path or not pathlib.Path(path).exists():
        raise Skipped("there is no digits.csv.gz (pip install scikit-learn, or ALLOT_DIGITS)")
    data = FOLDER / "digits.npz"
    if not data.exists():
        table = np.loadtxt(gzip.open(path), delimiter=",", dtype=np.float32)
        np.savez(data, x=table[:, :64].reshape(-1, 1, 8, 8) / 16, y=table[:, 64].astype(np.int64))
    return data, network("conv:1x8x8-16-32-10"), "digits-20"


@functools.cache
def few_labels(source, quick):
    """arm -> accuracies in per cent, by seed; the algorithms share splits, views and schedules."""
    data, net, recipe = source()
    if quick:
        raise Skipped("takes minutes; run without --quick")
    seeds = 5 if source is fashion else 20
    found = json.loads(tool("fit", "--json", "--config", harness.ROOT / f"configs/mpl/{recipe}.yaml", "--student", net, "--data",
                            data, "--init", "glorot", "--seeds", f"{FIRST_SEED}..{FIRST_SEED + seeds - 1}",
                            *(value for arm in OTHERS for value in ("--compare", arm))))
    return {arm["name"]: 100 * np.array(arm["student"]) for arm in found["algorithms"]}


def gain(source, other, least):
    """Of mpl over another way, paired by seed; a None says that there is nothing to reach."""
    def measure(quick):
        arms = few_labels(source, quick)
        mean, half = bar.interval(arms["mpl"] - arms[other])
        text = f"{arms[other].mean():.1f} -> {arms['mpl'].mean():.1f}: {mean:+.1f} [{mean - half:.1f}, {mean + half:.1f}]"
        return text, None if least is None else mean >= least and mean > half
    return measure


def wrong_digits(seed):
    """Digits of which 200 have labels, 40 % of them wrong, and 50 others, five a class, right ones; both; 500 to test on;
    the rest."""
    data, net, _ = digits()
    files = {name: FOLDER / f"digits-{seed}-{name}.npz" for name in ("wrong", "clean", "both", "test")}
    with np.load(data) as arrays:
        x, y = arrays["x"], arrays["y"]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    test, wrong = order[:500], order[500:700]
    clean = np.concatenate([[item for item in order[700:] if y[item] == digit][:5] for digit in range(10)])
    flipped = np.where(rng.random(200) < 0.4, (y[wrong] + rng.integers(1, 10, 200)) % 10, y[wrong])
    labels = np.full_like(y, -1)
    labels[wrong] = flipped
    learnt = order[500:]
    np.savez(files["wrong"], x=x[learnt], y=labels[learnt])
    labels[clean] = y[clean]
    np.savez(files["both"], x=x[learnt], y=labels[learnt])
    np.savez(files["clean"], x=x[clean], y=y[clean])
    np.savez(files["test"], x=x[test], y=y[test])
    return files, net


@functools.cache
def wrong_labels(quick):
    """What feedback from right labels brings a teacher with wrong ones: arm -> accuracies in per cent, by seed."""
    arms = {}
    if quick:
        raise Skipped("takes minutes; run without --quick")
    for seed in range(FIRST_SEED + 1000, FIRST_SEED + 1010):
        files, net = wrong_digits(seed)

        def learn(data, *args):
            out = tool("fit", "--json", "--config", harness.ROOT / "configs/mpl/digits-wrong-labels.yaml", "--student", net, "--init",
                       "glorot", "--seeds", seed, "--test-data", files["test"], "--data", files[data], *args)
            return {arm["name"]: 100 * arm["student"][0] for arm in json.loads(out)["algorithms"]}

        found = learn("wrong", "--feedback-data", files["clean"], "--compare", "none", "--compare", "fixmatch")
        found["clean"] = learn("clean", "--unlabelled", files["wrong"], "--algo", "supervised")["supervised"]
        found["both"] = learn("both", "--algo", "supervised")["supervised"]
        found["both, none"] = learn("both", "--feedback", "none")["mpl"]
        for name, score in found.items():
            arms.setdefault(name, []).append(score)
    return {name: np.array(values) for name, values in arms.items()}


def gain_on_wrong_labels(other):
    def measure(quick):
        arms = wrong_labels(quick)
        mean, half = bar.interval(arms["mpl"] - arms[other])
        return f"{arms[other].mean():.1f} -> {arms['mpl'].mean():.1f}: {mean:+.1f} [{mean - half:.1f}, {mean + half:.1f}]", None
    return measure


def exported(name):
    def measure(quick):
        return bar.program("mpl_exported.py", f"MplExported.test_{name}", python=bar.torch_python(),
                           environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})
    return measure


@functools.cache
def against_torch(name, quick):
    python = bar.torch_python()
    program = bar.RELEASE / "bin/mpl_bench"
    if not program.exists():
        raise Skipped("mpl_bench is not built")
    done = subprocess.run([python, harness.ROOT / "test/bench/mpl_steps.py", "--program", program, "--pairs", "2" if quick else "8",
                           name], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


def iteration_time(name):
    def measure(quick):
        found = against_torch(name, quick)
        return (f"{found['time_ratio']:.2f} ({found['lowest']:.2f} to {found['highest']:.2f}), {found['ours_ms']:.3g} ms",
                found["time_ratio"] <= 1.10)
    return measure


def iteration_memory(name):
    def measure(quick):
        ratio = against_torch(name, quick)["memory_ratio"]
        return f"{ratio:.2f}", ratio <= 1.15
    return measure


def runs(script, *cases):
    def measure(quick):
        return bar.program(script, *cases, environment={"ALLOT_BIN": str(bar.RELEASE / "bin")})
    return measure


if __name__ == "__main__":
    bar.main([
        Bar("1a", "invariants I1 to I7, I10, I11", "all",
            catch("I1:*", "I2:*", "I3:*", "I4:*", "I5:*", "I6:*", "I7:*", "I10:*", "I11:*")),
        Bar("1b", "three iterations against NumPy, dot fd cos jvp", "1e-10", reference),
        Bar("2a", "feedback alone: cos, scale 1", "9 of 10 >= 84 %", feedback_alone("cos", 1)),
        Bar("2b", "feedback alone: fd, scale 8", "9 of 10 >= 84 %", feedback_alone("fd", 8)),
        Bar("2c", "feedback alone: dot, scale 8", "9 of 10 >= 84 %", feedback_alone("dot", 8)),
        Bar("2d", "feedback alone: jvp, scale 0.1", "9 of 10 >= 84 %", feedback_alone("jvp", 0.1)),
        Bar("2e", "feedback alone: inverted fd, scale 8", "mean <= 40 %, max <= 55 %", feedback_alone("inverted-fd", 8)),
        Bar("2f", "six labels: mpl with consistency", "median >= 99.5, 80 % >= 99", whole_system),
        Bar("2g", "six labels: the same without feedback", "at most 0.5 above", without_feedback),
        Bar("2h", "six labels: supervised", "76 to 87 %", six_labels),
        Bar("2i", "six labels: pseudo labels", "within 3 of supervised", six_pseudo_labels),
        Bar("3a", "40 % wrong labels: student, cos less none", ">= 5, interval above 0", repaired_student),
        Bar("3b", "40 % wrong labels: teacher, cos less none", ">= 8", repaired_teacher),
        Bar("3c", "beside it: trained on the clean labels directly", "told", directly("clean")),
        Bar("3d", "beside it: on clean and wrong ones", "told", directly("both")),
        *(Bar(f"4{letter}", f"Fashion-MNIST, 400 labels: {other} -> mpl", target, gain(fashion, other, least))
          for letter, other, target, least in zip("abcdef", OTHERS, [">= +4, interval above 0"] + ["told"] * 5, [4] + [None] * 5)),
        *(Bar(f"4{letter}", f"digits, 20 labels: {other} -> mpl", target, gain(digits, other, least))
          for letter, other, target, least in zip("ghijkl", OTHERS, [">= +8, interval above 0", ">= +4, interval above 0"] +
                                                  ["told"] * 4, [8, 4] + [None] * 4)),
        *(Bar(f"4{letter}", f"digits, 40 % wrong labels: {what} -> mpl", "told", gain_on_wrong_labels(other))
          for letter, what, other in [("m", "without feedback", "none"), ("n", "fixmatch", "fixmatch"),
                                      ("o", "supervised by the right ones", "clean"), ("p", "supervised by both", "both"),
                                      ("q", "by both, without feedback", "both, none")]),
        Bar("5a", "exported ResNet: gradients, loss, ONNX Runtime", "1e-8; falls; 1e-4", exported("resnet")),
        Bar("5b", "exported ViT", "1e-8; falls; 1e-4", exported("vit")),
        Bar("5c", "exported BERT", "1e-8; falls; 1e-4", exported("bert")),
        *(Bar(f"6{letter}", f"an iteration against PyTorch eager: {name}", "<= 1.10 x", iteration_time(name))
          for letter, name in zip("abc", ["resnet", "bert", "mlp"])),
        *(Bar(f"6{letter}", f"its memory: {name}", "<= 1.15 x", iteration_memory(name))
          for letter, name in zip("de", ["resnet", "bert"])),
        Bar("6f", "--resume against an uninterrupted run", "equal bytes",
            runs("mpl_train.py", "MplTrain.test_resumed_run_is_the_uninterrupted_one")),
        Bar("6g", "mpirun -n 2: gradient against one process", "<= 1e-6",
            runs("mpl_train_ranks.py", "MplTrainRanks.test_gradient_of_two_ranks_is_that_of_one_process")),
        Bar("7", "rows of docs/mpl.md", "all hold", runs("mpl_features.py")),
    ])
