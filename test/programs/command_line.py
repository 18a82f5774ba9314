# SPDX-License-Identifier: Apache-2.0
"""The command line that every tool shares, and the daily use of placer-apply: checks, Make, pipes."""

import json
import os
import subprocess

import numpy as np
import onnx
from onnx import helper, numpy_helper

import harness

TOOLS = [tool for tool in ("placer-apply", "placer-embed", "placer-train") if (harness.BIN / tool).exists()]
MODEL = harness.ROOT / "models/resnet50.onnx"


class Common(harness.TestCase):
    def test_help(self):
        for tool in TOOLS:
            with self.subTest(tool):
                text = self.run_ok(tool, "--help").out
                for part in (tool, "--config", "--set", "--seed", "--threads", "--json", "--force", "--version", "65", "78"):
                    self.assertIn(part, text)
                self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_version(self):
        for tool in TOOLS:
            with self.subTest(tool):
                self.assertRegex(self.run_ok(tool, "--version").out, rf"^{tool} \d+\.\d+\.\d+")

    def test_unknown_flag(self):
        for tool in TOOLS:
            with self.subTest(tool):
                outcome = harness.run(tool, MODEL, "--sede", "3")
                self.assertEqual(outcome.code, 64)
                self.assertRegex(outcome.err, "--sede.*--seed")
                self.assertEqual(outcome.out, "")

    def test_configuration_round_trip(self):
        for tool in TOOLS:
            with self.subTest(tool):
                changed = self.run_ok(tool, MODEL, "--seed", 7, "--threads", 3, "--print-config").out
                file = self.folder / f"{tool}.yaml"
                file.write_text(changed)
                self.assertEqual(self.run_ok(tool, MODEL, "--config", file, "--print-config").out, changed)
                self.assertNotEqual(self.run_ok(tool, MODEL, "--print-config").out, changed)
                minimal = self.run_ok(tool, MODEL, "--config", file, "--print-config=minimal").out
                self.assertEqual([line for line in minimal.splitlines() if line.startswith(("seed", "threads"))],
                                 ["seed: 7", "threads: 3"])

    def test_layers(self):
        file = self.folder / "o.yaml"
        file.write_text("seed: 1\nevaluations: 11\n")
        printed = self.run_ok("placer-apply", MODEL, "--config", file, "--set", "seed=2", "--print-config").out
        self.assertRegex(printed, r"(?m)^seed: 2\b")
        self.assertRegex(printed, r"(?m)^evaluations: 11\b")
        printed = self.run_ok("placer-apply", MODEL, "--config", file, "--set", "seed=2", "--seed", 3, "--print-config").out
        self.assertRegex(printed, r"(?m)^seed: 3\b")

    def test_completion(self):
        for tool in TOOLS:
            with self.subTest(tool):
                script = self.folder / f"{tool}.bash"
                script.write_text(self.run_ok(tool, "--completion", "bash").out)
                ask = f'source "{script}"; COMP_WORDS=({tool} --see); COMP_CWORD=1; ' \
                      f'$(complete -p {tool} | sed "s/.*-F \\([^ ]*\\).*/\\1/") {tool} --see {tool}; echo "${{COMPREPLY[*]}}"'
                done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
                self.assertEqual(done.stdout.split(), ["--seed"], done.stderr)
                self.assertIn(f"#compdef {tool}", self.run_ok(tool, "--completion", "zsh").out)

    def test_reference(self):
        for tool in TOOLS:
            with self.subTest(tool):
                self.assertIn("| `--seed`", self.run_ok(tool, "--help-markdown").out)


