# SPDX-License-Identifier: Apache-2.0
"""A placed model is the model: valid, loadable, the same numbers bit for bit, and strippable to the original bytes."""

import filecmp
import shutil

import harness
import onnx


class PlacedModels(harness.TestCase):
    def place(self, model, method, placed):
        placed.parent.mkdir()
        self.run_ok("placer-apply", model.path, "--method", method, "--evaluations", 20, *model.dims(), "-o", placed)

    def check_placed(self, model, placed):
        """The file is valid ONNX, every node names its device, and ONNX Runtime loads it with the settings within."""
        onnx.checker.check_model(str(placed))
        graph = onnx.load(placed, load_external_data=False)
        for node in graph.graph.node:
            keys = {entry.key for entry in node.metadata_props}
            self.assertLessEqual({"layer_ann", "allot.device"}, keys, node.name)
        settings = {entry.key: entry.value for entry in graph.metadata_props}["allot.ort.layer_assignment_settings"]
        return harness.session(placed, session__layer_assignment_settings=settings)

    def check_stripped(self, model, placed):
        restored = placed.with_name("restored.onnx")
        self.run_ok("placer-apply", placed, "--strip", "-o", restored)
        self.assertTrue(filecmp.cmp(model.path, restored, shallow=False), f"{model.name}: --strip changed bytes")

    def check_outputs(self, model, inference):
        original = harness.session(model.path)
        outputs = []
        for seed in (1, 2):
            feed = harness.random_inputs(model, original, seed)
            outputs.append(original.run(None, feed))
            self.assertTrue(harness.same_bits(outputs[-1], inference.run(None, feed)), "the placed model's outputs differ")
        self.assertFalse(harness.same_bits(*outputs), "outputs do not depend on inputs: the comparison proves nothing")
        harness.CHECKED["compared with the original"] += 1

    def check_kind(self, kind, methods, compare=True):
        for model in harness.models(kind):
            for method in methods:
                with self.subTest(model=model.name, method=method):
                    placed = self.folder / method / "placed.onnx"
                    self.place(model, method, placed)
                    inference = self.check_placed(model, placed)
                    if compare:
                        self.check_outputs(model, inference)
                    self.check_stripped(model, placed)
                    harness.CHECKED["placed models"] += 1
                shutil.rmtree(self.folder / method, ignore_errors=True)

    def test_trained(self):
        self.check_kind("trained", ["auto", "heft", "round-robin"])

    def test_small(self):
        self.check_kind("small", ["auto", "contiguous", "round-robin"])

    def test_exported(self):
        self.check_kind("exported", ["round-robin"])

    def test_light(self):
        # Their outputs do not depend on their inputs: structure only.
        self.check_kind("light", ["auto", "round-robin"], compare=False)


if __name__ == "__main__":
    harness.main()
