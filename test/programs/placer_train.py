# SPDX-License-Identifier: Apache-2.0
"""placer-train as it is used: run folders, resuming, fine-tuning, and what it says when something is wrong."""

import json
import pathlib
import shutil
import signal
import subprocess
import time

import onnx

import harness

CLUSTER = harness.ROOT / "configs/clusters/two-gpu.yaml"
SMALL = ["--network.hidden", 16, "--network.rounds", 1, "--learning.imitation", 4, "--learning.placements", 8,
         "--learning.polished", 1]


def metrics(folder):
    """Its lines without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key} for line in lines]


class PlacerTrain(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "net.onnx"
        self.run_ok("placer-embed", "--gen", "transformer:ops=80,width=3", "-o", self.model)

    def command(self, *args, folder="run"):
        return [self.model, "--cluster", CLUSTER, *SMALL, "--compare", "none", *args, "-o", self.folder / folder]

    def train(self, *args, folder="run"):
        self.run_ok("placer-train", *self.command(*args, folder=folder))
        return self.folder / folder

    def fails(self, code, pattern, *args, folder="run"):
        outcome = harness.run("placer-train", *self.command(*args, folder=folder))
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)
        self.assertEqual(outcome.err.count("\n"), outcome.err.count("placer-train: ") + outcome.err.count(" to place on "),
                         outcome.err)

    def begin(self, *args):
        command = [str(harness.BIN / "placer-train"), *map(str, self.command(*args))]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def until_updates(self, process, count):
        path = self.folder / "run/metrics.jsonl"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if path.exists() and path.read_bytes().count(b"\n") > count:
                return
            time.sleep(0.02)
        self.fail("did not get that far")

    def test_several_clusters(self):
        run = self.train("--clusters", harness.ROOT / "configs/clusters/mixed-gpu.yaml", "--updates", 2)
        clusters = [json.loads((run / f"best/{name}.placement.json").read_text())["cluster"]["yaml"]
                    for name in ("net", "net@mixed-gpu")]
        self.assertEqual([text.count("- name: ") for text in clusters], [3, 5])
        self.assertEqual([line["model"] for line in metrics(run)][:2], ["net", "net@mixed-gpu"])

    def test_run_folder(self):
        text = self.run_ok("placer-train", self.model, "--cluster", CLUSTER, *SMALL, "--evaluations", 4000, "-o",
                           self.folder / "run/").out
        for method in ("boost", "heft", r"auto \(equal evaluations\)", r"auto \(equal seconds\)"):
            self.assertRegex(text, rf"(?m)^.? +{method} ")
        run = self.folder / "run"
        self.assertEqual({path.name for path in run.iterdir()},
                         {"best", "checkpoint", "config.yaml", "metrics.jsonl", "report.html"})
        self.assertIn("equal evaluations", (run / "report.html").read_text())
        lines = metrics(run)
        self.assertEqual([line["phase"] for line in lines[:2]], ["seeds", "imitation"])
        self.assertEqual(lines[-1]["phase"], "search")
        self.assertLessEqual(lines[-1]["evaluations"], 4000)
        self.assertGreater(lines[-1]["evaluations"], 3000)
        sidecar = json.loads((run / "best/net.placement.json").read_text())
        best = min(sidecar["baselines"], key=lambda baseline: baseline["makespan_us"])
        self.assertAlmostEqual(sidecar["metrics"]["makespan_us"], best["makespan_us"], places=3)
        onnx.checker.check_model(onnx.load(run / "best/net.onnx"))
        self.run_ok("placer-apply", run / "best/net.onnx", "--strip", "-o", self.folder / "plain.onnx")
        self.assert_same_file(self.folder / "plain.onnx", self.model)
        checked = self.run_ok("placer-apply", self.model, "--cluster", CLUSTER, "--method", "heft", "--evaluations", 1,
                              "--check", run / "best/net.placement.json", "--max-regression", "1000%")
        self.assertIn("PASS", checked.out)

    def test_a_seed_is_a_run_at_any_number_of_threads(self):
        one = self.train("--updates", 12, "--threads", 1, folder="one")
        two = self.train("--updates", 12, "--threads", 2, folder="two")
        other = self.train("--updates", 12, "--seed", 1, folder="other")
        self.assertEqual(metrics(one), metrics(two))
        self.assert_same_file(one / "best/policy.safetensors", two / "best/policy.safetensors")
        self.assertNotEqual(metrics(one)[-1], metrics(other)[-1])

    def test_interrupted_and_resumed_is_uninterrupted(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
            with self.subTest(number):
                shutil.rmtree(self.folder / "run", ignore_errors=True)
                process = self.begin("--updates", 100000, "--save-every", "0s")
                self.until_updates(process, 12)
                process.send_signal(number)
                self.assertEqual(process.wait(60), code)
                updates = len(metrics(self.folder / "run")) + 5
                resumed = self.train("--updates", updates, "--resume")
                whole = self.train("--updates", updates, "--force", folder="whole")
                self.assertEqual(metrics(resumed), metrics(whole))
                self.assertEqual(len(metrics(whole)), updates + 1)
                self.assert_same_file(resumed / "best/policy.safetensors", whole / "best/policy.safetensors")

    def test_folders(self):
        outcome = harness.run("placer-train", self.model)
        self.assertEqual(outcome.code, 64)
        self.assertIn("--output: is missing; name a folder", outcome.err)
        (self.folder / "foreign").mkdir()
        (self.folder / "foreign/notes").write_text("mine")
        self.fails(73, "is something else than a training run.*--force", folder="foreign")
        self.fails(66, "holds no run to resume", "--resume")
        self.train("--updates", 2)
        self.fails(73, "holds a training run already; pass --resume", "--updates", 2)
        self.fails(78, r"config.yaml:\d+: learning.epochs was '3' and would be '2'", "--updates", 3, "--resume",
                   "--learning.epochs", 2)
        self.model.unlink()
        self.run_ok("placer-embed", "--gen", "transformer:ops=160,width=3", "-o", self.model)
        self.fails(78, "are not those that the run began with", "--updates", 3, "--resume")

    def test_damaged_checkpoints(self):
        run = self.train("--updates", 2)
        state = run / "checkpoint/state.safetensors"
        whole = state.read_bytes()
        state.write_bytes(whole[:len(whole) // 2])
        self.fails(65, "state.safetensors: .*; restore the file from a copy", "--updates", 3, "--resume")
        state.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.fails(65, "its hash is wrong", "--updates", 3, "--resume")
        state.write_bytes((run / "best/policy.safetensors").read_bytes())
        self.fails(65, "has the schema allot.policy/1; allot.policy-training/1 is needed", "--updates", 3, "--resume")
        state.unlink()
        self.fails(66, "the run ended before it was first saved", "--updates", 3, "--resume")

    def test_fine_tuning(self):
        trained = self.train("--updates", 60, "--learning.imitation", 60) / "best/policy.safetensors"
        tuned = self.train("--updates", 1, "--from", trained, folder="tuned")
        fresh = self.train("--updates", 1, folder="fresh")
        self.assertLess(metrics(tuned)[1]["gradient_norm"], metrics(fresh)[1]["gradient_norm"])
        self.fails(66, "missing.safetensors", "--from", self.folder / "missing.safetensors", folder="x")
        self.fails(65, "allot.policy/1 is needed", "--from", trained.parent.parent / "checkpoint/state.safetensors",
                   folder="x")
        self.run_ok("placer-train", self.model, "--cluster", CLUSTER, "--policy", "iclr2018", "--network.hidden", 8,
                    "--updates", 1, "--compare", "none", "-o", self.folder / "tied")
        self.fails(78, "trained for 3 devices, and here are 2", "--from", self.folder / "tied/best/policy.safetensors",
                   "--cluster", harness.ROOT / "configs/clusters/default.yaml", folder="x")

    def test_nothing_fits(self):
        cluster = self.folder / "tiny.yaml"
        cluster.write_text("schema: allot.cluster/1\ndevices:\n"
                           "  - {name: a, kind: cpu, preset: epyc-7763, memory: 1MiB}\n"
                           "  - {name: b, kind: cpu, preset: epyc-7763, memory: 1MiB}\n"
                           "links: {default: {bandwidth: 12GB/s, latency: 10us}}\n")
        self.fails(71, r"no placement was found that fits: at best \(boost\) (a|b) lacks [\d.]+ [KM]iB", "--cluster",
                   cluster, "--updates", 5)

    def test_several_models(self):
        other = self.folder / "sub/net.onnx"
        other.parent.mkdir()
        self.run_ok("placer-embed", "--gen", "layered:ops=60,width=4", "-o", other)
        outcome = self.run_ok("placer-train", self.model, other, "--cluster", CLUSTER, *SMALL, "--updates", 12,
                              "--compare", "none", "--json", "-o", self.folder / "run")
        documents = json.loads("[" + outcome.out.replace("\n}\n{", "\n},\n{") + "]")
        self.assertEqual([pathlib.Path(document["model"]).parent.name for document in documents],
                         [self.folder.name, "sub"])
        names = {path.name for path in (self.folder / "run/best").iterdir()}
        self.assertEqual(names, {"policy.safetensors", *(f"{stem}{end}" for stem in ("net", "net-2")
                                                         for end in (".onnx", ".placement.json", ".html"))})
        self.assertEqual({line["model"] for line in metrics(self.folder / "run")}, {"net", "net-2"})

    def test_policies_are_values_of_options(self):
        printed = self.run_ok("placer-train", self.model, "--policy", "grappler", "--learning.decay", 0.5,
                              "--print-config").out
        self.assertRegex(printed, r"(?m)^  form: hierarchical$")
        self.assertRegex(printed, r"(?m)^  decay: 0.5$")
        self.assertRegex(printed, r"(?m)^  noise_until: 750$")
        file = self.folder / "options.yaml"
        for form in ("--print-config", "--print-config=minimal"):
            file.write_text(self.run_ok("placer-train", self.model, "--policy", "grappler", "--learning.decay", 0.5,
                                        form).out)
            self.assertEqual(self.run_ok("placer-train", self.model, "--config", file, "--print-config").out, printed)

    def test_measured_rewards(self):
        """A command that counts the nodes on gpu0: the policy, or the choice among finalists, gets there."""
        count = self.folder / "count.sh"
        count.write_text("grep -ao allot.d1 \"$1\" | wc -l | sed 's/$/e-3/'\n")
        command = ["--reward-command", f"sh {count} {{model}}"]
        text = self.run_ok("placer-train", *self.command("--reward", "command", *command, "--evaluations", 60)).err
        self.assertRegex(text, r"net: measured [\d.]+ (ms|s)")
        lines = metrics(self.folder / "run")
        self.assertEqual(lines[-1]["phase"], "policy")
        self.assertLessEqual(lines[-1]["best_value"], lines[0]["best_value"])
        sidecar = json.loads((self.folder / "run/best/net.placement.json").read_text())
        self.assertEqual(sidecar["method"], "boost")
        text = self.run_ok("placer-train", *self.command("--finals", "command", *command, "--updates", 6,
                                                         folder="finals")).err
        self.assertRegex(text, r"net: of \d+ placements the quickest takes [\d.]+ ")
        self.fails(64, "--reward-command: is missing", "--reward", "command", folder="x")
        self.fails(1, "cannot|failed|exit", "--reward", "command", "--reward-command", "false {model}", folder="x")

    def test_dry_run(self):
        outcome = self.run_ok("placer-train", *self.command("--dry-run"))
        self.assertRegex(outcome.err, r"net: \d+ units to place on 3 devices")
        self.assertFalse((self.folder / "run").exists())


if __name__ == "__main__":
    harness.main()
