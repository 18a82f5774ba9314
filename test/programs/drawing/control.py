# SPDX-License-Identifier: Apache-2.0
"""Bodies: branches, loops, scans, functions of the model; and sequences."""

import numpy as np
from onnx import helper

from .graph import Graph, Unusable, Value
from .registry import draws

SMOOTH = ["Tanh", "Sigmoid", "Relu", "Neg", "Abs", "Softsign", "Identity"]


def grow(g, nodes, draw_node):
    """Draws nodes into a body, which sees the values around it."""
    for _ in range(nodes):
        try:
            draw_node(g)
        except Unusable:
            pass


def same_dtype(g, dtype):
    """A value made in this body, or one from around it copied."""
    found = [v for v in g.values if v.is_tensor and v.dtype == dtype and v.uses == 0 and v.scope is g]
    return g.choice(found) if found and g.chance(0.9) else g.add("Identity", [g.pick((dtype,), new=0.2)])


def any_draw():
    from . import draw_plain
    return draw_plain


@draws(2)
def branch(g):
    condition = g.pick(("bool",),
                       where=lambda a: a.size == 1 and a.ndim <= 1,
                       rank=(0, 1),
                       shape=None if g.chance(0.5) else ())
    dtype = g.dtype(("float32", "int64"))
    bodies, captured = [], {}
    for name in ("then_branch", "else_branch"):
        body = Graph(g.random, g.opset, g)
        grow(body, g.integer(0, 4), any_draw())
        result = same_dtype(body, dtype)
        bodies.append(body.body(name, [], [result]))
        captured |= body.captured
    g.add("If", [condition], captured=outside(captured, g), then_branch=bodies[0], else_branch=bodies[1])


def outside(captured, g):
    """Those captured values that this graph or one around it holds."""
    return [value for value in captured.values() if value.scope in scopes(g)]


def scopes(g):
    return [] if g is None else [g, *scopes(g.outer)]


def parameter(body, array):
    """An input of a body."""
    value = Value(body.fresh("v"), array, array, scope=body)
    body.values.append(value)
    return value


def next_state(body, state, others):
    """A value of the state's shape that stays small, from the state and others of the same shape."""
    value = state
    for _ in range(body.integer(1, 3)):
        if others and body.chance(0.6):
            value = body.add(body.choice(["Add", "Sub", "Max", "Mul"]), [value, body.choice(others)])
        elif body.chance(0.3):
            value = body.add("Mul", [value, body.leaf(np.float32(0.5))])
        else:
            value = body.add(body.choice(SMOOTH), [value])
    return body.add("Tanh", [value])


def same_shape(g, value):
    return g.existing(("float32",), lambda a: a.shape == value.shape or a.ndim == 0)


@draws(2)
def loop(g):
    state = g.pick(("float32",), rank=(0, 3), where=lambda a: a.size > 0)
    body = Graph(g.random, g.opset, g)
    step, going = parameter(body, np.array(0, np.int64)), parameter(body, np.array(True))
    current = parameter(body, state.array)
    others = same_shape(g, state)
    if body.chance(0.3):
        others.append(body.add("Cast", [step], to=1))
    after = next_state(body, current, others)
    if g.chance(0.4):
        limit = body.leaf(np.array(g.integer(0, 3), np.int64))
        more = body.add("Less", [step, limit])
    else:
        more = body.add("Identity", [going])
    collected = [body.add(g.choice(SMOOTH), [after])] if g.chance(0.6) else []
    shaped = g.chance(0.5)  # otherwise what no round collects has a shape that only inference tells
    graph = body.body("loop", [step, going, current], [more, after, *collected], shaped)
    count = g.ints(g.integer(0 if g.chance(0.1) and shaped else 1, 4)) if g.chance(0.8) else None
    if count is None and more.array.dtype == bool and "Less" not in [node.op_type for node in body.nodes]:
        count = g.ints(3)
    start = g.leaf(np.array(True), parameter=True) if g.chance(0.5) else None
    g.add("Loop", [count, start, state], 1 + len(collected), captured=outside(body.captured, g), body=graph)


