# SPDX-License-Identifier: Apache-2.0
"""Operators that move elements, and the arithmetic of shapes."""

import numpy as np
from onnx import numpy_helper

from .graph import ALL, FLOATS
from .reduction import some_axes
from .registry import draws

MOVED = ("float32", "float64", "float16", "int32", "int64", "int8", "uint8", "bool")


def factors(g, count, rank):
    """A shape of `rank` sizes for that many elements."""
    shape = []
    for _ in range(rank - 1):
        divisors = [d for d in range(1, count + 1) if count % d == 0]
        shape.append(g.choice(divisors))
        count //= shape[-1]
    return [*shape, count]


@draws(5)
def reshape(g):
    x = g.pick(MOVED)
    if x.array.size == 0:
        zero_allowed = g.opset >= 14
        target = [0, *[g.integer(1, 4) for _ in range(g.integer(0, 2))]] if zero_allowed else list(x.shape)
        g.add("Reshape", [x, g.ints(target)], **({"allowzero": 1} if zero_allowed else {}))
        return
    target = factors(g, x.array.size, g.integer(1, 4)) if x.array.size > 1 or g.chance(0.7) else []
    written = list(target)
    for axis in range(min(len(target), x.rank)):
        if target[axis] == x.shape[axis] and g.chance(0.4):
            written[axis] = 0
    if written and g.chance(0.5):
        written[g.integer(0, len(written) - 1)] = -1
    g.add("Reshape", [x, g.ints(written)])


@draws(2)
def shape_arithmetic(g):
    """Reshape to what the graph computes from the shape itself: all axes but the first joined."""
    x = g.pick(MOVED, rank=(2, 4), where=lambda a: a.size > 0)
    shape = g.add("Shape", [x])
    first = g.add("Gather", [shape, g.ints(0)], **g.some(axis=0))
    first = g.add("Unsqueeze", [first, g.ints([0])])
    if g.chance(0.5):
        rest = g.ints([-1])
    else:
        rest = g.add("Slice", [shape, g.ints([1]), g.ints([x.rank]), g.ints([0])])
        rest = g.add("ReduceProd", [rest], keepdims=1, **({"axes": [0]} if g.opset < 18 else {}))
    target = g.add("Concat", [first, rest], axis=0)
    g.add("Reshape", [x, target])


@draws(1)
def expand_to_shape_of(g):
    x = g.pick(FLOATS, rank=(1, 4))
    y = g.pick(("float32",),
               rank=(1, 4),
               where=lambda a: a.ndim <= x.rank and all(p == q or q == 1 for p, q in zip(x.shape[::-1], a.shape[::-1])),
               new=0)
    g.add("Expand", [y, g.add("Shape", [x])])


@draws(3)
def transpose(g):
    x = g.pick(MOVED, rank=(1, 5))
    g.add("Transpose", [x], **g.some(perm=g.random.permutation(x.rank).tolist()))


@draws(4)
def cut(g):
    x = g.pick(MOVED, rank=(1, 5))
    axes = some_axes(g, x.rank)
    ends, starts, steps = [], [], []
    for axis in axes:
        size = x.shape[axis]
        step = g.choice([1, 1, 1, 2, -1, -2, 3])
        low, high = sorted((g.integer(0, size), g.integer(0, size)))
        if low == high:
            low, high = 0, size
        starts.append(low if step > 0 else high)
        ends.append(high if step > 0 else low - 1 if low else -size - 1 - g.integer(0, 3))
        if step > 0 and g.chance(0.3):
            ends[-1] = g.choice([size + 5, np.iinfo(np.int64).max]) if high == size else high - size
        if g.chance(0.3) and 0 < starts[-1] < size:
            starts[-1] -= size
        steps.append(step)
    plain = axes == list(range(len(axes)))
    inputs = [x, g.ints(starts), g.ints(ends)]
    if not (plain and set(steps) == {1} and g.chance(0.5)):
        inputs += [None if plain and g.chance(0.3) else g.ints(axes)] + ([g.ints(steps)] if set(steps) != {1} else [])
    while inputs[-1] is None:
        inputs.pop()
    g.add("Slice", inputs)


