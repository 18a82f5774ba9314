# SPDX-License-Identifier: Apache-2.0
"""Random valid graphs give what ONNX Runtime gives, its optimisations off.

  random_graphs.py [--count 60] [--seed 1] [--first 0] [--full] [--keep FOLDER]

--full is 1,000 graphs. Each is written to a folder with its inputs and the runtime's outputs, and one process of
exec_outputs runs them all. Where outputs differ, the first node is named whose own result does. Exit code 1 for
a difference, a crash, or more refusals of either side than one in twenty.
"""

import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

import drawing
import harness

MOST_REFUSED = 0.05


def write(folder, model, feeds, outputs):
    """`outputs`: (name, array) each."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.pb"):
        old.unlink()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for what, arrays in (("input", feeds.items()), ("output", outputs)):
        for i, (name, array) in enumerate(arrays):
            (folder / f"{what}_{i}.pb").write_bytes(
                numpy_helper.from_array(np.asarray(array), name).SerializeToString())


def run_all(root):
    """name -> the words after it on its line; a process that ends amid a graph is started anew behind it."""
    results = {}
    names = sorted(path.name for path in root.iterdir())
    while len(results) < len(names):
        done = subprocess.run([harness.BIN / "exec_outputs", "--all", root], capture_output=True, text=True)
        lines = [line.split(" ") for line in done.stdout.split("\n") if line]
        results |= {name: words for name, *words in lines}
        if done.returncode == 0:
            break
        results[lines[-1][0]] = ["crash", str(done.returncode), done.stderr[-3000:]]
        for name in results:
            (root / name / "model.onnx").unlink(missing_ok=True)
    return results


def first_difference(folder, graph):
    """The first node of the main graph whose result differs when all results are outputs."""
    given = {value.name for value in graph.values if value.is_tensor}
    made = [(node, name) for node in graph.model.graph.node for name in node.output if name in given]
    model = onnx.ModelProto.FromString(graph.model.SerializeToString())
    del model.graph.output[:]
    values = {value.name: value for value in graph.values}
    model.graph.output.extend(graph_output(values[name]) for _, name in made)
    write(folder / "all", model, graph.feeds, [(name, values[name].array) for _, name in made])
    words = run_all(folder)["all"]
    if words[0] in ("error", "crash"):
        return " ".join(words)
    for (node, name), difference in zip(made, map(float, words)):
        if difference > drawing.TOLERANCE[values[name].grade]:
            inputs = ", ".join(f"{values[x].dtype}{list(values[x].shape)}" for x in node.input if x in given)
            return f"{difference:.2g} at {onnx.helper.printable_node(node)[:600]} of ({inputs})"
    return "only as it is fused"


def graph_output(value):
    return onnx.helper.make_tensor_value_info(value.name, onnx.helper.np_dtype_to_tensor_dtype(value.array.dtype),
                                              [None] * value.rank)


class Run:
    def __init__(self, seed, first, count, root):
        self.root, self.names = root, [f"graph{first + i:06d}" for i in range(count)]
        self.seed = seed
        self.drawn, self.refused_nodes, self.dropped = (collections.Counter() for _ in range(3))
        self.refusals, self.failures = collections.Counter(), []
        self.nodes = self.compared = self.refused_graphs = 0

    def draw(self, name):
        return drawing.draw_graph(self.seed, int(name.removeprefix("graph")))

    def prepare(self):
        for name in self.names:
            graph = self.draw(name)
            self.drawn += graph.shared.drawn
            self.dropped += graph.shared.dropped
            self.refused_nodes += graph.shared.refused
            self.nodes += len(graph.model.graph.node)
            try:
                outputs = drawing.make_session(graph.model).run(None, graph.feeds)
            except Exception as error:
                self.refused_graphs += 1
                self.refusals["ONNX Runtime: " + " ".join(str(error).split())[:300]] += 1
                continue
            write(self.root / name, graph.model, graph.feeds, zip((v.name for v in graph.outputs), outputs))

    def judge(self):
        for name, words in run_all(self.root).items():
            if words[:2] == ["error", "69"]:
                self.refused_graphs += 1
                self.refusals["Allot: " + " ".join(words[2:])[:300]] += 1
                continue
            graph = self.draw(name)
            tolerances = [drawing.TOLERANCE[value.grade] for value in graph.outputs]
            self.compared += len(tolerances)
            if words and words[0] in ("error", "crash") or any(float(d) > t for d, t in zip(words, tolerances)):
                with tempfile.TemporaryDirectory() as folder:
                    where = first_difference(pathlib.Path(folder), graph)
                self.failures.append(
                    f"{name} (opset {graph.model.opset_import[0].version}): {' '.join(words)[:400]}\n    {where}")

    def report(self):
        """Whether all is well."""
        for failure in self.failures:
            print(failure)
        for reason, count in self.refusals.most_common():
            print(f"{count} refused by {reason}")
        nodes = sum(self.refused_nodes.values())
        for (op_type, reason), count in sorted(self.refused_nodes.items()):
            print(f"{count} drawn nodes left out: {op_type}: {reason}")
        graphs = len(self.names)
        operators = {name for name in self.drawn if not name.startswith("Function")}
        share = nodes / max(1, sum(self.drawn.values()))
        print("left out besides: " + ", ".join(f"{count} {reason}" for reason, count in self.dropped.most_common()))
        print(f"{graphs:,} graphs of {self.nodes:,} nodes over {len(operators)} operators, "
              f"{self.compared:,} outputs compared, {len(self.failures)} graphs differ, refused {self.refused_graphs} "
              f"graphs and {share:.1%} of drawn nodes")
        return not self.failures and self.refused_graphs <= MOST_REFUSED * graphs and share <= MOST_REFUSED


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--full", action="store_true", default=harness.FULL)
    parser.add_argument("--keep", type=pathlib.Path, help="leave models and data there, in a new folder")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="allot-graphs-") as scratch:
        run = Run(options.seed, options.first, 1000 if options.full else options.count, options.keep or
                  pathlib.Path(scratch))
        run.prepare()
        run.judge()
    sys.exit(0 if run.report() else 1)


if __name__ == "__main__":
    main()
