# SPDX-License-Identifier: Apache-2.0
"""Writes a published cost graph as files that placer-apply reads.

`stem`.onnx holds the structure (nodes allot.Work), `stem`.costs.json the times and sizes, `stem`.cluster.yaml the
machine and, where ops must share a device, `stem`.constraints.yaml the groups:

    placer-apply stem.onnx --costs stem.costs.json --cluster stem.cluster.yaml [--constraints stem.constraints.yaml]
"""

import dataclasses
import json
import pathlib

import onnx
from onnx import helper


@dataclasses.dataclass
class Op:
    name: str
    reads: list  # names of ops, without duplicates
    output_bytes: int
    time_us: list  # by column; None = cannot run there
    resident_bytes: int = 0
    group: object = None  # ops of one group share a device


def ordered(ops):
    """Makers before readers, else as given. Raises ValueError on a cycle."""
    by_name, done, order = {op.name: op for op in ops}, set(), []
    for start in ops:
        stack = [start]
        while stack:
            op = stack[-1]
            missing = [name for name in op.reads if name not in done]
            if not missing:
                stack.pop()
                if op.name not in done:
                    done.add(op.name)
                    order.append(op)
            elif len(stack) > len(ops):
                raise ValueError(f"a cycle leads through {op.name}")
            else:
                stack.append(by_name[missing[0]])
    return order


def model(ops, title):
    """Each op makes one tensor of bytes, named like it; what nobody reads is an output."""
    ops = ordered(ops)
    info = {op.name: helper.make_tensor_value_info(op.name, onnx.TensorProto.UINT8, [op.output_bytes]) for op in ops}
    read = {name for op in ops for name in op.reads}
    nodes = [helper.make_node("Work", op.reads or ["start"], [op.name], name=op.name, domain="allot") for op in ops]
    graph = helper.make_graph(nodes, title, [helper.make_tensor_value_info("start", onnx.TensorProto.UINT8, [1])],
                              [info[op.name] for op in ops if op.name not in read],
                              value_info=[info[op.name] for op in ops if op.name in read])
    return helper.make_model(graph, ir_version=10,
                             opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("allot", 1)])


def write(stem, ops, columns, cluster):
    """columns: device names or kinds of the times; cluster: text of the cluster file."""
    stem = pathlib.Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_name(stem.name + ".onnx").write_bytes(model(ops, stem.name).SerializeToString())
    costs = {"schema": "allot.costs/1", "key": "node", "devices": columns,
             "ops": {op.name: {"time_us": op.time_us, "workspace_bytes": 0, "resident_bytes": op.resident_bytes}
                     for op in ops},
             "tensors": {op.name: {"bytes": op.output_bytes} for op in ops}}
    stem.with_name(stem.name + ".costs.json").write_text(json.dumps(costs, indent=1) + "\n")
    stem.with_name(stem.name + ".cluster.yaml").write_text(cluster)
    groups = {}
    for op in ops:
        if op.group is not None:
            groups.setdefault(op.group, []).append(op.name)
    rules = [json.dumps([f"^{name}$" for name in names]) for names in groups.values() if len(names) > 1]
    if rules:
        stem.with_name(stem.name + ".constraints.yaml").write_text(
            "schema: allot.constraints/1\ncolocate:\n" + "".join(f"  - {rule}\n" for rule in rules))