class PlacerApply(harness.TestCase):
    def place(self, *args, output="placed.onnx", **options):
        return self.run_ok("placer-apply", MODEL, "--dim", "batch=1", "--evaluations", 50, *args, "-o",
                           self.folder / output, **options)

    def sidecar(self, name="placed"):
        return json.loads((self.folder / f"{name}.placement.json").read_text())

    def test_table_and_json_agree(self):
        text = self.place().out
        for method in ("single", "contiguous", "expert", "m-topo", "heft", "critical-path", "m-etf", "anneal"):
            self.assertRegex(text, rf"(?m)\b{method}\b")
        document = json.loads(self.place("--json", "--force").out)
        self.assertIn("schema", document)
        self.assertIn("makespan_us", json.dumps(document))

    def test_methods_are_compared_by_the_objective(self):
        flags = (MODEL, "--dim", "batch=1", "--evaluations", 50, "--objective", "throughput")
        plan = json.loads(self.run_ok("placer-apply", *flags, "--json").out)
        values = {method["method"]: method["objective_value"] for method in plan["methods"] if method["fits"]}
        self.assertEqual(values[plan["method"]], plan["objective_value"])
        self.assertEqual(min(values.values()), plan["objective_value"])
        table = self.run_ok("placer-apply", *flags).out
        self.assertRegex(table.splitlines()[0], r"method +interval +makespan")

    def test_workload_is_kept(self):
        self.place("--workload", "training:sgd", "--checkpoint-every", 8, "--method", "heft")
        self.assertEqual(self.sidecar()["workload"], {"kind": "training:sgd", "frozen": [], "checkpoint_every": 8})
        same = self.run_ok("placer-apply", MODEL, "--check", self.folder / "placed.placement.json", "--method", "heft")
        self.assertIn("PASS", same.out)

    def test_dry_run_writes_nothing(self):
        self.place("--dry-run")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_pipe(self):
        self.place("--method", "heft")
        with open(MODEL, "rb") as stdin:
            command = [str(harness.BIN / "placer-apply"), "-", "--dim", "batch=1", "--method", "heft", "-o", "-"]
            piped = subprocess.run(command, stdin=stdin, capture_output=True)
        self.assertEqual(piped.returncode, 0, piped.stderr)
        self.assertTrue(piped.stdout == (self.folder / "placed.onnx").read_bytes())

    def test_twice_is_once(self):
        self.place("--method", "round-robin")
        self.run_ok("placer-apply", self.folder / "placed.onnx", "--dim", "batch=1", "--method", "round-robin", "-o",
                    self.folder / "again.onnx")
        self.assertEqual([op["device"] for op in self.sidecar()["placement"]],
                         [op["device"] for op in self.sidecar("again")["placement"]])
        self.run_ok("placer-apply", self.folder / "again.onnx", "--strip", "-o", self.folder / "bare.onnx")
        self.assert_same_file(MODEL, self.folder / "bare.onnx")

    def test_given_placement(self):
        self.place("--method", "round-robin")
        self.place("--placement", self.folder / "placed.placement.json", output="again.onnx")
        self.assertEqual(self.sidecar()["placement"], self.sidecar("again")["placement"])
        self.assertEqual(self.sidecar()["metrics"], self.sidecar("again")["metrics"])

    def check(self, *args):
        return harness.run("placer-apply", MODEL, "--dim", "batch=1", "--evaluations", 50, "--check",
                           self.folder / "placed.placement.json", "--max-regression", "2%", *args)

    def test_check(self):
        self.place()
        self.assertEqual(self.check().code, 0)
        measured = {"schema": "allot.costs/1", "key": "output", "devices": ["cpu", "cuda"],
                    "ops": {op["outputs"][0]: {"time_us": [5000.0, 5000.0]} for op in self.sidecar()["placement"][:30]}}
        (self.folder / "slow.json").write_text(json.dumps(measured))
        slower = self.check("--costs", self.folder / "slow.json")
        self.assertEqual(slower.code, 1, slower.err)
        self.assertRegex(slower.out + slower.err, r"changed: costs")
        self.assertRegex(slower.out + slower.err, r"makespan")

    def test_diff_and_explain(self):
        self.place("--method", "single")
        self.place("--method", "round-robin", output="other.onnx")
        text = self.run_ok("placer-apply", "--diff", self.folder / "placed.placement.json",
                           self.folder / "other.placement.json").out
        self.assertIn("makespan", text)
        node = self.sidecar()["placement"][100]["name"]
        text = harness.run("placer-apply", MODEL, "--dim", "batch=1", "--evaluations", 50, "--explain", node)
        self.assertEqual(text.code, 0, text.err)
        self.assertIn(node, text.out)
        self.assertIn("gpu0", text.out)

    def test_make(self):
        """A rule runs once, and again when a file named by the depfile changed."""
        cluster = self.folder / "cluster.yaml"
        cluster.write_text((harness.ROOT / "configs/clusters/cpu-only.yaml").read_text())
        (self.folder / "model.onnx").write_bytes(MODEL.read_bytes())
        (self.folder / "Makefile").write_text(
            "placed.onnx: model.onnx\n"
            f"\t{harness.BIN}/placer-apply model.onnx --cluster cluster.yaml --method heft --depfile placed.d -o $@\n"
            "-include placed.d\n")

        def make():
            done = subprocess.run(["make"], cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return "placer-apply" in done.stdout

        self.assertTrue(make())
        self.assertFalse(make(), "nothing changed")
        later = (self.folder / "placed.onnx").stat().st_mtime + 2
        os.utime(cluster, (later, later))
        self.assertTrue(make(), "the cluster changed")


def decoder(path):
    """One attention layer of 4 heads of 16 over 64 channels, with the keys and values of the past as inputs."""
    float32, int64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    past = ["batch", 4, "past", 16]
    inputs = [helper.make_tensor_value_info("input_ids", int64, ["batch", "sequence"])]
    inputs += [helper.make_tensor_value_info(f"past_key_values.0.{kind}", float32, past) for kind in ("key", "value")]
    weights = {"table": (100, 64), "wq": (64, 64), "wk": (64, 64), "wv": (64, 64)}
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x"])]
    nodes += [helper.make_node("MatMul", ["x", f"w{name}"], [name]) for name in "qkv"]
    nodes += [helper.make_node("Attention", ["q", "k", "v", "", "past_key_values.0.key", "past_key_values.0.value"],
                               ["y", "present_key", "present_value"], q_num_heads=4, kv_num_heads=4)]
    outputs = [helper.make_tensor_value_info(name, float32, None) for name in ("y", "present_key", "present_value")]
    initializers = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "decoder", inputs, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11), path)


class PlacerEmbed(harness.TestCase):
    def test_kv_cache(self):
        """Keys and values of 4 x 16 floats a token; a prompt of 8 tokens and the next token, worked out by hand."""
        model = self.folder / "decoder.onnx"
        decoder(model)
        text = self.run_ok("placer-embed", model, "--kv-cache", 8, "--kv-cache", 128).out
        self.assertRegex(text, r"1 layers, 'past_key_values.0' first")
        self.assertRegex(text, r"a token +512 B")
        self.assertRegex(text, r"128 tokens +64(\.0)? KiB")
        # Multiply-adds: 3 x 64 x 64 a token for the projections, 4 x (16 + 16) for each query and key.
        self.assertRegex(text, r"prefill +8 +0 +106 k")  # 8 x 12,288 + 8 x 8 x 128
        self.assertRegex(text, r"decode +1 +8 +13.4 k")  # 12,288 + 9 x 128
        self.assertRegex(text, r"decode +1 +128 +28.8 k")

    def test_no_kv_cache(self):
        text = self.run_ok("placer-embed", MODEL, "--kv-cache", 8).out
        self.assertIn("no key-value cache", text)


if __name__ == "__main__":
    harness.main()
