# SPDX-License-Identifier: Apache-2.0
"""What scripts/convert_*.py write means to placer-apply what the published graphs mean to their authors."""

import json
import subprocess
import sys

import harness

SCRIPTS = harness.ROOT / "scripts"


class DnnPartitioning(harness.TestCase):
    """Between two accelerators a result passes the host: the second half of its way begins when the first has ended,
    and meanwhile the first wire takes the next result."""

    def setUp(self):
        super().setUp()
        node = {"cpuLatency": 50, "fpgaLatency": 1, "supportedOnFpga": True, "size": 3}
        instance = {"maxFPGAs": 2, "maxSizePerFPGA": 10**9,
                    "nodes": [{"id": i, **node} for i in range(3)] + [{"id": 3, **node, "supportedOnFpga": False}],
                    "edges": [{"sourceId": 0, "destId": 2, "cost": 5}, {"sourceId": 1, "destId": 2, "cost": 5},
                              {"sourceId": 2, "destId": 3, "cost": 2}]}
        source = self.folder / "made"
        source.mkdir()
        (source / "four.json").write_text(json.dumps(instance))
        subprocess.run([sys.executable, SCRIPTS / "convert_dnn_partitioning.py", source / "four.json", self.folder], check=True)
        self.stem = self.folder / "made-four"

    def place(self, **devices):
        rules = "".join(f"  - {{match: '^{op}$', device: {device}}}\n" for op, device in devices.items())
        (self.folder / "pins.yaml").write_text("schema: allot.constraints/1\npin:\n" + rules)
        trace = self.folder / "trace.json"
        outcome = self.run_ok("placer-apply", f"{self.stem}.onnx", "--costs", f"{self.stem}.costs.json", "--cluster",
                              f"{self.stem}.cluster.yaml", "--constraints", self.folder / "pins.yaml", "--colocation", "none",
                              "--json", "--trace", trace, "--force")
        wires = sorted((event["ts"] / 1000, event["dur"] / 1000) for event in json.loads(trace.read_text())["traceEvents"]
                       if event["ph"] == "X" and event["pid"] == 2)
        return json.loads(outcome.out)["metrics"]["makespan_us"] / 1000, wires

    def test_through_the_host(self):
        makespan_ms, _ = self.place(n0="acc0", n1="acc0", n2="acc1", n3="cpu0")
        # 0 to 1 and 1 to 2: ops; 1 to 6 and 6 to 11: first wire; 6 to 11 and 11 to 16: second; op to 17; 2 to the host; op.
        self.assertAlmostEqual(makespan_ms, 17 + 2 + 50)

    def test_to_the_host(self):
        makespan_ms, wires = self.place(n0="acc0", n1="acc0", n2="acc0", n3="cpu0")
        self.assertAlmostEqual(makespan_ms, 3 + 2 + 50)
        self.assertEqual(wires, [(3, 2)])

    def test_what_no_accelerator_supports_stays_on_the_host(self):
        refused = harness.run("placer-apply", f"{self.stem}.onnx", "--costs", f"{self.stem}.costs.json", "--cluster",
                              f"{self.stem}.cluster.yaml", "--json", "--objective", "devices", "--force")
        self.assertEqual(refused.code, 0, refused.err)
        costs = json.loads((self.folder / "made-four.costs.json").read_text())
        self.assertEqual(costs["ops"]["n3"]["time_us"], [50000, None])
        self.assertEqual(costs["ops"]["n0"]["resident_bytes"], 3)


if __name__ == "__main__":
    harness.main()
