# SPDX-License-Identifier: Apache-2.0
"""enas-search as it is used: spaces, searches, what they write, and what it says when something is wrong."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
import onnx
import onnxruntime

import harness

SMALL = ["--generate.input", "1x8x8", "--generate.classes", 3, "--generate.channels", 4, "--generate.layers", 3]
SHORT = ["--batch", 20, "--steps-per-epoch", 4, "--epochs", 0, "--steps", 16, "--theta-steps", 2, "--theta-batch", 4, "--samples", 6,
         "--validation-share", 60, "--reward-batch", 30, "--threads", 1]
MICRO = SMALL + ["--generate.nodes", 4, "--generate.layers", 1]
SPACES = {"macro": SMALL, "micro": MICRO, "micro-strided": MICRO + ["--generate.reduction", "stride"], "nb201": SMALL + ["--generate.layers", 1],
          "blocks": SMALL + ["--generate.block", 2, "--generate.layers", 2],
          "dag": ["--generate.input", 6, "--generate.classes", 3], "rnn": ["--generate.input", 1, "--generate.classes", 11, "--generate.nodes", 4]}


def glyphs(path, seed=0):
    """Three patterns with noise."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(3, 1, 8, 8))
    y = np.repeat(np.arange(3), 80)
    np.savez(path, x=(patterns[y] + rng.normal(0, 1, (240, 1, 8, 8))).astype(np.float32), y=y.astype(np.int64))


