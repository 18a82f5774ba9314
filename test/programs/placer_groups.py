# SPDX-License-Identifier: Apache-2.0
"""The groups in which a hierarchical policy placed operations: in sidecars and placed models until --strip."""

import collections
import json

import onnx

import harness

TWO = harness.ROOT / "configs/clusters/two-gpu.yaml"
SMALL = ["--network.hidden", 16, "--network.rounds", 1, "--network.groups", 16, "--learning.imitation", 2,
         "--learning.placements", 8, "--learning.polished", 1, "--compare", "none"]
# Knows a placement that no constructive method finds, so that searches begin with what it proposes.
TAUGHT = ["--learning.teacher", 3000, "--learning.imitation", 30, "--updates", 40]


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
        devices, whole = collections.defaultdict(set), collections.defaultdict(set)
        for op in ops:
            self.assertEqual(nodes[op["index"]], op.get("group"))
            if "group" in op:
                devices[op["group"]].add(op["device"])
                whole[op["group"].partition("/")[0]].add(op["device"])
        for group, on in devices.items():
            self.assertEqual(len(on), 1, f"group {group} is on {on}")
            number, _, part = group.partition("/")
            self.assertLess(int(number), 16)
            self.assertEqual(part, on.pop() if len(whole[number]) > 1 else "")
        return [op.get("group") for op in ops]

    def test_apply(self):
        policy = self.train("hierarchical", *TAUGHT) / "policy.safetensors"
        placed = self.folder / "placed.onnx"
        command = [self.model, "--cluster", TWO, "--policy", policy, "--evaluations", 2000]
        self.run_ok("placer-apply", *command, "--method", "policy", "-o", placed)
        groups = self.check_groups(placed)
        self.assertGreater(len(set(groups)), 2)
        self.assertTrue(all(groups))

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

    def test_which_groups(self):
        """They are those of a proposal, which placer-embed tells of the likeliest."""
        policy = self.train("hierarchical", *TAUGHT) / "policy.safetensors"
        placed, learned = self.folder / "placed.onnx", self.folder / "learned.safetensors"
        command = [self.model, "--cluster", TWO, "--policy", policy]
        self.run_ok("placer-embed", *command, "-o", learned)
        tensors, _ = harness.read_safetensors(learned)
        first_op = [list(tensors["unit_of_op"]).index(unit) for unit in range(len(tensors["device"]))]
        answer = harness.proposals(policy, self.model, f"cluster: {TWO}\n", 64)
        self.assertEqual(answer["placements"][0]["devices"], list(tensors["device"]))
        self.assertEqual(answer["groupings"][0]["groups"], list(tensors["group"]))
        for method, evaluations in (("policy", 1000), ("policy", 2000), ("policy", 4000), ("auto", 8000)):
            self.run_ok("placer-apply", *command, "--method", method, "--evaluations", evaluations, "-o", placed,
                        "--force")
            groups = self.check_groups(placed)
            if any(groups):  # else the search began with what a constructive method gave
                numbers = [int(groups[op].partition("/")[0]) for op in first_op]
                self.assertIn(numbers, [grouping["groups"] for grouping in answer["groupings"]])
                harness.CHECKED["placements made from proposals"] += 1
        self.assertGreater(harness.CHECKED["placements made from proposals"], 0)

    def test_train(self):
        """What training found by sampling and searching has groups; what a constructive method gave has none."""
        groups = self.check_groups(self.train("hierarchical", "--evaluations", 1500) / "net.onnx")
        self.assertGreater(len([group for group in groups if group]), 100)
        self.assertEqual(set(self.check_groups(self.train("flat", "--evaluations", 1500) / "net.onnx")), {None})
        seeds = self.train("iclr2018", "--evaluations", 1)
        self.assertEqual(set(self.check_groups(seeds / "net.onnx")), {None})


if __name__ == "__main__":
    harness.main()
