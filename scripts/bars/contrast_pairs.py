# SPDX-License-Identifier: Apache-2.0
"""Bar 5 of contrast-train, what it learns: Shapes-32, batch sizes, drawings and glyphs of Debian packages. These are
looked for where they are installed, or below the folder ALLOT_PACKAGES (apt-get download openclipart-svg xfonts-unifont
unicode-data; dpkg -x FILE.deb FOLDER)."""

import functools
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np

import bar
import harness
from bar import Bar, Skipped

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))
CONFIGS = harness.ROOT / "configs/contrast"


def tool(*args):
    return bar.tool("contrast-train", *args)


def gen(name, *args):
    path = FOLDER / name
    if not path.exists():
        tool("gen", *args, "-o", path)
    return path


def towers(image, text, name):
    return ("--image", gen(f"{name}.image.onnx", "--net", image), "--text", gen(f"{name}.text.onnx", "--net", text))


def best(run, words, *args):
    """What eval finds of a run's best encoders."""
    return json.loads(
        tool("eval", "--image", run / "best/image.onnx", "--text", run / "best/text.onnx", "--tokenizer",
             f"vocab:{words}", "--json", *args))


def cpu_seconds():
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def both(found, k):
    """Recall at k, the mean of both directions."""
    return (found[f"recall_{k}.image_to_text"] + found[f"recall_{k}.text_to_image"]) / 2


@functools.cache
def shapes_run(quick):
    run = FOLDER / "shapes-run"
    words, classes = gen("words", "--shapes", "words"), gen("classes", "--shapes", "classes")
    train, seen, unseen = (gen(f"{part}.npz", "--shapes", part, "--copies", 20) for part in ("train", "seen", "unseen"))
    before = cpu_seconds()
    tool("train", *towers("conv:3x32x32-16-32-64", "bag:64x12-64-64", "shapes"), "--data", train,
         "--eval-data", seen, "--tokenizer", f"vocab:{words}", "--config", CONFIGS / "shapes.yaml",
         *(["--steps", 150] if quick else []), "-o", run)
    seconds = cpu_seconds() - before
    retrieval = best(run, words, "--data", seen)["retrieval"]
    return retrieval, best(run, words, "--data", unseen, "--classes", classes)["zero_shot"], seconds


def seen_recall(quick):
    seen, _, seconds = shapes_run(quick)
    return (f"{seen['recall_1.image_to_text']:.3f}, {seen['recall_1.text_to_image']:.3f} in {seconds:.0f} CPU s",
            seen["score"] >= 0.95 and seconds <= 300)


def unseen_classes(quick):
    _, unseen, _ = shapes_run(quick)
    return f"{unseen['top_1']:.3f} of {unseen['items']}", unseen["top_1"] >= 0.6


# The batch-size study: a rate for each size and length is chosen on a seed of its own.
SIZES, RATES, TUNED_ON, FIRST_SEED, SEEDS = (64, 1024), (1e-3, 3e-3, 1e-2, 3e-2), 100, 1, 5
EXAMPLES, STEPS = 65536, 192


@functools.cache
def combinations():
    """Pictures of seen combinations, forty of each, with the combination as label; the same anew for retrieval."""
    seen = gen("seen.npz", "--shapes", "seen")
    with np.load(gen("many.npz", "--shapes", "train", "--copies", 40)) as train, np.load(seen) as test:
        np.savez(FOLDER / "labelled.npz", image=train["image"], text=train["text"],
                 y=np.arange(len(train["text"])) % len(test["text"]))
    return FOLDER / "labelled.npz", seen


@functools.cache
def study_run(size, steps, rate, seed):
    """R@1 of a run whose batches hold no combination twice."""
    data, seen = combinations()
    nets = towers(f"conv:3x32x32-8-16-32,seed={seed}", f"bag:64x12-32-32,seed={seed + 1000}", f"study-{seed}")
    run = FOLDER / f"study-{size}-{steps}-{rate}-{seed}"
    out = tool("train", *nets, "--data", data, "--eval-data", seen, "--batch", size, "--micro", 64, "--distinct",
               "label", "--steps", steps, "--schedule.rate", rate, "--schedule.warmup", 0.1, "--evaluate-every", 0,
               "--optimizer.weight-decay", 0.05, "--seed", seed, "--python", "true", "--json", "-o", run)
    return json.loads(out)["retrieval"]["score"]


def batch_sizes(steps_of):
    """R@1 of the larger size minus that of the smaller one, paired by seed. The outcome is told, not judged."""

    def measure(quick):
        rates, seeds = ((3e-3,), 2) if quick else (RATES, SEEDS)
        scores, chosen = [], []
        for size in SIZES:
            steps = steps_of(size) // (4 if quick else 1)
            rate = max(rates, key=lambda each: study_run(size, steps, each, TUNED_ON))
            scores.append(np.array([study_run(size, steps, rate, FIRST_SEED + i) for i in range(seeds)]))
            chosen.append(rate)
        mean, half = bar.interval(scores[1] - scores[0])
        told = ", ".join(f"B {size}: {each.mean():.3f} (rate {rate:g})"
                         for size, each, rate in zip(SIZES, scores, chosen))
        return f"{told}; {mean:+.3f} +- {half:.3f}", None

    return measure


