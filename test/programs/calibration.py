# SPDX-License-Identifier: Apache-2.0
"""Devices fitted to profiles of ONNX Runtime, a recorded one and one measured now; plans for ONNX Runtime's own execution."""

import json
import sys

import harness

sys.path.insert(0, str(harness.ROOT / "scripts"))
import ort_profile

CLUSTER = """schema: allot.cluster/1
devices: [{name: cpu0, kind: cpu, preset: epyc-7763, memory: 16GiB}]
"""
TWO_GPUS = """schema: allot.cluster/1
devices:
  - {name: cpu0, kind: cpu, preset: epyc-7763, memory: 16GiB}
  - {name: gpu0, kind: cuda, preset: t4}
  - {name: gpu1, kind: cuda, preset: t4}
links: {default: {bandwidth: 10GB/s, latency: 10us}}
"""
RECIPE = "transformer:ops=60,width=1,seed=3"  # what test/data/calibration/transformer.profile.json is a profile of
RECORDED = harness.ROOT / "test/data/calibration/transformer.profile.json"


class Calibration(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.cluster = self.folder / "cluster.yaml"
        self.cluster.write_text(CLUSTER)
        self.fitted = self.folder / "fitted.yaml"
        self.measured = self.folder / "costs.json"

    def generate(self):
        model = self.folder / "model.onnx"
        self.run_ok("placer-embed", "--gen", RECIPE, "-o", model)
        return model

    def calibrate(self, model, profile, *options):
        outcome = self.run_ok("placer-embed", model, "--calibrate", profile, "--cluster", self.cluster, "--fitted",
                              self.fitted, "--measured", self.measured, "--json", *options)
        harness.CHECKED["calibrations"] += 1
        return json.loads(outcome.out)

    def makespan_us(self, model, *options):
        outcome = self.run_ok("placer-apply", model, "--target", "ort", "--method", "single", "--json", *options)
        return json.loads(outcome.out)["metrics"]["makespan_us"]

    def check(self, model, result, *flags, merged=0, delta=0.35):
        """Nodes are traced, the fit is better than what was given, and both outputs predict what was measured, the fit
        to within `delta`, and up to `merged` more for ops that ONNX Runtime merged with equal ones."""
        measured = result["models"][0]
        self.assertGreaterEqual(measured["by_name"], 0.8 * measured["nodes"])
        device = result["devices"][0]
        self.assertLess(device["fitted"]["median"], 0.5 * device["given"]["median"])
        known = json.loads(self.measured.read_text())["ops"]
        self.assertAlmostEqual(sum(op["time_us"][0] for op in known.values()) / measured["nodes_us"], 1, delta=0.01)
        exact = self.makespan_us(model, "--cluster", self.fitted, "--costs", self.measured, *flags)
        self.assertAlmostEqual(exact / measured["nodes_us"], 1 + merged, delta=0.02 + merged / 2)
        fitted = self.makespan_us(model, "--cluster", self.fitted, *flags)
        self.assertAlmostEqual(fitted / measured["nodes_us"], 1 + merged, delta=delta)

    def test_recorded(self):
        model = self.generate()
        self.check(model, self.calibrate(model, RECORDED), merged=0.2)  # weights are equal: keys and values are queries

    def test_list(self):
        model = self.generate()
        listed = self.folder / "list.yaml"
        listed.write_text("schema: allot.calibration/1\n"
                          f"models: [{{model: model.onnx, profile: {RECORDED}}}, {{model: model.onnx, profile: {RECORDED}}}]\n")
        alone, thrice = self.calibrate(model, RECORDED), self.calibrate(model, RECORDED, "--calibrate-with", listed, "--force")
        self.assertEqual(thrice["devices"][0]["fitted"]["samples"], 3 * alone["devices"][0]["fitted"]["samples"])
        listed.write_text("schema: allot.calibration/1\nmodels: [{model: model.onnx, profil: p.json}]\n")
        outcome = harness.run("placer-embed", model, "--calibrate", RECORDED, "--calibrate-with", listed)
        self.assertEqual(outcome.code, 78)
        self.assertIn("did you mean 'profile'?", outcome.err)

    def test_live(self):
        """One thread, as the cluster's one device: an exported network's convolutions and sums. Others on the machine
        disturb some nodes of a profile, which moves its sum and not the medians that the fit goes by."""
        model = harness.ROOT / "models/resnet50.onnx"
        profile = self.folder / "profile.json"
        ort_profile.profile(model, profile, runs=12, seconds=30, dims={"batch": 1})
        self.check(model, self.calibrate(model, profile, "--dim", "batch=1"), "--dim", "batch=1", delta=0.6)

    def test_foreign(self):
        model = self.generate()
        broken = self.folder / "broken.json"
        for text, code in (("[]", 65), ("{", 65), (RECORDED.read_text().replace("CPUExecution", "QNNExecution"), 69)):
            broken.write_text(text)
            outcome = harness.run("placer-embed", model, "--calibrate", broken, "--cluster", self.cluster)
            self.assertEqual(outcome.code, code, outcome.err)
            self.assertEqual(outcome.err.count("\n"), 1, outcome.err)

    def test_target(self):
        model = harness.ROOT / "models/bert-base.onnx"
        flags = ["--dim", "batch=1", "--dim", "seq=128", "--method", "heft"]
        outcome = self.run_ok("placer-apply", model, *flags, "--json")
        beside = json.loads(outcome.out)
        self.assertGreater(beside["ort_makespan_us"], 0)
        target = json.loads(self.run_ok("placer-apply", model, *flags, "--target", "ort", "--json").out)
        self.assertNotIn("ort_makespan_us", target)
        two = self.folder / "two.yaml"
        two.write_text(TWO_GPUS)
        refused = harness.run("placer-apply", model, *flags, "--target", "ort", "--cluster", two)
        self.assertEqual(refused.code, 69)
        self.assertIn("CUDAExecutionProvider", refused.err)
        self.assertNotIn("ort_makespan_us", json.loads(self.run_ok("placer-apply", model, *flags, "--cluster", two, "--json").out))

    def test_check_keeps_the_target(self):
        model = harness.ROOT / "models/bert-base.onnx"
        flags = ["--dim", "batch=1", "--dim", "seq=128", "--method", "heft"]
        self.run_ok("placer-apply", model, *flags, "--target", "ort", "-o", self.folder / "placed.onnx")
        self.run_ok("placer-apply", model, *flags, "--check", self.folder / "placed.placement.json")


if __name__ == "__main__":
    harness.main()
