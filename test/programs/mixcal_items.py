# SPDX-License-Identifier: Apache-2.0
"""mixcal on labelled items: tables, arrays and images as domains by any column, and networks that classify."""

import json

import numpy as np
import onnx

import harness

SHORT = ["--steps", 12, "--batch", 12, "--evaluation", 8, "--evaluate-every", 6, "--log-every", 4, "--max-epochs", 1000,
         "--schedule.rate", 0.02, "--threads", 1]


def products_of_item(path):
    """Operations of convolutions and matrix products on one item, after ONNX's own shape inference."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {each.name: [dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in graph.value_info}
    weights = {each.name: each.dims for each in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += 2 * np.prod(shapes[node.output[0]]) * np.prod(weights[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul"):
            total += 2 * np.prod(weights[node.input[1]])
    return total


class MixcalItems(harness.TestCase):
    def mixcal(self, *args):
        return self.run_ok("mixcal", *args)

    def fails(self, code, pattern, *args):
        outcome = harness.run("mixcal", *args)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)

    def table(self, rows=300):
        """Two classes in three places; in the last one labels are drawn."""
        rng = np.random.default_rng(1)
        lines = ["width,height,label,place"]
        for i in range(rows):
            place = ["north", 'south, "low"', "drawn"][i % 3]
            x = rng.normal(size=2)
            label = "wide" if (x[0] > x[1] if place != "drawn" else rng.random() < 0.5) else "high"
            quoted = '"south, ""low"""' if place.startswith("south") else place
            lines.append(f"{x[0]:.5f},{x[1]:.5f},{label},{quoted}")
        path = self.folder / "table.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def net(self, shape, name="net.onnx"):
        self.run_ok("mpl-train", "gen", "--net", shape, "-o", self.folder / name)
        return self.folder / name

    def domains(self, store):
        told = json.loads(self.mixcal("inspect", store, "--json").out)
        return told, {domain["name"]: domain["documents"] for domain in told["domains"]}

    def test_places_of_a_table(self):
        items = self.folder / "items"
        self.mixcal("prep", self.table(), "--task", "classify", "--category", "place", "-o", items)
        told, domains = self.domains(items)
        self.assertEqual(domains, {"drawn": 100, "north": 100, 'south, "low"': 100})
        self.assertEqual((told["tokenizer"], told["vocabulary"]), ("items", 2))
        run, net = self.folder / "run", self.net("mlp:2-8-2")
        out = self.mixcal("calibrate", items, *SHORT, "--model", net, "--over", "north", "-o", run).out
        for word in ("north", "uniform", "doremi"):
            self.assertIn(word, out)
        self.assertIn("nats an item", (run / "report.html").read_text())
        losses = json.loads(self.mixcal("train", items, *SHORT, "--steps", 150, "--weights", "uniform", "--model", net, "--json",
                                        "-o", self.folder / "primary").out)["domains"]
        self.assertLess(losses["north"], 0.45)  # what can be learned is, what was drawn is not
        self.assertGreater(losses["drawn"], 0.6)
        found = json.loads(self.mixcal("eval", items, "--model", self.folder / "primary/model.onnx", "--evaluation", 100,
                                       "--json").out)["domains"]
        self.assertAlmostEqual(found["north"], losses["north"], places=4)
        self.mixcal("calibrate", items, *SHORT, "--model", net, "--method", "mixing-law", "--swarm.runs", 6, "--law.least-rank", -1,
                    "--law.replicates", 2, "--compare=false", "-o", self.folder / "law")

    def test_losses_are_those_of_the_network(self):
        """Items come through their bits unchanged: the reference's losses are numpy's."""
        import onnxruntime
        rng = np.random.default_rng(2)
        x = rng.normal(size=(80, 3)).astype(np.float32)
        x[0] = [-0.0, 1e-38, -3e38]
        np.savez(self.folder / "one.npz", x=x[:40], y=np.arange(40) % 2)
        np.savez(self.folder / "two.npz", x=x[40:], y=np.arange(40) % 2)
        items, net = self.folder / "items", self.net("mlp:3-5-2")
        self.mixcal("prep", "--task", "classify", "--domain", f"a={self.folder / 'one.npz'}", "--domain", f"b={self.folder / 'two.npz'}",
                    "--validation-share", 0.1, "--test-share", 0.4, "-o", items)
        words = np.fromfile(next(items.glob("*-b/test.tokens")), np.uint32)[16:].reshape(-1, 4)
        inputs, labels = words[:, :3].copy().view(np.float32), words[:, 3]
        self.assertTrue(all(any((row == each).all() for each in x[40:]) for row in inputs))
        session = onnxruntime.InferenceSession(net, providers=["CPUExecutionProvider"])
        logits = session.run(None, {session.get_inputs()[0].name: inputs})[0].astype(np.float64)
        wanted = (np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]).mean()
        told = json.loads(self.mixcal("eval", items, "--model", net, "--evaluation", 100, "--json").out)["domains"]
        self.assertAlmostEqual(told["b"], wanted, places=4)

    def test_images_by_class_and_by_field(self):
        rng = np.random.default_rng(3)
        lines = []
        for i in range(120):
            kind = ["cat", "dog"][i % 2]
            (self.folder / f"pets/{kind}").mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
            (self.folder / f"pets/{kind}/{i}.png").write_bytes(harness.png(pixels))
            lines.append(json.dumps({"path": f"pets/{kind}/{i}.png", "label": kind, "camera": ["old", "new", "toy"][i % 3]}))
        (self.folder / "pets.jsonl").write_text("\n".join(lines) + "\n")
        self.mixcal("prep", self.folder / "pets", "--task", "classify", "-o", self.folder / "classes")
        self.assertEqual(self.domains(self.folder / "classes")[1], {"cat": 60, "dog": 60})
        self.mixcal("prep", self.folder / "pets.jsonl", "--task", "classify", "--category", "camera", "-o", self.folder / "cameras")
        self.assertEqual(self.domains(self.folder / "cameras")[1], {"old": 40, "new": 40, "toy": 40})
        words = np.fromfile(next((self.folder / "cameras").glob("*-toy/reference.tokens")), np.uint32)[16:].reshape(-1, 49)
        planes = words[:, :48].copy().view(np.float32)
        self.assertTrue((planes >= 0).all() and (planes <= 1).all())
        net = self.net("conv:3x4x4-8-2")
        self.mixcal("calibrate", self.folder / "cameras", *SHORT, "--model", net, "--compare=false", "-o", self.folder / "run")
        flops = json.loads((self.folder / "run/mixture.json").read_text())["flops"]
        forward = products_of_item(net)
        self.assertGreater(forward, 2 * sum(np.prod(each.dims) for each in onnx.load(net).graph.initializer))
        self.assertAlmostEqual(flops["reference"], 3 * forward * 12 * 12)  # steps, batch
        self.assertAlmostEqual(flops["proxy"], 4 * forward * 12 * 12)

    def test_what_is_wrong_is_said(self):
        table, items, out = self.table(), self.folder / "items", self.folder / "out"
        prep = ["prep", table, "--task", "classify"]
        self.mixcal(*prep, "--category", "place", "-o", items)
        self.fails(66, "no column 'plce'.*place", *prep, "--category", "plce", "-o", out)
        self.fails(65, "'north' in column 'place' is no finite number", *prep, "-o", out)
        (self.folder / "short.csv").write_text("x,label,place\n1,a,b\n2,a\n")
        self.fails(65, "short.csv:3", "prep", self.folder / "short.csv", "--task", "classify", "--category", "place", "-o", out)
        np.savez(self.folder / "targets.npz", x=np.ones((9, 2), np.float32), y=np.linspace(0, 1, 9, dtype=np.float32))
        self.fails(65, "no classes as labels", "prep", self.folder / "targets.npz", "--task", "classify", "-o", out)
        np.savez(self.folder / "two.npz", x=np.ones((9, 2), np.float32), z=np.ones((9, 2), np.float32), y=np.arange(9) % 2)
        self.fails(65, "2 arrays of features", "prep", self.folder / "two.npz", "--task", "classify", "-o", out)
        self.fails(65, "not a whole number an item", "prep", self.folder / "two.npz", "--task", "classify", "--category", "z", "-o", out)
        self.fails(64, "needs data", "prep", "--task", "classify", "-o", out)
        train = ["train", items, "--weights", "uniform", *SHORT, "-o", out, "--model"]
        self.fails(64, "is no classifier", *train, "nano")
        self.fails(78, r"takes items of \[3\], and the data's have 2 numbers", *train, self.net("mlp:3-4-2"))
        self.fails(78, "tells 1 classes apart", *train, self.net("mlp:2-4-1"), "--verify=false")
        self.fails(64, "is of sequences", *train, self.net("mlp:2-4-2"), "--length", 9)


if __name__ == "__main__":
    harness.main()
