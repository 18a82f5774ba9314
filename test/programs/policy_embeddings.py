# SPDX-License-Identifier: Apache-2.0
"""placer-embed --policy: learned embeddings as a file and as pictures."""

import json
import re

import numpy as np

import harness

TWO = harness.ROOT / "configs/clusters/two-gpu.yaml"
SMALL = ["--network.hidden", 16, "--network.rounds", 1, "--learning.imitation", 2, "--learning.placements", 8,
         "--updates", 3, "--compare", "none"]


class PolicyEmbeddings(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "net.onnx"
        self.run_ok("placer-embed", "--gen", "transformer:ops=120,width=3", "-o", self.model)

    def train(self, policy):
        run = self.folder / policy
        self.run_ok("placer-train", self.model, "--cluster", TWO, "--policy", policy, *SMALL, "-o", run)
        return run

    def embed(self, policy, *args):
        return self.run_ok("placer-embed", self.model, "--cluster", TWO, "--policy", policy, *args)

    def test_files(self):
        plain = self.folder / "plain.safetensors"
        self.run_ok("placer-embed", self.model, "--cluster", TWO, "-o", plain)
        ours, theirs = harness.read_safetensors(plain)
        for name in ("flat", "hierarchical", "icml2017"):
            with self.subTest(name):
                policy = self.train(name) / "best/policy.safetensors"
                out = self.folder / f"{name}.safetensors"
                self.embed(policy, "-o", out)
                tensors, metadata = harness.read_safetensors(out)
                rows, width = tensors["embeddings"].shape
                self.assertEqual(rows, len(ours["embeddings"]))
                self.assertEqual(json.loads(metadata["columns"]), {"learned": width, "cost_columns": []})
                if name != "icml2017":
                    self.assertEqual(width, 16)
                for same in ("type_of_op", "unit_of_op", "edges"):
                    np.testing.assert_array_equal(tensors[same], ours[same])
                self.assertEqual(metadata["graph_hash"], theirs["graph_hash"])
                self.assertTrue(set(tensors["device"]) <= {0, 1, 2})
                self.assertEqual("group" in tensors, name == "hierarchical")
                placed = tensors["embeddings"].any(axis=1)
                self.check_points(tensors["embeddings"][placed].astype(float), tensors["points"][placed])
                again = self.folder / "again.safetensors"
                self.embed(policy, "-o", again, "--threads", 1)
                self.assert_same_file(out, again)
                again.unlink()

    def check_points(self, rows, points):
        """Their variances, and that of what they leave out, are those of a singular value decomposition."""
        singular = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
        np.testing.assert_allclose(np.linalg.norm(points, axis=0), singular[:2], rtol=1e-4, atol=1e-4)

    def test_pages(self):
        run = self.train("hierarchical")
        policy = run / "best/policy.safetensors"
        page = self.folder / "page.html"
        out = self.embed(policy, "--report", page).out
        self.assertIn("MatMul", out)  # the usual text
        html = page.read_text()
        for part in ("By operator", "By device", "first principal component", r"<title>layer0/MatMul_\d+ and 2 more "
                     r"\(MatMul, Reshape, Transpose\) on [cg]pu\d, group \d+</title>"):
            self.assertTrue(re.search(part, html), part)
        dots = html.count("<circle")
        self.assertEqual(dots, 2 * 44)  # units
        self.assertEqual((run / "report.html").read_text().count("<circle"), dots)
        self.embed(policy, "--report", self.folder / "ops.csv")
        self.assertTrue((self.folder / "ops.csv").read_text().startswith('"allot.op",'))

    def test_errors(self):
        policy = self.train("flat") / "best/policy.safetensors"
        cases = [
            (64, "add --policy policy.safetensors", [self.model, "--report", "x.html"]),
            (64, "not standard input", ["-", "--policy", policy]),
            (66, "missing.safetensors: no such file", [self.model, "--policy", "missing.safetensors"]),
            (65, "net.onnx", [self.model, "--policy", self.model]),
            (69, "needs Allot's learn library", [self.model, "--policy", policy]),
        ]
        for code, pattern, args in cases:
            with self.subTest(pattern):
                env = {"ALLOT_WORKER": "/nowhere"} if code == 69 else None
                outcome = harness.run("placer-embed", *args, "--cluster", TWO, env=env)
                self.assertEqual(outcome.code, code, outcome.err)
                self.assertRegex(outcome.err, pattern)
        mine = self.folder / "mine.txt"
        mine.write_text("mine")
        outcome = harness.run("placer-embed", self.model, "--cluster", TWO, "--policy", policy, "-o", mine)
        self.assertEqual(outcome.code, 73, outcome.err)
        self.assertEqual(mine.read_text(), "mine")


if __name__ == "__main__":
    harness.main()