def recipe(name, needs, *args):
    """The folder that a recipe writes."""
    root = pathlib.Path(os.environ.get("ALLOT_PACKAGES", "/"))
    if not (root / needs).exists():
        raise Skipped(f"there is no {root / needs} (see ALLOT_PACKAGES in scripts/bars/contrast_pairs.py)")
    folder = FOLDER / name
    done = subprocess.run(
        [sys.executable, harness.ROOT / f"scripts/recipes/{name}_pairs.py", "-o", folder, "--root", root, *args],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise Skipped(done.stderr.strip().splitlines()[-1])
    return folder


def arrays(folder):
    """Of what is trained on, of what settings are chosen by, and of the test."""
    return [dict(np.load(folder / f"{part}.npz")) for part in ("train", "valid", "test")]


def with_one(image):
    return np.c_[image.reshape(len(image), -1) / np.float32(255) - np.float32(0.5), np.ones(len(image), np.float32)]


def fits(image, targets):
    """Weights of ridge regressions from pixels, of several strengths."""
    square, right = image.T @ image, image.T @ targets
    return [
        np.linalg.solve(square + strength * np.eye(len(square), dtype=np.float32), right)
        for strength in (1, 10, 100, 1000, 10000)
    ]


def linear_recalls(folder, *at):
    """Of a ridge regression from pixels to words by their rarity: recall at each k, the mean of both directions. Its
    strength is that of the best recall at the first k among those to choose by."""
    parts = arrays(folder)
    words = len((folder / "words.txt").read_text().split())
    bags = []
    for part in parts:
        bags.append(np.zeros((len(part["text"]), words), np.float32))
        for row, ids in zip(bags[-1], part["text"]):
            row[ids[ids > 0]] = 1
    rarity = np.log(len(bags[0]) / (1 + bags[0].sum(0)))

    def recalls(fit, image, bag):
        image, text = with_one(image) @ fit, bag * rarity
        image, text = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (image, text))
        # Equal ones come first.
        ranks = np.concatenate([(each >= np.diag(each)[:, None]).sum(1) for each in (image @ text.T, text @ image.T)])
        return [float((ranks <= k).mean()) for k in at]

    best = max(fits(with_one(parts[0]["image"]), bags[0] * rarity),
               key=lambda fit: recalls(fit, parts[1]["image"], bags[1])[0])
    return recalls(best, parts[2]["image"], bags[2])


def linear_share(folder):
    """Of items whose label a ridge regression from pixels tells; its strength is best among those to choose by."""
    train, valid, test = arrays(folder)
    labels = np.eye(train["y"].max() + 1, dtype=np.float32)[train["y"]]

    def share(fit, part):
        return float(((with_one(part["image"]) @ fit).argmax(1) == part["y"]).mean())

    return share(max(fits(with_one(train["image"]), labels), key=lambda fit: share(fit, valid)), test)


def openclipart(quick):
    folder = recipe("openclipart", "usr/share/openclipart/svg", *(["--most", "800", "--copies", "1"] if quick else []))
    words = folder / "words.txt"
    run = FOLDER / "openclipart-run"
    before = cpu_seconds()
    tool("train", *towers("conv:3x32x32-32-64-128-128,dropout=0.1", f"bag:{len(words.read_text().split())}x16-64-128",
                          "openclipart"), "--data", folder / "train.npz", "--eval-data", folder / "valid.npz",
         "--tokenizer", f"vocab:{words}", "--config", CONFIGS / "openclipart.yaml",
         *(["--steps", 10, "--batch", 256] if quick else []), "-o", run)
    seconds = cpu_seconds() - before
    pictures = (run / "report.html").read_text().count("data:image/png")
    found = best(run, words, "--data", folder / "test.npz")["retrieval"]
    linear = linear_recalls(folder, 1, 10)
    told, holds = [], found["pairs"] >= 500 and seconds <= 1800 and pictures > 10
    for k, other in zip((1, 10), linear):
        share, chance = both(found, k), k / found["pairs"]
        told.append(f"R@{k} {100 * share:.1f} % ({share / chance:.0f} x chance, linear {100 * other:.1f} %)")
        holds = holds and share >= 10 * chance and share > other
    return f"{', '.join(told)} of {found['pairs']} in {seconds / 60:.1f} CPU min", None if quick else holds


def unifont(quick):
    folder = recipe("unifont", "usr/share/fonts/X11/misc/unifont.pcf.gz")
    words = folder / "words.txt"
    run = FOLDER / "unifont-run"
    tool("train", *towers("conv:1x16x16-64-128-64", f"bag:{len(words.read_text().split())}x8-64-64",
                          "unifont"), "--data", folder / "train.npz", "--eval-data", folder / "valid.npz",
         "--tokenizer", f"vocab:{words}", "--config", CONFIGS / "unifont.yaml", *(["--steps", 20] if quick else []), "-o", run)
    found = best(run, words, "--data", folder / "test.npz", "--classes", folder / "classes.yaml")["zero_shot"]
    linear = linear_share(folder)
    return (f"{100 * found['top_1']:.1f} % of {found['items']}, linear on labels {100 * linear:.1f} %",
            None if quick else found["top_1"] > linear)


BARS = [
    Bar("5a", "Shapes-32: R@1 of seen combinations", ">= 0.95 in 5 CPU min", seen_recall),
    Bar("5b", "Shapes-32: zero-shot classes of unseen compositions", ">= 0.6", unseen_classes),
    Bar("5c", "R@1 over batch sizes, as many examples", "told", batch_sizes(lambda size: EXAMPLES // size)),
    Bar("5d", "R@1 over batch sizes, as many steps", "told", batch_sizes(lambda size: STEPS)),
    Bar("5e", "openclipart: held-out retrieval", ">= 10 x chance, > linear", openclipart),
    Bar("5f", "unifont: script of a glyph, zero-shot", "> linear", unifont),
]

if __name__ == "__main__":
    bar.main(BARS)