class EnasSearch(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "data.npz"
        glyphs(self.data)

    def generate(self, kind, *args):
        path = self.folder / f"{kind}.onnx"
        self.run_ok("enas-search", "generate", "--generate.kind", kind.split("-")[0], *SPACES[kind], *args, "--force", "-o", path)
        return path

    def search(self, supergraph, folder, *args):
        self.run_ok("enas-search", "search", supergraph, "--data", self.data, *SHORT, *args, "-o", self.folder / folder)
        return self.folder / folder

    def fails(self, code, pattern, *args):
        outcome = harness.run("enas-search", *args)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)

    def test_spaces(self):
        """Any runtime runs a supergraph; its children, written alone, give what it would give."""
        for kind in SPACES:
            for carrier in ("model", "nodes"):
                path = self.generate(kind, "--carrier", carrier)
                self.assertIn("sound", self.run_ok("enas-search", "validate", path).out)
            model = onnx.load(path)
            onnx.checker.check_model(model)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            declared = session.get_inputs()[0]
            dims = [d if isinstance(d, int) else 2 for d in declared.shape]
            rng = np.random.default_rng(1)
            x = rng.integers(0, 11, dims) if declared.type == "tensor(int64)" else rng.normal(size=dims).astype(np.float32)
            self.assertTrue(np.isfinite(session.run(None, {"x": x})[0]).all())

    def test_children_in_runtime(self):
        """Random children of every space give in ONNX Runtime what the executor gives: to 1e-5 of the largest output."""
        rng = np.random.default_rng(5)
        cases = self.folder / "cases"
        for kind in SPACES:
            supergraph = self.generate(kind)
            space = json.loads({p.key: p.value for p in onnx.load(supergraph).metadata_props}["allot.nas.space"])
            for i in range(100 if harness.FULL else 3):
                folder = cases / f"{kind}-{i:03}"
                folder.mkdir(parents=True)
                choice = " ".join(f"{v['name']}={self.choose(v, rng)}" for v in space["vars"])
                self.run_ok("enas-search", "derive", supergraph, "--arch", choice, "-o", folder / "model.onnx")
                session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
                declared = session.get_inputs()[0]
                dims = [d if isinstance(d, int) else 2 for d in declared.shape]
                x = rng.integers(0, 11, dims) if declared.type == "tensor(int64)" else rng.normal(size=dims).astype(np.float32)
                self.store(folder / "input_0.pb", "x", x)
                self.store(folder / "output_0.pb", "logits", session.run(None, {"x": x})[0])
        done = subprocess.run([harness.BIN / "exec_outputs", "--all", cases], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), len(SPACES) * (100 if harness.FULL else 3))
        for line in lines:
            self.assertLessEqual(float(line.split()[1]), 1e-5, line)
        harness.CHECKED["children that ONNX Runtime runs alike"] += len(lines)

    @staticmethod
    def choose(variable, rng):
        labels = variable["labels"]
        if variable["kind"] == "one_of":
            return labels[rng.integers(len(labels))]
        count = rng.integers(variable["min"], variable["max"] + 1)
        return "+".join(labels[i] for i in sorted(rng.choice(len(labels), count, replace=False)))

    @staticmethod
    def store(path, name, array):
        path.write_bytes(onnx.numpy_helper.from_array(array, name).SerializeToString())

    def test_search_and_after(self):
        supergraph = self.generate("macro")
        run = self.search(supergraph, "run")
        outcome = json.loads((run / "outcome.json").read_text())
        self.assertEqual([each["method"] for each in outcome["methods"]][:2], ["search", "random, shared weights"])
        self.assertIn("best of", outcome["methods"][2]["method"])
        child = onnx.load(run / "best/child.onnx")
        onnx.checker.check_model(child)
        meta = {each.key: each.value for each in child.metadata_props}
        self.assertEqual(meta["allot.arch"], outcome["ranking"][0]["arch"])
        self.assertFalse([key for key in meta if key.startswith("allot.nas.")])
        again = self.search(supergraph, "again")
        self.assertEqual((again / "archs.jsonl").read_bytes(), (run / "archs.jsonl").read_bytes())
        self.assertEqual((again / "best/child.onnx").read_bytes(), (run / "best/child.onnx").read_bytes())

        self.run_ok("enas-search", "derive", run, "--top", 2, "-o", self.folder / "second.onnx")
        self.run_ok("enas-search", "derive", run, "--weights", "init", "-o", self.folder / "fresh.onnx")
        self.run_ok("enas-search", "derive", supergraph, "--arch", "op1=max op2=sep3", "-o", self.folder / "named.onnx")
        types = [node.op_type for node in onnx.load(self.folder / "named.onnx").graph.node]
        self.assertEqual(types.count("MaxPool"), 1)
        trained = self.run_ok("enas-search", "retrain", self.folder / "fresh.onnx", "--data", self.data, "--epochs", 0, "--steps", 30,
                              "--validation-share", 60, "-o", self.folder / "final").out
        self.assertRegex(trained, r"accuracy 0\.\d+ after 30 steps|accuracy 1\.0+ after 30 steps")
        onnxruntime.InferenceSession(str(self.folder / "final/best/child.onnx"), providers=["CPUExecutionProvider"])

        table = self.folder / "table.json"
        self.run_ok("enas-search", "table", supergraph, "--data", self.data, "--validation-share", 60, "--epochs", 0, "--steps", 10,
                    "--table-samples", 5, "-o", table)
        verdict = json.loads(self.run_ok("enas-search", "report", run, "--table", table, "--json").out)
        self.assertLessEqual(abs(verdict["tau"]), 1)
        page = (run / "report.html").read_text()
        self.assertIn("Kendall", page)
        self.assertIn("The chosen child", page)

        self.run_ok("enas-search", "random", supergraph, "--data", self.data, *SHORT, "--budget-of", run, "--beside", "none",
                    "-o", self.folder / "chance")
        chance = json.loads((self.folder / "chance/outcome.json").read_text())
        self.assertLessEqual(chance["judged_items"], outcome["judged_items"])
        self.assertGreater(chance["judged_items"], outcome["judged_items"] - 60)

    def test_costs(self):
        supergraph = self.generate("macro")
        table = self.folder / "latencies.json"
        self.assertIn("Spearman", self.run_ok("enas-search", "profile", supergraph, "--children", 4, "--runs", 6, "-o", table).out)
        run = self.search(supergraph, "run", "--reward.cost", "latency", "--latencies", table, "--reward.target", 1000, "--beside", "none")
        line = json.loads((run / "archs.jsonl").read_text().splitlines()[0])
        self.assertGreater(line["latency"], 0)
        self.assertIn("Quality and cost", (run / "report.html").read_text())

    def mpirun(self, *command):
        # Tests in containers run as root.
        environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(["mpirun", "--oversubscribe", "-n", "2", harness.BIN / "enas-search", *map(str, command)], env=environment,
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    @unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
    def test_ranks_change_nothing(self):
        """Two ranks share batches, rewards and children that are trained alone; what they write is one process's, bit by bit."""
        supergraph = self.generate("macro")
        more = ["--shards", 2, "--finalists", 3, "--finalist-steps", 5, "--beside", "random", "--retrain-steps", 6]
        one = self.search(supergraph, "one", *more)
        done = self.mpirun("search", supergraph, "--data", self.data, *SHORT, *more, "-o", self.folder / "two")
        self.assertEqual(done.stdout.count("CPU s"), 1)  # the first alone tells
        two = self.folder / "two"
        for file in ("archs.jsonl", "best/ranking.json", "best/child.onnx", "best/supergraph.onnx"):
            self.assertEqual((two / file).read_bytes(), (one / file).read_bytes(), file)
        scores = [[(each["method"], each["arch"], each["validation"]) for each in json.loads((run / "outcome.json").read_text())["methods"]]
                  for run in (one, two)]
        self.assertEqual(scores[0], scores[1])
        command = ["table", supergraph, "--data", self.data, "--validation-share", 60, "--epochs", 0, "--steps", 5, "--table-samples", 3,
                   "--table-seeds", 2, "--threads", 1, "-o"]
        self.run_ok("enas-search", *command, self.folder / "one.json")
        self.mpirun(*command, self.folder / "two.json")
        self.assertEqual((self.folder / "one.json").read_bytes(), (self.folder / "two.json").read_bytes())

    def test_interrupted(self):
        """Stopped by a signal in the middle, and resumed: the archive is that of a run that was not."""
        supergraph = self.generate("macro")
        more = ["--steps", 400, "--steps-per-epoch", 10, "--theta-warmup", 0, "--beside", "none"]
        whole = self.search(supergraph, "whole", *more)
        command = [harness.BIN / "enas-search", "search", supergraph, "--data", self.data, *SHORT, *more, "-o", self.folder / "parts"]
        process = subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        archive = self.folder / "parts/archs.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (archive.exists() and archive.stat().st_size > 2000):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 128 + signal.SIGINT)
        self.assertLess(archive.stat().st_size, (whole / "archs.jsonl").stat().st_size)
        self.search(supergraph, "parts", *more, "--resume")
        self.assertEqual(archive.read_bytes(), (whole / "archs.jsonl").read_bytes())

    def test_interrupted_while_ranking(self):
        supergraph = self.generate("macro")
        more = ["--beside", "none", "--samples", 20000, "--log-every", 1]
        command = [harness.BIN / "enas-search", "search", supergraph, "--data", self.data, *SHORT, *more, "-o", self.folder / "run"]
        process = subprocess.Popen([str(word) for word in command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        metrics = self.folder / "run/metrics.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (metrics.exists() and '"step":16,' in metrics.read_text()):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 128 + signal.SIGINT)
        self.assertFalse((self.folder / "run/best/child.onnx").exists())

    def test_own_space(self):
        """A space in a file beside a model that knows of none."""
        x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 64])
        y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])
        rng = np.random.default_rng(0)
        w = onnx.numpy_helper.from_array(rng.normal(0, 0.1, (64, 3)).astype(np.float32), "w")
        v = onnx.numpy_helper.from_array(rng.normal(0, 0.1, (64, 3)).astype(np.float32), "v")
        nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["a"], name="a"), onnx.helper.make_node("Relu", ["x"], ["r"], name="r"),
                 onnx.helper.make_node("MatMul", ["r", "v"], ["b"], name="b"),
                 onnx.helper.make_node("Sum", ["a", "b"], ["y"], name="join")]
        model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y], [w, v]),
                                       opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        path, space = self.folder / "own.onnx", self.folder / "space.yaml"
        onnx.save(model, path)
        space.write_text("nas: 1\nvars: [{name: which, labels: [plain, rectified]}]\nbinds: [{node: join, var: which}]\n")
        self.fails(65, "has no search space", "validate", path)
        self.assertEqual(self.run_ok("enas-search", "validate", path, "--space", space, "--enumerate").out.split(),
                         ["which=plain", "which=rectified"])
        run = self.search(path, "run", "--space", space, "--policy.kind", "exhaustive", "--beside", "none")
        self.assertEqual(len(json.loads((run / "best/ranking.json").read_text())["children"]), 2)
        bound = space.read_text() + "constraints: [{expr: 'count(which, plain) <= 0'}]\n"
        space.write_text(bound)
        self.assertEqual(self.run_ok("enas-search", "validate", path, "--space", space, "--enumerate").out.split(), ["which=rectified"])
        self.assertRegex(self.run_ok("enas-search", "validate", path, "--space", space).out, r"Constraints are kept by \d+ of them")
        run = self.search(path, "bound", "--space", space, "--beside", "none")
        self.assertNotIn("plain", (run / "archs.jsonl").read_text())
        space.write_text(bound.replace("plain)", "plane)"))
        self.fails(78, r"space.yaml:4.*'count\(which, plane\) <= 0' counts what there is not", "validate", path, "--space", space)
        space.write_text("nas: 1\nvars: [{name: which, labels: [plain, rectified]}]\nbinds: [{node: join, vr: which}]\n")
        self.fails(78, r"space.yaml:3.*vr.*did you mean 'var'", "validate", path, "--space", space)
        space.write_text("nas: 1\nvars: [{name: which, labels: [plain, rectified]}]\nbinds: [{node: join, var: which, alts: [[0], [0]]}]\n")
        self.fails(65, "node 'join': has alternatives that overlap", "validate", path, "--space", space)

    def test_bad_input(self):
        supergraph = self.generate("micro")
        self.fails(64, "is no command", "serch", supergraph)
        self.fails(64, "--data: is missing", "search", supergraph, "-o", self.folder / "run")
        self.fails(64, "too many to enumerate", "search", supergraph, "--data", self.data, *SHORT, "--policy.kind", "exhaustive", "-o",
                   self.folder / "run2")
        self.fails(64, "--reward.target: is missing", "search", supergraph, "--data", self.data, *SHORT, "--reward.cost", "macs", "-o",
                   self.folder / "run3")
        self.fails(65, "names no alternative", "derive", supergraph, "--arch", "normal.n3.x=n9", "-o", self.folder / "c.onnx")
        self.fails(64, "is no input of this space", "generate", "--generate.kind", "macro", "--generate.input", "8", "-o", self.folder / "m.onnx")
        self.fails(1, "not a finite number", "search", supergraph, "--data", self.data, *SHORT, "--schedule.rate", 1000, "--optimizer.clip-norm",
                   0, "--steps", 200, "-o", self.folder / "run4")


if __name__ == "__main__":
    harness.main()
