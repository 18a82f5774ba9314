# SPDX-License-Identifier: Apache-2.0
"""Operators along axes: reductions, arguments of extremes, running sums, the softmax family."""

from .elementwise import in_range
from .graph import FLOATS
from .registry import draws

SINGLE = ("float32", "float64")
TYPES = {
    "ReduceMax": ("float32", "float64", "float16", "int32", "int64", "int8", "uint8"),
    "ReduceSum": ("float32", "float64", "int32", "int64"),
    "ReduceMean": ("float32", "float64", "int32"),
    "ReduceProd": ("float32", "int32", "int64"),
    "ReduceLogSumExp": SINGLE,
    "ReduceLogSum": SINGLE,
    "ReduceL1": ("float32", "int32"),
    "ReduceL2": ("float32", "int32"),
    "ReduceSumSquare": ("float32", "float64", "int32")
}
TYPES["ReduceMin"] = TYPES["ReduceMax"]


def some_axes(g, rank, least=1):
    """Distinct axes in any order, each from the front or from the end."""
    count = g.integer(min(least, rank), rank)
    return [g.negative(int(axis), rank) for axis in g.random.permutation(rank)[:count]]


def axis_of(g, value):
    return g.negative(g.integer(0, value.rank - 1), value.rank)


@draws(8)
def reduce(g):
    """Of nothing, ONNX Runtime keeps the shape as it is."""
    op_type = g.choice(sorted(TYPES))
    least, most = (0.1, 1e9) if op_type == "ReduceLogSum" else (-20, 20) if op_type == "ReduceLogSumExp" else (-1e9,
                                                                                                               1e9)
    x = g.pick(TYPES[op_type], where=lambda a: a.size > 0 and in_range(least, most)(a), least=max(least, -2))
    axes = some_axes(g, x.rank) if g.chance(0.8) else None
    attributes = g.some(keepdims=g.integer(0, 1))
    inputs = [x]
    if g.opset >= (13 if op_type == "ReduceSum" else 18):
        if axes is not None or g.chance(0.2):
            inputs.append(g.ints(axes or []))
        if not axes:
            attributes |= g.some(noop_with_empty_axes=1)
    elif axes:
        attributes["axes"] = axes
    g.add(op_type, inputs, **attributes)


@draws(1, since=20)
def reduce_bool(g):
    x = g.pick(("bool",), rank=(1, 5), where=lambda a: a.size > 0)
    g.add(g.choice(["ReduceMax", "ReduceMin"]), [x, g.ints(some_axes(g, x.rank))], **g.some(keepdims=0))


@draws(2)
def extreme(g):
    x = g.pick(("float32", "float64", "int32", "int8", "uint8"), rank=(1, 5), where=lambda a: a.size > 0)
    g.add(g.choice(["ArgMax", "ArgMin"]), [x], **g.some(axis=axis_of(g, x), keepdims=0, select_last_index=1))


@draws(2)
def top_k(g):
    x = g.pick(("float32", "float64", "int32", "int64"), rank=(1, 4))
    axis = axis_of(g, x)
    k = g.ints([g.integer(0 if g.chance(0.1) else min(1, x.shape[axis]), x.shape[axis])])
    g.add("TopK", [x, k], 2, axis=axis, **g.some(largest=0))


@draws(2)
def running(g):
    op_type = "CumProd" if g.opset >= 26 and g.chance(0.3) else "CumSum"
    x = g.pick(("float32", "float64", "int32", "int64"), rank=(1, 4))
    axis = g.leaf(g.array("int64", ()) * 0 + axis_of(g, x), parameter=True)
    g.add(op_type, [x, axis], **g.some(exclusive=1, reverse=1))


@draws(4)
def soft_maximum(g):
    op_type = g.choice(["Softmax", "LogSoftmax", "Hardmax"])
    x = g.pick(("float32", "float64") if op_type != "Hardmax" else ("float32",), rank=(1, 5), where=in_range(-50, 50))
    g.add(op_type, [x], **g.some(axis=axis_of(g, x)))


@draws(0.7)
def lp_normalization(g):
    x = g.pick(("float32", "float64"), rank=(1, 4), where=lambda a: a.size > 0)
    g.add("LpNormalization", [x], **g.some(axis=axis_of(g, x), p=1))


@draws(0.7)
def mean_variance(g):
    x = g.pick(("float32",), rank=4, where=lambda a: a.size > 0)
    g.add("MeanVarianceNormalization", [x], axes=sorted(axis % 4 for axis in some_axes(g, 4)))


@draws(0.5)
def size_of(g):
    x = g.pick(FLOATS + ("int32", "int64", "bool"))
    attributes = g.some(start=g.integer(-2, 2), end=g.integer(-2, 4)) if g.opset >= 15 else {}
    if g.chance(0.3):
        g.add("Size", [x])
    else:
        g.add("Shape", [x], **attributes)
