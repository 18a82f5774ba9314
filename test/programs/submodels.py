# SPDX-License-Identifier: Apache-2.0
"""Sub-models run as a chain give what the whole model gives, bit for bit."""

import importlib.util
import json
import random

import harness
import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

DEVICES = ("cpu0", "gpu0")


def halves(count, index):
    return DEVICES[2 * index // count]


def blocks(count, index):
    return DEVICES[min(8, count) * index // count % 2]


def at_random(seed):
    source = random.Random(seed)
    return lambda count, index: source.choice(DEVICES)


PLACEMENTS = {"halves": halves, "blocks": blocks, "random": at_random(3)}


def plain_options():
    """Kernels as they stand in the file: fusion across a cut would round differently than without."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


class SubModels(harness.TestCase):
    def split(self, path, flags, choose):
        """The folder of sub-models for a placement that `choose` makes, op by op."""
        flags, folder = [*flags, "--colocation", "none"], self.folder / "parts"
        stored = self.choose_placement(path, flags, lambda count, index, op: choose(count, index))
        self.run_ok("placer-apply", path, *flags, "--placement", stored, "--split", folder, "--verify", "--force")
        return folder

    def check_manifest(self, folder):
        """Every value is made before it is read, by whom the manifest says, and files and manifest agree."""
        manifest = json.loads((folder / "split.json").read_text())
        self.assertEqual(manifest["schema"], "allot.split/1")
        made = {name: None for name in manifest["inputs"]}
        for index, part in enumerate(manifest["segments"]):
            path = folder / part["file"]
            onnx.checker.check_model(str(path))
            graph = onnx.load(path, load_external_data=False).graph
            self.assertEqual([v.name for v in graph.output], [v["name"] for v in part["outputs"]])
            for value in part["inputs"]:
                self.assertIn(value["name"], made, part["file"])
                self.assertEqual(made[value["name"]], value["producer"])
                if value["producer"] is not None:
                    maker = manifest["segments"][value["producer"]]
                    output = next(v for v in maker["outputs"] if v["name"] == value["name"])
                    self.assertIn(index, output["consumers"])
            made.update({value["name"]: index for value in part["outputs"]})
            stage = manifest["genai"]["pipeline"][index][path.stem]
            self.assertEqual(stage["inputs"], [value["name"] for value in part["inputs"]])
        for output in manifest["outputs"]:
            self.assertIn(output["value"], made)
        harness.CHECKED["sub-models"] += len(manifest["segments"])
        return manifest

    def load_chain(self, folder):
        spec = importlib.util.spec_from_file_location("run_split", folder / "run_split.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.Chain(folder, providers=["CPUExecutionProvider"], options=plain_options())

    def check(self, path, flags, choose, feeds):
        folder = self.split(path, flags, choose)
        manifest = self.check_manifest(folder)
        whole = onnxruntime.InferenceSession(str(path), plain_options(), providers=["CPUExecutionProvider"])
        chain = self.load_chain(folder)
        for feed in feeds:
            expected = dict(zip([v.name for v in whole.get_outputs()], whole.run(None, feed)))
            outputs = chain.run(feed)
            self.assertEqual(list(outputs), list(expected))
            for name, value in expected.items():
                self.assertTrue(harness.same_bits([outputs[name]], [value]), f"output {name} differs")
            harness.CHECKED["chain runs equal to the whole"] += 1
        return manifest, folder

    def check_kind(self, kind, placements=PLACEMENTS):
        for model in harness.models(kind):
            inference = harness.session(model.path)
            feeds = [harness.random_inputs(model, inference, seed) for seed in (1, 2)]
            for name in placements:
                with self.subTest(model=model.name, placement=name):
                    manifest, _ = self.check(model.path, model.dims(), PLACEMENTS[name], feeds)
                    self.assertGreater(len(manifest["segments"]), 1)

    def test_trained(self):
        self.check_kind("trained")

    def test_exported(self):
        # A gigabyte is written for each placement.
        self.check_kind("exported", PLACEMENTS if harness.FULL else ["blocks"])

    def test_small(self):
        self.check_kind("small")

    # ---- what real models seldom have

    def save(self, text, name="model.onnx", initializers=(), edit=lambda model: None):
        """A model in ONNX's text form with initializers put in."""
        model = onnx.parser.parse_model(text)
        for key, value in dict(initializers).items():
            model.graph.initializer.append(numpy_helper.from_array(value, key))
        edit(model)
        path = self.folder / name
        onnx.save(model, path)
        return path

    def alternate(self, path, feeds):
        """Every op on another device than the one before it."""
        return self.check(path, [], lambda count, index: DEVICES[index % 2], feeds)

    def feeds(self, *shape):
        return [{"x": np.random.default_rng(seed).standard_normal(shape).astype(np.float32)} for seed in (1, 2)]

    def test_bodies_capture_values_and_weights(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20]>
            agraph (float[N, 256] x) => (float[N, 256] z) {
              y = Relu(x)
              s = ReduceSum<keepdims = 0>(x)
              positive = Greater(s, zero)
              t = If(positive) <
                then_branch = then_graph () => (a) { p = MatMul(y, w)  a = Add(p, x) },
                else_branch = else_graph () => (b) {
                  b = If(positive) <
                    then_branch = one () => (c) { c = Identity(y) },
                    else_branch = two () => (d) { q = MatMul(x, w)  d = Sub(q, y) }>
                }>
              u = MatMul(t, w)
              z = Neg(u)
            }""", initializers={"w": np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32) / 16,
                                "zero": np.zeros((), np.float32)})
        manifest, folder = self.alternate(path, self.feeds(3, 256))
        self.assertGreaterEqual(len(manifest["segments"]), 4)
        # The weight is stored once although two parts use it, one of them in a body alone.
        self.assertGreaterEqual((folder / "shared.weights").stat().st_size, 4 * 256 * 256)
        parts = sum((folder / part["file"]).stat().st_size for part in manifest["segments"])
        self.assertLess(parts, 4 * 256 * 256)
        shapes = {value["name"]: value["shape"] for part in manifest["segments"] for value in part["outputs"]}
        self.assertEqual(shapes["y"], ["N", 256])

    def test_functions_travel_with_their_callers(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20, "local": 1]>
            agraph (float[2, 4] x) => (float[2, 4] z) {
              a = local.outer(x)
              b = Neg(a)
              c = local.inner(b)
              z = Tanh(c)
            }
            <domain: "local", opset_import: ["": 20, "local": 1]>
            outer (p) => (r) { q = local.inner(p)  r = Abs(q) }
            <domain: "local", opset_import: ["": 20]>
            inner (p) => (r) { r = Exp(p) }
            <domain: "local", opset_import: ["": 20]>
            unused (p) => (r) { r = Exp(p) }""")
        manifest, folder = self.alternate(path, self.feeds(2, 4))
        functions = [{f.name for f in onnx.load(folder / part["file"]).functions} for part in manifest["segments"]]
        self.assertEqual(functions, [{"outer", "inner"}, {"inner"}, set()])

    def test_outputs_that_no_node_makes(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20]>
            agraph (float[N, 4] x) => (float[N, 4] z, float[N, 4] x, float[4] w) {
              y = Add(x, w)
              z = Neg(y)
            }""", initializers={"w": np.arange(4, dtype=np.float32)})
        manifest, _ = self.alternate(path, self.feeds(2, 4))
        self.assertEqual(manifest["outputs"], [{"name": "z", "value": "z"}, {"name": "x", "value": "x/returned"},
                                               {"name": "w", "value": "w/returned"}])

    def test_weights_among_the_inputs(self):
        text = """<ir_version: %d, opset_import: ["": 20]>
            agraph (float[2, 4] x, float[4] w) => (float[2, 4] z) {
              y = Add(x, w)
              t = Neg(y)
              z = Mul(t, w)
            }"""
        weight = {"w": np.arange(4, dtype=np.float32)}
        feeds = self.feeds(2, 4)
        manifest, _ = self.alternate(self.save(text % 3, "old.onnx", weight), feeds)
        self.assertEqual(manifest["inputs"], ["x"])
        # From IR 4 on the weight may be given.
        manifest, _ = self.alternate(self.save(text % 9, "new.onnx", weight),
                                     feeds + [feeds[0] | {"w": np.ones(4, np.float32)}])
        self.assertEqual(manifest["inputs"], ["x", "w"])
        optional = [value.get("optional", False) for part in manifest["segments"] for value in part["inputs"]
                    if value["name"] == "w"]
        self.assertEqual(optional, [True, True])

    def test_quantization_and_sparse_weights(self):
        def edit(model):
            values = helper.make_tensor("s", TensorProto.FLOAT, [2], [2.0, 3.0])
            indices = helper.make_tensor("i", TensorProto.INT64, [2], [1, 6])
            model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2, 4]))
            for tensor in ("y", "z"):
                annotation = model.graph.quantization_annotation.add(tensor_name=tensor)
                annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="scale")

        path = self.save("""<ir_version: 9, opset_import: ["": 20]>
            agraph (float[2, 4] x) => (float[2, 4] z) {
              y = Add(x, s)
              t = Neg(y)
              z = Add(t, s)
            }""", edit=edit)
        manifest, folder = self.alternate(path, self.feeds(2, 4))
        graphs = [onnx.load(folder / part["file"]).graph for part in manifest["segments"]]
        self.assertEqual([len(g.sparse_initializer) for g in graphs], [1, 0, 1])
        self.assertEqual([[a.tensor_name for a in g.quantization_annotation] for g in graphs], [["y"], ["y"], ["z"]])

    def test_external_data_is_copied_once(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20]>
            agraph (float[2, 64] x) => (float[2, 64] z) {
              y = MatMul(x, w)
              t = Neg(y)
              z = MatMul(t, w)
            }""", initializers={"w": np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)})
        onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
        _, folder = self.alternate(path, self.feeds(2, 64))
        self.assert_same_file(self.folder / "w.bin", folder / "w.bin")
        self.assertFalse((folder / "shared.weights").exists())

    def test_a_foreign_file_is_not_replaced(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20]>
            agraph (float[2] x) => (float[2] z) { y = Abs(x)  z = Neg(y) }""")
        folder = self.folder / "parts"
        folder.mkdir()
        (folder / "split.json").write_text("mine")
        outcome = harness.run("placer-apply", path, "--split", folder)
        self.assertEqual(outcome.code, 73, outcome.err)
        self.assertEqual([file.name for file in folder.iterdir()], ["split.json"])

    def test_an_unknown_type_cannot_cross(self):
        path = self.save("""<ir_version: 9, opset_import: ["": 20, "custom": 1]>
            agraph (float[2] x) => (float[2] z) { y = custom.Op()  z = Add(x, y) }""")
        constraints = self.folder / "constraints.yaml"
        constraints.write_text("schema: allot.constraints/1\npin: [{match: '^Op', device: cpu0}, {match: '^Add', device: gpu0}]\n")
        outcome = harness.run("placer-apply", path, "--colocation", "none", "--constraints", constraints, "--split",
                              self.folder / "parts")
        self.assertEqual(outcome.code, 69, outcome.err)
        self.assertIn("value 'y'", outcome.err)
        self.assertFalse((self.folder / "parts").exists())


if __name__ == "__main__":
    harness.main()