@draws(1.5)
def scan(g):
    xs = g.pick(("float32",), rank=(1, 3), where=lambda a: a.size > 0)
    axis = g.integer(0, xs.rank - 1)
    row = np.asarray(np.take(xs.array, 0, axis))
    state = g.pick(("float32",), shape=row.shape, new=0.3)
    body = Graph(g.random, g.opset, g)
    current, element = parameter(body, state.array), parameter(body, row)
    after = next_state(body, current, [element, *same_shape(g, current)])
    given = body.add(g.choice(SMOOTH), [after])
    graph = body.body("scan", [current, element], [after, given], shaped=True)
    attributes = {"scan_input_axes": [g.negative(axis, xs.rank)]} if axis or g.chance(0.3) else {}
    attributes |= g.some(scan_input_directions=[1], scan_output_directions=[1])
    g.add("Scan", [state, xs], 2, captured=outside(body.captured, g), body=graph, num_scan_inputs=1, **attributes)


@draws(1)
def local_function(g):
    """A function of the model, called once or twice."""
    x = g.pick(("float32",), where=lambda a: a.size > 0)
    body = Graph(g.random, g.opset, g)
    body.visible = lambda: body.values  # a function sees nothing around it
    formal = parameter(body, x.array)
    value = formal
    attribute = None
    for _ in range(g.integer(1, 4)):
        value = body.add(body.choice(SMOOTH + ["Exp", "Softmax"] if x.rank else SMOOTH), [value])
        if body.chance(0.4):
            value = body.add(body.choice(["Add", "Mul"]),
                             [value, body.choice([formal, body.leaf(np.float32(0.75), fixed=True)])])
    if g.chance(0.4):
        attribute = "slope"
        value = body.add("LeakyRelu", [value], alpha=0.25)
        body.nodes[-1].attribute[0].ClearField("f")
        body.nodes[-1].attribute[0].ref_attr_name = attribute
    for tensor in body.initializers:  # functions have none
        body.nodes.insert(0, helper.make_node("Constant", [], [tensor.name], value=tensor))
    name = g.fresh("Function")
    g.shared.functions.append(
        helper.make_function("local", name, [formal.name], [value.name], body.nodes, [helper.make_opsetid("", g.opset)],
                             [attribute] if attribute else []))
    for _ in range(g.integer(1, 2)):
        x = g.add(name, [x], domain="local", **({attribute: g.choice([0.25, 0.5])} if attribute else {}))


def taken(g, sequence, dtype):
    """Something of a sequence, so that its elements come out of the graph."""
    how = g.integer(0, 2)
    length = len(sequence.array)
    if how == 0:
        g.add("SequenceLength", [sequence])
    if how < 2 or len({array.shape for array in sequence.array}) > 1:
        g.add("SequenceAt", [sequence, g.ints(g.integer(-length, length - 1))])
    else:
        new_axis = g.chance(0.4) or sequence.array[0].ndim == 0
        rank = sequence.array[0].ndim + new_axis
        g.add("ConcatFromSequence", [sequence],
              axis=g.integer(-rank, rank - 1),
              **({
                  "new_axis": 1
              } if new_axis else {}))


@draws(2)
def sequence(g):
    x = g.pick(("float32", "int64"), rank=(0, 3))
    found = g.existing((x.dtype,), lambda a: a.ndim == x.rank)
    parts = [x, *(g.choice(found) for _ in range(g.integer(0, 3)) if found)]
    whole = g.add("SequenceConstruct", parts)
    for _ in range(g.integer(0, 2)):
        length = len(whole.array)
        if g.chance(0.5) or length == 1:
            place = [g.ints(g.integer(-length, length))] if g.chance(0.6) else []
            whole = g.add("SequenceInsert", [whole, g.choice(parts), *place])
        else:
            whole = g.add("SequenceErase",
                          [whole] + ([g.ints(g.integer(-length, length - 1))] if g.chance(0.6) else []))
    taken(g, whole, x.dtype)


@draws(1)
def split_to_sequence(g):
    x = g.pick(("float32", "int64", "float64"), rank=(1, 3), where=lambda a: a.size > 0)
    axis = g.integer(0, x.rank - 1)
    size = x.shape[axis]
    how = g.integer(0, 2)
    first = g.integer(1, size)
    sizes = [] if how == 0 else [g.ints(first)
                                ] if how == 1 else [g.ints([first, size - first] if first < size else [size])]
    attributes = {"axis": g.negative(axis, x.rank)} | (g.some(keepdims=0) if not sizes else {})
    taken(g, g.add("SplitToSequence", [x, *sizes], **attributes), x.dtype)
