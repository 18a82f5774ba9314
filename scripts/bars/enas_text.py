# SPDX-License-Identifier: Apache-2.0
"""Architecture search's recurrent cells on the characters of real text: the reference that every Python brings along."""

import functools
import json
import pathlib
import tempfile

import numpy as np

import bar
import harness
from bar import Bar

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="allot-bars-"))
FIRST_SEED, SEEDS = 100, 5  # settings were chosen on seed 1
SEARCHED, ALONE = 600, 300  # steps of shared weights, and of what is trained alone


def tool(*args):
    return bar.tool("enas-search", *args)


def text_lines():
    """Its topics quote one another: every line counts once."""
    from pydoc_data.topics import topics
    seen, lines = set(), []
    for name in sorted(topics):
        for line in topics[name].splitlines():
            if len(line) > 20 and line not in seen:
                seen.add(line)
                lines.append(line)
    return lines


@functools.cache
def text_data():
    """Sequences of 48 characters and those that follow: nine tenths to learn from and to choose by, the last to test on."""
    text = "\n".join(text_lines())
    words = sorted(set(text))
    index = {each: i for i, each in enumerate(words)}
    tokens = np.array([index[each] for each in text], np.int64)
    rows = (len(tokens) - 1) // 48
    x, y = tokens[:48 * rows].reshape(rows, 48), tokens[1:48 * rows + 1].reshape(rows, 48)
    cuts = {"train": slice(0, rows * 8 // 10), "valid": slice(rows * 8 // 10, rows * 9 // 10), "test": slice(rows * 9 // 10, rows)}
    files = {part: FOLDER / f"text-{part}.npz" for part in cuts}
    for part, cut in cuts.items():
        np.savez(files[part], x=x[cut], y=y[cut])
    return files, len(words)


def lstm(words, width, seed):
    """Tied embedding and output as in the cells' networks; weights begin uniform within 0.1, too."""
    import onnx
    from onnx import helper, numpy_helper, TensorProto
    rng = np.random.default_rng(seed)
    draw = {"embedding": (words, width), "w": (1, 4 * width, width), "r": (1, 4 * width, width)}
    stored = [numpy_helper.from_array(rng.uniform(-0.1, 0.1, dims).astype(np.float32), name) for name, dims in draw.items()]
    stored.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    nodes = [helper.make_node("Gather", ["embedding", "x"], ["e"]), helper.make_node("Transpose", ["e"], ["t"], perm=[1, 0, 2]),
             helper.make_node("LSTM", ["t", "w", "r"], ["h"], hidden_size=width), helper.make_node("Squeeze", ["h", "axis"], ["s"]),
             helper.make_node("Transpose", ["s"], ["b"], perm=[1, 0, 2]), helper.make_node("Transpose", ["embedding"], ["o"]),
             helper.make_node("MatMul", ["b", "o"], ["logits"])]
    graph = helper.make_graph(nodes, "lstm", [helper.make_tensor_value_info("x", TensorProto.INT64, ["n", "t"])],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "t", words])], stored)
    path = FOLDER / f"lstm-{width}-{seed}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def parameters(path):
    import onnx
    return sum(int(np.prod(each.dims)) for each in onnx.load(path).graph.initializer if each.data_type == onnx.TensorProto.FLOAT)


@functools.cache
def text(quick):
    """A row a seed: perplexity on the test part of the search's child, its rivals and an LSTM of as many parameters."""
    files, words = text_data()
    supergraph = FOLDER / "rnn.onnx"
    tool("generate", "--generate.kind", "rnn", "--generate.classes", words, "--generate.channels", 48, "--generate.nodes", 5, "--force",
         "-o", supergraph)
    settings = ["--config", harness.ROOT / "configs/enas/text.yaml", "--data", files["train"], "--validation-data", files["valid"],
                "--test-data", files["test"]]
    searched, alone = (40, 40) if quick else (SEARCHED, ALONE)
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + (1 if quick else SEEDS)):
        run = FOLDER / f"text-{seed}"
        methods = json.loads(tool("search", supergraph, *settings, "--steps", searched, "--retrain-steps", alone, "--seed", seed, "--json",
                                  "-o", run))["methods"]
        row = {each["method"].split(" of ")[0]: each["perplexity"] for each in methods}
        size = parameters(run / "best/child.onnx")
        width = round((-words + (words * words + 32 * size) ** 0.5) / 16)  # of words * width + 8 * width^2 parameters
        trained = json.loads(tool("retrain", lstm(words, width, seed), *settings, "--steps", alone, "--seed", seed, "--json",
                                  "-o", FOLDER / f"lstm-{seed}"))
        rows.append({**row, "lstm": trained["perplexity"]})
    return rows


def text_ratio(other):
    """By how many per cent the search's perplexity is below another's, paired over seeds."""
    def measure(quick):
        rows = text(quick)
        own, rival = (np.array([row[name] for row in rows]) for name in ("search", other))
        gain = 100 * (1 - own / rival)
        figure = f"{rival.mean():.3f} -> {own.mean():.3f}: {gain.mean():+.1f} %"
        if len(gain) < 2:
            return f"{figure} (one seed)", None
        half = bar.interval(gain)[1]
        return f"{figure} [{gain.mean() - half:.1f}, {gain.mean() + half:.1f}]", gain.mean() - half > 0 if other == "their mean" else None
    return measure


if __name__ == "__main__":
    bar.main([
        Bar("4e", "perplexity, mean random cell -> search", "interval above 0", text_ratio("their mean")),
        Bar("4f", "the same from random search with shared weights", "told", text_ratio("random, shared weights")),
        Bar("4g", "the same from the best random cell at equal CPU", "told", text_ratio("best")),
        Bar("4h", "the same from an LSTM of as many parameters", "told", text_ratio("lstm")),
    ])
