# SPDX-License-Identifier: Apache-2.0
"""`--method auto` is never worse than each method of its portfolio in a process of its own with the same budget and seed."""

import json
import random

import harness
import onnx
from onnx import helper

CLUSTERS = [[], *(["--cluster", harness.ROOT / f"configs/clusters/{name}.yaml"] for name in ("two-gpu", "eight-gpu"))]
OPERATORS = {"MatMul": 2, "Add": 2, "Mul": 2, "Relu": 1, "Softmax": 1, "Transpose": 1}


def random_model(seed):
    """10 to 120 operators on square matrices; each reads values made not long before, so that branches arise."""
    draw = random.Random(seed)
    size, window = draw.choice([16, 128, 512, 2048]), draw.choice([2, 5, 20])
    values, unused, nodes = ["x"], set(), []
    for number in range(draw.randrange(10, 120)):
        operator = draw.choice(list(OPERATORS))
        inputs = [draw.choice(values[-window:]) for _ in range(OPERATORS[operator])]
        unused = unused - set(inputs) | {f"v{number}"}
        nodes.append(helper.make_node(operator, inputs, [f"v{number}"], name=f"{operator}{number}"))
        values.append(f"v{number}")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [size, size]) for name in ["x", *sorted(unused)]]
    graph = helper.make_graph(nodes, f"random{seed}", ends[:1], ends[1:])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()


class AutoNeverWorse(harness.TestCase):
    def score(self, path, method, flags):
        """What placements are compared by: bytes that do not fit, then the makespan; and the methods that ran."""
        out = self.run_ok("placer-apply", path, "--method", method, "--evaluations", 100, "--seed", 3, *flags, "--json").out
        document = json.loads(out)
        metrics = document["metrics"]
        self.assertGreater(metrics["makespan_us"], 0)
        return (metrics["overflow_bytes"], metrics["makespan_us"]), [each["method"] for each in document["methods"]]

    def check(self, path, flags):
        together, methods = self.score(path, "auto", flags)
        alone = {method: self.score(path, method, flags)[0] for method in methods}
        self.assertEqual(together, min(alone.values()), alone)
        harness.CHECKED["graphs on a cluster"] += 1
        harness.CHECKED["not all alike"] += len(set(alone.values())) > 1

    def test_models(self):
        for model in harness.models("trained", "exported", "light", "small"):
            for cluster in CLUSTERS[:2]:
                with self.subTest(model=model.name, cluster=cluster[1:]):
                    self.check(model.path, [*model.dims(), *cluster])

    def test_generated(self):
        for seed in range(200):
            with self.subTest(seed=seed):
                path = self.folder / f"{seed}.onnx"
                path.write_bytes(random_model(seed))
                self.check(path, CLUSTERS[seed % len(CLUSTERS)])


if __name__ == "__main__":
    harness.main()
