# SPDX-License-Identifier: Apache-2.0
"""The groups in which a hierarchical policy placed operations: in sidecars and placed models until --strip."""

import collections
import json

import onnx

import harness

TWO = harness.ROOT / "configs/clusters/two-gpu.yaml"
SMALL = ["--network.hidden", 16, "--network.rounds", 1, "--network.groups", 16, "--learning.imitation", 2,
         "--learning.placements", 8, "--learning.polished", 1, "--compare", "none"]


def groups_of(model):
    """allot.group by node, in file order; None without one."""
    nodes = onnx.load(model, load_external_data=False).graph.node
    return [{entry.key: entry.value for entry in node.metadata_props}.get("allot.group") for node in nodes]


class PlacerGroups(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "net.onnx"
        self.run_ok("placer-embed", "--gen", "layered:ops=120,width=6,comm=4,seed=3", "-o", self.model)

    def train(self, policy, *args):
        run = self.folder / policy
        self.run_ok("placer-train", self.model, "--cluster", TWO, "--policy", policy, *SMALL, *args, "-o", run)
        return run / "best"

    def check_groups(self, model):
        """Sidecar and nodes tell the same groups, and each is on one device. Returns them by op."""
        ops = json.loads(model.with_suffix(".placement.json").read_text())["placement"]
        nodes = groups_of(model)
        devices = collections.defaultdict(set)
        for op in ops:
            self.assertEqual(nodes[op["index"]], op.get("group"))
            devices[op.get("group")].add(op["device"])
        for group, on in devices.items():
            if group is not None:
                self.assertEqual(len(on), 1, f"group {group} is on {on}")
                number, _, part = group.partition("/")
                self.assertLess(int(number), 16)
                self.assertIn(part, ("", *on))
        return [op.get("group") for op in ops]

    def test_apply(self):
        policy = self.train("hierarchical", "--updates", 3) / "policy.safetensors"
        placed = self.folder / "placed.onnx"
        command = [self.model, "--cluster", TWO, "--policy", policy, "--evaluations", 2000]
        self.run_ok("placer-apply", *command, "--method", "policy", "-o", placed)
        groups = self.check_groups(placed)
        self.assertGreater(len(set(groups)), 2)
        self.assertGreater(len([group for group in groups if group]), 100)

        with self.subTest("strip takes them out"):
            self.run_ok("placer-apply", placed, "--strip", "-o", self.folder / "plain.onnx")
            self.assert_same_file(self.folder / "plain.onnx", self.model)
        with self.subTest("a stored placement keeps them"):
            again = self.folder / "again.onnx"
            self.run_ok("placer-apply", self.model, "--placement", placed.with_suffix(".placement.json"), "-o", again)
            self.assertEqual(self.check_groups(again), groups)
        with self.subTest("a constructive method's placement has none"):
            heft = self.folder / "heft.onnx"
            self.run_ok("placer-apply", placed, "--cluster", TWO, "--method", "heft", "-o", heft)
            self.assertEqual(set(groups_of(heft)), {None})
        with self.subTest("whether auto's placement stems from the policy decides"):
            self.run_ok("placer-apply", *command, "-o", self.folder / "auto.onnx")
            self.check_groups(self.folder / "auto.onnx")

    def test_train(self):
        """What training found by sampling and searching has groups; what a constructive method gave has none."""
        groups = self.check_groups(self.train("hierarchical", "--evaluations", 1500) / "net.onnx")
        self.assertGreater(len([group for group in groups if group]), 100)
        self.assertEqual(set(self.check_groups(self.train("flat", "--evaluations", 1500) / "net.onnx")), {None})
        seeds = self.train("iclr2018", "--evaluations", 1)
        self.assertEqual(set(self.check_groups(seeds / "net.onnx")), {None})


if __name__ == "__main__":
    harness.main()
