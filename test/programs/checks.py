# SPDX-License-Identifier: Apache-2.0
"""The regression check as a CI job uses it: many models, report formats, new baselines, and the example of docs/ci."""

import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree

import harness

MODELS = [harness.ROOT / "models" / name for name in ("bert-base.onnx", "resnet50.onnx")]
EXAMPLE = harness.ROOT / "docs" / "ci"
SLOW = """schema: allot.cluster/1
devices: [{name: cpu0, kind: cpu, preset: epyc-7763, memory: 64GiB, overhead: %s}]
links: {default: {bandwidth: 10GB/s, latency: 10us}}
"""


class Checks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.baselines = self.folder / "baselines"
        self.baselines.mkdir()
        self.cluster = self.folder / "cluster.yaml"
        self.cluster.write_text(SLOW % "1us")

    def check(self, *args):
        return harness.run("placer-apply", *MODELS, "--cluster", self.cluster, "--evaluations", 50, "--default-dim", 16,
                           "--check", self.baselines, *args)

    def test_many_models(self):
        missing = self.check()
        self.assertEqual(missing.code, 66, missing.out)
        self.assertIn("--update", missing.out)
        self.assertEqual(self.check("--update").code, 0)
        self.assertEqual(sorted(path.name for path in self.baselines.iterdir()),
                         ["bert-base.placement.json", "resnet50.placement.json"])
        self.assertEqual(self.check().code, 0)

        self.cluster.write_text(SLOW % "100us")
        report = self.folder / "report.xml"
        worse = self.check("--check-format", "github", "--check-format", f"junit={report}", "--json")
        self.assertEqual(worse.code, 1, worse.err)
        lines = worse.out.splitlines()
        self.assertTrue(all(line.startswith("::error file=") for line in lines[:2]), worse.out)
        parsed = json.loads("\n".join(lines[2:]))
        self.assertEqual([model["passed"] for model in parsed["models"]], [False, False])
        self.assertTrue(all(model["changed"]["cluster"] for model in parsed["models"]))
        suite = xml.etree.ElementTree.parse(report).getroot()
        self.assertEqual(suite.get("failures"), "2")
        self.assertEqual({case.get("name") for case in suite.iter("testcase")}, set(map(str, MODELS)))
        self.assertEqual(self.check("--max-regression", "50000%").code, 0)
        self.assertEqual(self.check("--max-regression", "50000%", "--max-regression", "makespan=2%").code, 1)
        harness.CHECKED["models checked"] += 12

    def test_update_keeps_what_is_better(self):
        self.check("--update", "--method", "single")
        path = self.baselines / "resnet50.placement.json"
        before = path.read_bytes()
        self.assertEqual(self.check("--update", "--method", "single").code, 0)
        self.assertEqual(path.read_bytes(), before)
        two = (harness.ROOT / "configs/clusters/two-gpu.yaml").read_text()
        self.cluster.write_text(two)
        self.check("--update", "--method", "single")
        best = json.loads(path.read_text())["metrics"]["makespan_us"]
        self.check("--update", "--method", "round-robin")
        self.assertEqual(json.loads(path.read_text())["metrics"]["makespan_us"], best)
        self.assertGreater(json.loads(before)["metrics"]["makespan_us"], best)

    def test_wrong_use(self):
        for args, code in ((["--check-format", "xml"], 64), (["--check-format", "junit="], 64),
                           (["--max-regression", "speed=1%"], 64), (["--max-regression", "x"], 64)):
            self.assertEqual(self.check(*args).code, code, args)
        single = harness.run("placer-apply", *MODELS, "--check", self.folder / "one.json")
        self.assertEqual(single.code, 64, single.err)
        self.assertEqual(harness.run("placer-apply", MODELS[0], "--update").code, 64)

    def test_example(self):
        """The Makefile and the commands of the workflow of docs/ci do what they say."""
        shutil.copy(EXAMPLE / "Makefile", self.folder)
        (self.folder / "models").mkdir()
        for model in MODELS:
            shutil.copy(model, self.folder / "models")
        flags = [f"PLACER={harness.BIN}/placer-apply --evaluations 50 --default-dim 16"]

        def make(*args):
            return subprocess.run(["make", *flags, *args], cwd=self.folder, capture_output=True, text=True)

        for target in ("baselines", "check", "all"):
            done = make(target)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((self.folder / "placed" / "resnet50.onnx").exists())
        self.assertIn("Nothing to be done", make("all").stdout)

        steps = re.findall(r"^\s+run: make (.*)$", (EXAMPLE / "placement.yml").read_text(), re.M)
        self.assertEqual(len(steps), 1)
        target, assignment = steps[0].split(" ", 1)
        assignment = assignment.replace('"', "")
        self.assertEqual(make(target, assignment).returncode, 0)
        self.assertTrue(pathlib.Path(self.folder / "placement.xml").exists())
        self.cluster.write_text(SLOW % "100us")
        worse = make(target, assignment)
        self.assertNotEqual(worse.returncode, 0)
        self.assertIn("::error file=models/resnet50.onnx", worse.stdout)


if __name__ == "__main__":
    harness.main()
