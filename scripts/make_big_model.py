#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a model of many operators, for measuring speed: residual blocks of ten operators, three branches each.

    make_big_model.py OPS OUTPUT.onnx

x [32, 256] runs through OPS / 10 blocks y = x + sum over branches of relu(x w + b); the weights are shared.
"""

import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

BRANCHES, WIDTH = 3, 256


def block(number, x, y):
    nodes, ends = [], []
    for branch in range(BRANCHES):
        at = f"block{number}/branch{branch}/"
        nodes += [helper.make_node("MatMul", [x, f"w{branch}"], [at + "product"], name=at + "MatMul"),
                  helper.make_node("Add", [at + "product", f"b{branch}"], [at + "sum"], name=at + "Add"),
                  helper.make_node("Relu", [at + "sum"], [at + "relu"], name=at + "Relu")]
        ends.append(at + "relu")
    return nodes + [helper.make_node("Sum", [x, *ends], [y], name=f"block{number}/Sum")]


def big_model(ops):
    blocks = max(1, ops // (3 * BRANCHES + 1))
    values = ["x", *(f"block{number}" for number in range(blocks - 1)), "y"]
    nodes = [node for number in range(blocks) for node in block(number, values[number], values[number + 1])]
    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(array.astype(np.float32), f"{name}{branch}") for branch in range(BRANCHES)
               for name, array in (("w", 0.01 * random.standard_normal((WIDTH, WIDTH))), ("b", np.zeros(WIDTH)))]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [32, WIDTH]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "big", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    with open(sys.argv[2], "wb") as file:
        file.write(big_model(int(sys.argv[1])).SerializeToString())
