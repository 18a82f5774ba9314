# SPDX-License-Identifier: Apache-2.0
"""placer-apply --policy: policies that placer-train made, on models and clusters that they never saw, and bad ones."""

import json
import pathlib
import shutil
import tempfile
import time

import harness

TWO = harness.ROOT / "configs/clusters/two-gpu.yaml"
FOUR = """schema: allot.cluster/1
devices:
  - {name: g0, kind: cuda, preset: a100-40}
  - {name: g1, kind: cuda, preset: a100-40}
  - {name: g2, kind: cuda, preset: a100-40}
  - {name: g3, kind: cuda, preset: a100-40}
links: {default: {bandwidth: 50GB/s, latency: 5us}}
"""
SESSION = """schema: allot.cluster/1
devices:
  - {name: cpu0, kind: cpu, preset: epyc-7763, memory: 256GiB}
  - {name: g0, kind: cuda, preset: a100-40}
links: {default: {bandwidth: 25GB/s, latency: 9us}}
"""


class PlacerPolicy(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="allot-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        for name, what in (("seen", "transformer:ops=80,width=3"), ("other", "inception:ops=150,width=4"),
                           ("large", "layered:ops=600,width=8")):
            assert harness.run("placer-embed", "--gen", what, "-o", cls.shared / f"{name}.onnx").code == 0
        cls.boost = cls.train("boost")

    @classmethod
    def train(cls, preset):
        outcome = harness.run("placer-train", cls.shared / "seen.onnx", "--cluster", TWO, "--policy", preset,
                              "--network.hidden", 16, "--network.rounds", 1, "--learning.imitation", 2,
                              "--learning.placements", 8, "--learning.polished", 1, "--updates", 3, "--compare", "none",
                              "-o", cls.shared / preset)
        assert outcome.code == 0, outcome.err
        return cls.shared / preset / "best/policy.safetensors"

    def setUp(self):
        super().setUp()
        self.four = self.folder / "four.yaml"
        self.four.write_text(FOUR)

    def command(self, model, cluster, policy, *args):
        return [self.shared / f"{model}.onnx", "--cluster", cluster, "--policy", policy, "--evaluations", 2000, *args]

    def place(self, *args):
        """Results by method: makespan in us."""
        text = self.run_ok("placer-apply", *self.command(*args), "--json").out
        return {method["method"]: method for method in json.loads(text)["methods"]}

    def fails(self, code, pattern, *args, **options):
        outcome = harness.run("placer-apply", *args, **options)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)
        self.assertEqual(outcome.err.count("\n"), 1, outcome.err)

    def test_the_policy_that_ships(self):
        methods = self.place("large", self.four, harness.ROOT / "models/policy.safetensors")
        self.assertLess(methods["policy"]["makespan_us"], methods["round-robin"]["makespan_us"])

    def test_left_out_where_it_takes_too_long(self):
        slow = self.folder / "slow-worker"
        slow.write_text("#!/bin/sh\nexec sleep 60\n")
        slow.chmod(0o755)
        begin = time.monotonic()
        outcome = self.run_ok("placer-apply", self.shared / "other.onnx", "--cluster", self.four, "--policy", self.boost,
                              "--seconds", 1, env={"ALLOT_WORKER": str(slow)})
        self.assertRegex(outcome.err, "has no proposal in its part of the time, and is left out")
        self.assertLess(time.monotonic() - begin, 10)

    def test_other_models_and_clusters(self):
        for model, cluster in (("seen", TWO), ("other", TWO), ("other", self.four), ("large", self.four)):
            with self.subTest(model=model, cluster=cluster):
                methods = self.place(model, cluster, self.boost)
                self.assertIn("policy", methods)
                quick = min(method["makespan_us"] for name, method in methods.items() if name not in ("policy", "anneal"))
                self.assertLessEqual(methods["policy"]["makespan_us"], quick)
                if "anneal" in methods:
                    self.assertLessEqual(methods["anneal"]["makespan_us"], methods["policy"]["makespan_us"])

    def test_policy_alone(self):
        out = self.folder / "placed.onnx"
        self.run_ok("placer-apply", *self.command("other", TWO, self.boost), "--method", "policy", "-o", out)
        sidecar = json.loads((self.folder / "placed.placement.json").read_text())
        self.assertEqual(sidecar["method"], "policy")
        self.run_ok("placer-apply", out, "--cluster", TWO, "--placement", self.folder / "placed.placement.json")

    def test_same_bytes_at_any_number_of_threads(self):
        files = []
        for threads in (1, 2):
            out = self.folder / f"placed{threads}.onnx"
            self.run_ok("placer-apply", *self.command("other", self.four, self.boost), "--threads", threads, "-o", out)
            files.append(out.read_bytes())
        self.assertEqual(*files)

    def test_options_reach_the_policy(self):
        self.place("other", TWO, self.boost, "--workload", "training", "--colocation", "none")
        self.place("other", TWO, self.boost, "--objective", "throughput")
        self.place("seen", self.four, self.boost, "--samples", 1, "--seconds", 0)
        session = self.folder / "session.yaml"
        session.write_text(SESSION)
        self.place("seen", session, self.boost, "--target", "ort")

    def test_policies_that_do_not_fit(self):
        tied = self.train("icml2017")
        self.fails(78, r"policy: it was trained for \d+ .*, and here are \d+;", *self.command("other", self.four, tied))

    def test_bad_files(self):
        model = self.shared / "seen.onnx"
        whole = self.boost.read_bytes()
        cut = self.folder / "cut.safetensors"
        cut.write_bytes(whole[:len(whole) // 2])
        self.fails(65, r"cut\.safetensors", *self.command("seen", TWO, cut))
        changed = self.folder / "changed.safetensors"
        changed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.fails(65, r"changed\.safetensors", *self.command("seen", TWO, changed))
        embeddings = self.folder / "embeddings.safetensors"
        self.run_ok("placer-embed", model, "-o", embeddings)
        self.fails(65, r"embeddings\.safetensors.*allot\.policy/1", *self.command("seen", TWO, embeddings))
        self.fails(66, "missing.safetensors: no such file; train one", *self.command("seen", TWO, "missing.safetensors"))

    def test_usage(self):
        model = self.shared / "seen.onnx"
        self.fails(64, "add --policy", model, "--method", "policy")
        self.fails(64, "has no part in --method heft", *self.command("seen", TWO, self.boost), "--method", "heft")
        self.fails(64, "standard input; write the model to a file", "-", "--policy", self.boost)
        self.fails(64, "does not go with --run", *self.command("seen", TWO, self.boost), "--run")
        self.fails(69, "running models and policies needs", *self.command("seen", TWO, self.boost),
                   env={"ALLOT_WORKER": "/nowhere"})


if __name__ == "__main__":
    harness.main()
