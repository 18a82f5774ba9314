# SPDX-License-Identifier: Apache-2.0
"""`--method auto` is never worse than each method in a process of its own with the same budget and seed."""

import json
import unittest

import harness

METHODS = ["single", "contiguous", "round-robin", "heft", "m-etf", "anneal"]


class AutoNeverWorse(harness.TestCase):
    def score(self, model, method, cluster):
        """What placements are compared by: bytes that do not fit, then the makespan."""
        output = self.folder / f"{method}.onnx"
        self.run_ok("placer-apply", model.path, "--method", method, "--evaluations", 100, "--seed", 3, *model.dims(),
                    *cluster, "--force", "-o", output)
        sidecar = json.loads(output.with_suffix(".placement.json").read_text())
        self.assertGreater(sidecar["metrics"]["makespan_us"], 0)
        return sidecar["metrics"]["overflow_bytes"], sidecar["metrics"]["makespan_us"]

    def check(self, kinds, cluster=()):
        for model in harness.models(*kinds):
            with self.subTest(model=model.name):
                alone = {method: self.score(model, method, cluster) for method in METHODS}
                self.assertEqual(self.score(model, "auto", cluster), min(alone.values()), alone)

    def test_default_cluster(self):
        self.check(["trained", "light", "small"])

    def test_two_gpus(self):
        self.check(["small"], ["--cluster", harness.ROOT / "configs/clusters/two-gpu.yaml"])


if __name__ == "__main__":
    unittest.main()
