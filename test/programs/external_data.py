# SPDX-License-Identifier: Apache-2.0
"""Weights in files of their own travel with a placed model; a killed run leaves whole files or none."""

import signal
import subprocess
import sys
import time

import harness
import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(harness.ROOT / "scripts"))
import make_big_model  # noqa: E402


def model_with_external_weights(folder):
    """Two weights in two files, one of them in a folder below, at an offset."""
    random = np.random.default_rng(3)
    weights = [numpy_helper.from_array(random.standard_normal((64, 64)).astype(np.float32), name) for name in "ab"]
    (folder / "weights").mkdir(parents=True)
    for weight, (location, offset) in zip(weights, [("m.data", 0), ("weights/b.bin", 4096)]):
        (folder / location).write_bytes(bytes(offset) + weight.raw_data)
        length = len(weight.raw_data)
        onnx.external_data_helper.set_external_data(weight, location, offset, length)
        weight.ClearField("raw_data")
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 64]) for name in "xy"]
    graph = helper.make_graph(nodes, "external", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


class ExternalData(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = model_with_external_weights(self.folder / "from")

    def outputs(self, path):
        inference = harness.session(path)
        return [inference.run(None, {"x": np.full((2, 64), value, np.float32)}) for value in (0.5, 2.0)]

    def test_travels_to_another_folder(self):
        placed = self.folder / "to/placed.onnx"
        placed.parent.mkdir()
        self.run_ok("placer-apply", self.model, "--method", "heft", "-o", placed)
        for location in ("m.data", "weights/b.bin"):
            self.assert_same_file(self.model.parent / location, placed.parent / location)
        onnx.checker.check_model(str(placed))
        before, after = self.outputs(self.model), self.outputs(placed)
        self.assertTrue(all(harness.same_bits(a, b) for a, b in zip(before, after)))
        self.assertFalse(harness.same_bits(*before))
        self.run_ok("placer-apply", placed, "--strip", "-o", placed.parent / "restored.onnx")
        self.assert_same_file(self.model, placed.parent / "restored.onnx")

    def test_stays_in_its_folder(self):
        before = {path: path.stat().st_mtime_ns for path in self.model.parent.rglob("*.*")}
        self.run_ok("placer-apply", self.model, "--method", "heft", "-o", self.model.parent / "placed.onnx")
        self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)
        self.outputs(self.model.parent / "placed.onnx")

    def test_a_different_file_in_the_way(self):
        placed = self.folder / "to/placed.onnx"
        placed.parent.mkdir()
        (placed.parent / "m.data").write_bytes(b"someone else's")
        outcome = harness.run("placer-apply", self.model, "--method", "heft", "-o", placed)
        self.assertEqual(outcome.code, 73, outcome.err)
        self.assertIn("m.data", outcome.err)
        self.assertEqual((placed.parent / "m.data").read_bytes(), b"someone else's")
        self.assertFalse(placed.exists())
        self.run_ok("placer-apply", self.model, "--method", "heft", "--force", "-o", placed)
        self.outputs(placed)


class Killed(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "m.onnx"
        self.model.write_bytes(make_big_model.big_model(20000).SerializeToString())

    def start(self, *args):
        command = [harness.BIN / "placer-apply", self.model, "--force", *args, "-o", self.folder / "placed.onnx"]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def check_outputs(self, shown):
        """Each output is absent or whole, whenever the process ended."""
        placed, sidecar = self.folder / "placed.onnx", self.folder / "placed.placement.json"
        if placed.exists():
            self.assertEqual(len(onnx.load(placed).graph.node), 20000, shown)
        if sidecar.exists():
            self.run_ok("placer-apply", self.model, "--placement", sidecar, "--dry-run")

    def test_kill(self):
        start = time.monotonic()
        self.assertEqual(self.start("--method", "heft").wait(), 0)
        whole_s = time.monotonic() - start
        for step in range(12):
            process = self.start("--method", "heft")
            time.sleep(whole_s * step / 10)
            process.kill()
            process.wait()
            self.check_outputs(f"killed after {step * 10} % of {whole_s:.3f} s")

    def test_terminate_saves_the_best_so_far(self):
        process = self.start("--method", "anneal", "--seconds", "60")
        code = harness.interrupt(process, after_s=4)
        self.assertEqual(code, 128 + signal.SIGTERM)
        self.assertTrue((self.folder / "placed.onnx").exists())
        self.check_outputs("SIGTERM")
        self.assertEqual(list(self.folder.glob("*.tmp.*")), [])


if __name__ == "__main__":
    harness.main()