@draws(3)
def split(g):
    x = g.pick(("float32", "float64", "int32", "int64", "uint8", "bool"), rank=(1, 4), where=lambda a: max(a.shape) > 1)
    axis = g.choice([axis for axis in range(x.rank) if x.shape[axis] > 1])
    size, parts = x.shape[axis], g.integer(2, 3)
    written = g.negative(axis, x.rank)
    if g.opset >= 18 and g.chance(0.4) and (parts - 1) * -(-size // parts) < size:
        g.add("Split", [x], parts, axis=written, num_outputs=parts)
    elif size % parts == 0 and g.opset < 18 and g.chance(0.5):
        g.add("Split", [x], parts, axis=written)
    else:
        first = g.integer(0 if g.chance(0.1) else 1, size - 1)
        g.add("Split", [x, g.ints([first, size - first])], 2, axis=written)


@draws(4)
def concat(g):
    x = g.pick(ALL, rank=(1, 4))
    axis = g.integer(0, x.rank - 1)
    rest = lambda a: a.ndim == x.rank and all(a.shape[d] == x.shape[d] for d in range(x.rank) if d != axis)
    found = g.existing((x.dtype,), rest)
    others = []
    for _ in range(g.integer(0, 3)):
        if found and g.chance(0.6):
            others.append(g.choice(found))
        else:
            others.append(
                g.leaf(g.array(x.dtype,
                               (*x.shape[:axis], g.integer(0 if g.chance(0.1) else 1, 3), *x.shape[axis + 1:]))))
    g.add("Concat", [x, *others], axis=g.negative(axis, x.rank))


@draws(3)
def pad(g):
    mode = g.choice(["constant", "constant", "reflect", "edge"] + (["wrap"] if g.opset >= 19 else []))
    x = g.pick(("float32", "float64", "int32", "int64", "int8", "uint8"), rank=(1, 4), where=lambda a: a.size > 0)
    axes = some_axes(g, x.rank) if g.opset >= 18 and g.chance(0.4) else list(range(x.rank))

    def amount(axis):
        size = x.shape[axis]
        most = min(3, size - 1 if mode in ("reflect", "wrap") else 3)
        return g.integer(-1, -1) if g.chance(0.1) and size > 2 and mode == "constant" else g.integer(0, most)

    inputs = [x, g.ints([amount(axis) for axis in axes] + [amount(axis) for axis in axes])]
    has_axes = axes != list(range(x.rank)) or (g.opset >= 18 and g.chance(0.1))
    filler = mode == "constant" and g.chance(0.5)
    inputs += [g.leaf(np.array(3, x.dtype), parameter=True)] if filler else [None] if has_axes else []
    g.add("Pad", inputs + ([g.ints(axes)] if has_axes else []),
          **({
              "mode": mode
          } if mode != "constant" or g.chance(0.3) else {}))


@draws(1.5)
def tile(g):
    x = g.pick(("float32", "float64", "int32", "int64", "uint8", "bool"), rank=(1, 4))
    g.add("Tile", [x, g.ints([g.integer(0 if g.chance(0.05) else 1, 3) for _ in range(x.rank)])])


@draws(2)
def expand(g):
    x = g.pick(("float32", "float64", "float16", "int32", "int64", "bool"), rank=(0, 4))
    shape = [g.integer(1, 4) if size == 1 else g.choice([1, size]) for size in x.shape]
    g.add("Expand", [x, g.ints(([g.integer(1, 3)] if g.chance(0.3) else []) + shape)])


@draws(2)
def squeeze(g):
    x = g.pick(MOVED, rank=(1, 5), where=lambda a: 1 in a.shape)
    ones = [axis for axis in range(x.rank) if x.shape[axis] == 1]
    some = [g.negative(axis, x.rank) for axis in ones if g.chance(0.6)]
    g.add("Squeeze", [x, g.ints(some)] if some else [x])


@draws(3)
def unsqueeze(g):
    x = g.pick(MOVED, rank=(0, 4))
    count = g.integer(1, 2)
    rank = x.rank + count
    g.add("Unsqueeze", [x, g.ints([g.negative(int(axis), rank) for axis in g.random.permutation(rank)[:count]])])


@draws(1)
def flatten(g):
    x = g.pick(MOVED, rank=(1, 5))
    g.add("Flatten", [x], **g.some(axis=g.integer(-x.rank, x.rank)))


@draws(1)
def depth_to_space(g):
    block = g.integer(1, 2)
    dtype = g.dtype(("float32", "float64", "uint8"))
    if g.chance(0.5):
        x = g.pick((dtype,),
                   where=lambda a: a.ndim == 4 and a.shape[1] % block**2 == 0 and a.size,
                   shape=(g.integer(1, 2), g.integer(1, 3) * block**2, g.integer(1, 3), g.integer(1, 3)))
        g.add("DepthToSpace", [x], blocksize=block, **g.some(mode="CRD"))
    else:
        x = g.pick((dtype,), shape=(g.integer(1, 2), g.integer(1, 3), g.integer(1, 3) * block, g.integer(1, 3) * block))
        g.add("SpaceToDepth", [x], blocksize=block)


@draws(1, since=14)
def triangle(g):
    x = g.pick(("float32", "float64", "int64", "bool"), rank=(2, 4))
    g.add("Trilu", [x] + ([g.ints(g.integer(-3, 3))] if g.chance(0.6) else []), **g.some(upper=0))


@draws(0.7)
def reverse_sequence(g):
    x = g.pick(("float32", "float64", "int32", "int64"), rank=(2, 4), where=lambda a: a.size > 0)
    time = g.integer(0, 1)
    lengths = g.ints([g.integer(1, x.shape[time]) for _ in range(x.shape[1 - time])])
    g.add("ReverseSequence", [x, lengths], time_axis=time, batch_axis=1 - time)


@draws(0.7, since=18)
def center_crop_pad(g):
    x = g.pick(("float32", "int32", "uint8"), rank=(1, 4), where=lambda a: a.size > 0)
    axes = some_axes(g, x.rank) if g.chance(0.6) else None
    target = g.ints([g.integer(1, 7) for _ in (axes or range(x.rank))])
    g.add("CenterCropPad", [x, target], **({"axes": axes} if axes else {}))


@draws(1)
def constant_of_shape(g):
    value = {} if g.chance(0.3) else {"value": constant_tensor(g)}
    g.add("ConstantOfShape", [g.ints([g.integer(0 if g.chance(0.05) else 1, 4) for _ in range(g.integer(0, 4))])],
          **value)


def constant_tensor(g):
    return numpy_helper.from_array(g.array(g.dtype(("float32", "float64", "int32", "int64", "bool", "uint8")), (1,)))


@draws(1)
def count_up(g):
    dtype = g.dtype(("float32", "float64", "int32", "int64"))
    step = g.choice([1, 2, 3, -1, -2])
    start = g.integer(-3, 3)
    limit = start + step * g.integer(0 if g.chance(0.1) else 1, 7)
    g.add("Range", [g.leaf(np.array(number, dtype), parameter=True) for number in (start, limit, step)])


@draws(0.5)
def eye(g):
    x = g.pick(("float32", "float64", "int32", "int64"), rank=2)
    g.add("EyeLike", [x], **g.some(k=g.integer(-2, 2), dtype=g.choice([1, 7, 11])))
