# SPDX-License-Identifier: Apache-2.0
"""placer-apply --run: reports, failures and sources of times, with a worker that runs nothing (Report) and with
allot-worker itself (Worker)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import harness

FAKE = harness.ROOT / "test/measure/fake_worker.py"
CPUS = """schema: allot.cluster/1
devices:
  - {name: left, kind: cpu, preset: epyc-7763, memory: 8GiB}
  - {name: right, kind: cpu, preset: epyc-7763, memory: 8GiB}
links: {default: {bandwidth: 10GB/s, latency: 2us}}
"""
ONE = """schema: allot.cluster/1
devices: [{name: cpu0, kind: cpu, preset: epyc-7763, memory: 8GiB}]
"""
GPUS = CPUS.replace("kind: cpu, preset: epyc-7763", "kind: cuda, preset: a100-40")
SIZE = 256


def two_branches(path, steps=3):
    """x through two chains of products that do not know of each other, and their sum: y."""
    random = np.random.default_rng(0)
    nodes, weights, ends = [], [], []
    for branch in "ab":
        value = "x"
        for step in range(steps):
            name = f"{branch}{step}"
            weight = random.standard_normal((SIZE, SIZE)).astype(np.float32) / SIZE ** 0.5
            weights.append(numpy_helper.from_array(weight, name + "_w"))
            nodes.append(helper.make_node("MatMul", [value, name + "_w"], [name + "_p"], name + "_product"))
            nodes.append(helper.make_node("Relu", [name + "_p"], [name], name + "_relu"))
            value = name
        ends.append(value)
    nodes.append(helper.make_node("Add", ends, ["y"], "sum"))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", SIZE]) for name in "xy"]
    graph = helper.make_graph(nodes, "branches", values[:1], values[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


class Runs(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model, self.placed, self.cluster = (self.folder / name for name in ("m.onnx", "placed.onnx", "c.yaml"))
        two_branches(self.model)
        self.cluster.write_text(CPUS)
        self.env = {}

    def place(self, cluster=CPUS):
        """Branch a on the first device, the rest on the second."""
        self.cluster.write_text(cluster)
        nodes = [node.name for node in onnx.load(self.model).graph.node]
        flags = ["--cluster", self.cluster, "--dim", "batch=4", "--colocation", "none"]
        stored = self.choose_placement(self.model, flags, lambda _, i, op: "left" if op["name"][0] == "a" else "right")
        self.assertEqual(len(nodes), len(json.loads(stored.read_text())["placement"]))
        self.run_ok("placer-apply", self.model, *flags, "--placement", stored, "-o", self.placed)

    def run_placed(self, *args, code=0, **env):
        harness.CHECKED["runs"] += 1
        outcome = harness.run("placer-apply", self.placed, "--run", *args, env={**self.env, **env})
        self.assertEqual(outcome.code, code, f"{outcome.command}\n{outcome.out}\n{outcome.err}")
        return outcome

    def check_faults(self):
        """A node that crashes, runs out of memory or never ends fails the placement, with a line and a code."""
        for fault, code, text in (("kill:2", 1, "killed by signal 9"), ("memory:2", 71, "emory"),
                                  ("hang:2", 1, "gave no answer in the time that it has")):
            with self.subTest(fault):
                timeout = ["--timeout", "3s"] if fault.startswith("hang") else []
                outcome = self.run_placed(*timeout, code=code, ALLOT_RUN_FAULT=fault)
                self.assertIn("the placement failed: ", outcome.err)
                self.assertIn(text, outcome.err)
                self.assertEqual(len(outcome.err.splitlines()), 1, outcome.err)
                self.assertEqual(outcome.out, "")
                self.assertLess(outcome.seconds, 30)


class Report(Runs):
    def setUp(self):
        super().setUp()
        version = self.run_ok("placer-apply", "--version").out.split()[1]
        self.env = {"ALLOT_WORKER": str(FAKE), "ALLOT_FAKE_VERSION": version}

    def test_json_and_trace(self):
        self.place()
        trace = self.folder / "t.json"
        result = json.loads(self.run_placed("--json", "--repeat", 6, "--run-trace", trace).out)
        self.assertEqual(result["schema"], "allot.run/1")
        self.assertEqual(result["placement"], "annotated")
        self.assertAlmostEqual(result["measured_us"], 260)  # 13 nodes of 10 us, once to three times as long
        self.assertEqual(len(result["seconds"]), 6)
        self.assertGreater(result["simulated_us"], 0)
        self.assertEqual([(d["device"], d["busy_us"]) for d in result["devices"]], [("left", 60), ("right", 70)])
        self.assertTrue(all(d["simulated_busy_us"] > 0 and d["simulated_peak_bytes"] > 0 for d in result["devices"]))
        self.assertEqual({n["name"]: n["device"] for n in result["nodes"]}["a1_product"], "left")
        self.assertEqual(len(result["nodes"]), 13)
        self.assertEqual([(t["from"], t["to"]) for t in result["transfers"]], [("left", "right")])
        slices = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
        self.assertEqual(len(slices), 13)
        self.assertEqual([s["name"] for s in slices if s["ts"] == 0], ["a0_product"])

    def test_text(self):
        self.place()
        text = self.run_placed().out
        for part in ("placed (annotated)", "outputs: 1 values, the same bits as on one device", "left", "a0_product", "transfer"):
            self.assertIn(part, text)
        self.assertIn("NOT as on one device", self.run_placed(code=1, ALLOT_FAKE_WORKER="differs").out)

    def test_faults(self):
        self.place()
        self.check_faults()

    def test_worker_must_be_there(self):
        self.place()
        self.assertIn("ALLOT_LEARN=ON", self.run_placed(code=69, ALLOT_WORKER="/nowhere/allot-worker").err)
        self.assertIn("is of version 9.9.9", self.run_placed(code=69, ALLOT_FAKE_WORKER="old").err)
        self.run_placed(code=65, ALLOT_FAKE_WORKER="garbage")

    def test_devices_that_are_not_there(self):
        self.place(GPUS)
        self.assertIn("--emulate", self.run_placed(code=69).err)
        self.run_placed("--emulate")

    def test_where_the_placement_comes_from(self):
        self.place()
        (self.folder / "placed.placement.json").rename(self.folder / "away.json")
        self.assertIn("--cluster", self.run_placed(code=78).err)
        self.assertIn("annotated", self.run_placed("--cluster", self.cluster).out)
        self.assertIn("stored", self.run_placed("--placement", self.folder / "away.json").out)
        outcome = harness.run("placer-apply", self.model, "--run", "--cluster", self.cluster, "--method", "round-robin",
                              "--dim", "batch=4", env=self.env)
        self.assertIn("placed (round-robin)", outcome.out, outcome.err)
        partly = onnx.load(self.placed)
        del partly.graph.node[3].metadata_props[:]
        onnx.save(partly, self.placed)
        self.assertIn("has no device", self.run_placed("--cluster", self.cluster, code=78).err)

    def test_wrong_use(self):
        self.place()
        for args in (["--runner", "command"], ["--reward-command", "x {model}"], ["-o", self.folder / "o.onnx"],
                     ["--runner", "command", "--reward-command", "bench"], ["--runner", "ort", "--emulate"],
                     ["--runner", "ort", "--run-trace", self.folder / "t.json"], ["--repeat", "0"], ["--inline-functions"]):
            with self.subTest(args):
                self.run_placed(*args, code=64)

    def test_command(self):
        self.place()
        count = "grep -c allot.d1 {model} >/dev/null; echo 0.125"
        result = json.loads(self.run_placed("--runner", "command", "--reward-command", count, "--json").out)
        self.assertEqual(result["measured_us"], 125000)
        self.assertNotIn("check", result)
        failed = self.run_placed("--runner", "command", "--reward-command", "echo {model} is slow", code=1)
        self.assertIn("is slow' as its last line, which is no time", failed.err)

    def test_onnx_runtime(self):
        self.cluster.write_text(ONE)
        outputs, inputs = self.folder / "y.safetensors", self.folder / "x.npy"
        x = np.random.default_rng(1).standard_normal((4, SIZE)).astype(np.float32)
        np.save(inputs, x)
        outcome = self.run_ok("placer-apply", self.model, "--run", "--runner", "ort", "--python", sys.executable,
                              "--cluster", self.cluster, "--dim", "batch=4", "--inputs", inputs, "--outputs", outputs,
                              "--repeat", 3, "--json")
        result = json.loads(outcome.out)
        self.assertTrue(result["check"]["ok"])
        self.assertEqual(len(result["seconds"]), 3)
        expected = onnxruntime.InferenceSession(str(self.model), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        np.testing.assert_allclose(harness.read_safetensors(outputs)[0]["y"], expected, rtol=1e-5, atol=1e-5)
        self.place()  # two devices of one provider
        self.run_placed("--runner", "ort", "--python", sys.executable, code=69)

    def test_only_the_first_of_many_processes_reports(self):
        self.place()
        trace = self.folder / "t.json"
        self.assertEqual(self.run_placed("--run-trace", trace, OMPI_COMM_WORLD_RANK="1").out, "")
        self.assertFalse(trace.exists())
        self.assertNotEqual(self.run_placed("--run-trace", trace, OMPI_COMM_WORLD_RANK="0").out, "")
        self.assertTrue(trace.exists())

    def test_interrupted(self):
        """The worker ends with the command."""
        self.place()
        process = subprocess.Popen([harness.BIN / "placer-apply", self.placed, "--run"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env={**os.environ, **self.env, "ALLOT_RUN_FAULT": "hang:0"})
        workers = []
        for _ in range(200):
            time.sleep(0.05)
            workers = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True,
                                     text=True).stdout.split()
            if workers:
                break
        self.assertEqual(len(workers), 1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        self.assertEqual(process.wait(timeout=30), 130)
        self.assertLess(time.monotonic() - start, 5)
        self.assertFalse(os.path.exists(f"/proc/{workers[0]}"))


@unittest.skipUnless((harness.BIN / "allot-worker").exists(), "built without the learn library")
class Worker(Runs):
    def test_outputs(self):
        self.place()
        outputs = self.folder / "y.safetensors"
        x = np.random.default_rng(1).standard_normal((4, SIZE)).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        result = json.loads(self.run_placed("--inputs", self.folder / "x.npy", "--outputs", outputs, "--json").out)
        self.assertTrue(result["check"]["ok"])
        self.assertEqual({d["device"] for d in result["devices"]}, {"left", "right"})
        self.assertTrue(all(d["peak_bytes"] > 0 and d["busy_us"] > 0 for d in result["devices"]))
        self.assertIn(("left", "right", 4 * SIZE * 4), [(t["from"], t["to"], t["bytes"]) for t in result["transfers"]])
        expected = onnxruntime.InferenceSession(str(self.model), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        np.testing.assert_allclose(harness.read_safetensors(outputs)[0]["y"], expected, rtol=1e-4, atol=1e-4)

    def test_training_and_trace(self):
        self.place()
        trace = self.folder / "t.json"
        result = json.loads(self.run_placed("--workload", "training", "--run-trace", trace, "--json").out)
        self.assertTrue(result["check"]["ok"])
        kinds = {event.get("cat") for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"}
        self.assertLessEqual({"MatMul", "Relu", "Add", "copy", "backward"}, kinds)

    def test_emulated_accelerators(self):
        self.place(GPUS)
        self.run_placed("--emulate")

    def test_faults(self):
        self.place()
        self.check_faults()
        self.run_placed()

    def run_ranks(self, count, *args, **env):
        harness.CHECKED["runs"] += 1
        allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # of tests in containers
        return subprocess.run(["mpirun", "--oversubscribe", "-n", str(count), harness.BIN / "placer-apply", self.placed,
                               "--run", "-q", *args], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **allowed, **env})

    @unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
    def test_a_rank_for_each_device(self):
        self.place()
        for workload in ("inference", "training"):
            one, two = self.folder / "one.safetensors", self.folder / "two.safetensors"
            self.run_placed("--workload", workload, "--outputs", one, "--force")
            outcome = self.run_ranks(2, "--workload", workload, "--outputs", two, "--force", "--json")
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
            result = json.loads(outcome.stdout)
            self.assertTrue(result["check"]["ok"])
            self.assertTrue(all(d["peak_bytes"] > 0 and d["busy_us"] > 0 for d in result["devices"]))
            self.assertEqual(one.read_bytes(), two.read_bytes())

    @unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
    def test_ranks_that_fail(self):
        self.place()
        self.assertIn("use mpirun -n 2", self.run_ranks(3).stderr)
        for fault in ("memory:2", "kill:2"):
            with self.subTest(fault):
                outcome = self.run_ranks(2, "--timeout", "20s", ALLOT_RUN_FAULT=fault)
                self.assertNotEqual(outcome.returncode, 0)
                self.assertIn("the placement failed: ", outcome.stderr)


if __name__ == "__main__":
    harness.main()
