# SPDX-License-Identifier: Apache-2.0
"""Gathering, scattering, and operators whose results have as many elements as the data says."""

import numpy as np

from .elementwise import in_range
from .registry import draws

GATHERED = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")


def indices(g, shape, size, dtype=None):
    """Valid indices into an axis, some from its end."""
    drawn = g.random.integers(-size if g.chance(0.5) else 0, size, shape)
    return g.leaf(np.asarray(drawn, dtype or g.dtype(("int64", "int64", "int32"))), parameter=g.chance(0.5))


@draws(4)
def gather(g):
    x = g.pick(GATHERED, rank=(1, 4), where=lambda a: a.size > 0)
    axis = g.integer(0, x.rank - 1)
    found = g.existing(("int32", "int64"), lambda a: a.ndim <= 2 and in_range(-x.shape[axis], x.shape[axis] - 1)(a))
    chosen = g.choice(found) if found and g.chance(0.3) else indices(g, g.shape(g.integer(0, 2), most=4), x.shape[axis])
    g.add("Gather", [x, chosen], **({"axis": g.negative(axis, x.rank)} if axis or g.chance(0.5) else {}))


@draws(2)
def gather_elements(g):
    x = g.pick(GATHERED, rank=(1, 4), where=lambda a: a.size > 0)
    axis = g.integer(0, x.rank - 1)
    shape = tuple(g.integer(1, size + 2 if d == axis else size) for d, size in enumerate(x.shape))
    g.add("GatherElements", [x, indices(g, shape, x.shape[axis])], axis=g.negative(axis, x.rank))


def coordinates(g, shape, sizes):
    """Rows of coordinates, one number for each of `sizes`."""
    columns = [g.random.integers(-size if g.chance(0.3) else 0, size, shape) for size in sizes]
    return g.leaf(np.stack(columns, -1).astype(np.int64), parameter=g.chance(0.5))


@draws(2)
def gather_nd(g):
    x = g.pick(GATHERED, rank=(1, 4), where=lambda a: a.size > 0)
    batch = g.integer(0, min(2, x.rank - 1)) if g.chance(0.5) else 0
    depth = g.integer(1, x.rank - batch)
    shape = (*x.shape[:batch], *g.shape(g.integer(0 if batch == 0 else 1, 2), most=3, zero=0))
    g.add("GatherND", [x, coordinates(g, shape, x.shape[batch:batch + depth])],
          **({
              "batch_dims": batch
          } if batch else {}))


def reduction(g, dtype):
    """Of scattered elements that meet."""
    if g.opset < 16 or dtype == "bool" or g.chance(0.4):
        return None
    return g.choice(["add", "mul"] + (["max", "min"] if g.opset >= 18 else []))


@draws(2)
def scatter_elements(g):
    x = g.pick(("float32", "float64", "int32", "int64", "uint8"), rank=(1, 4), where=lambda a: a.size > 0)
    axis = g.integer(0, x.rank - 1)
    how = reduction(g, x.dtype)
    shape = tuple(g.integer(1, size) for size in x.shape)
    rows = np.asarray(g.random.integers(0, x.shape[axis], shape))
    if how is None:  # which of several wins is not defined
        rows = np.argsort(g.random.random((*shape[:axis], x.shape[axis], *shape[axis + 1:])),
                          axis).take(range(shape[axis]), axis)
    if g.chance(0.3):
        rows = rows - x.shape[axis]
    updates = g.leaf(g.array(x.dtype, shape))
    g.add("ScatterElements", [x, g.leaf(rows.astype(g.dtype(("int64", "int32")))), updates],
          axis=g.negative(axis, x.rank),
          **({
              "reduction": how
          } if how else {}))


@draws(2)
def scatter_nd(g):
    x = g.pick(("float32", "float64", "int32", "int64", "uint8"), rank=(1, 4), where=lambda a: a.size > 0)
    depth = g.integer(1, x.rank)
    how = reduction(g, x.dtype)
    cells = int(np.prod(x.shape[:depth]))
    count = g.integer(1, min(cells, 5))
    flat = g.random.permutation(cells)[:count] if how is None else g.random.integers(0, cells, count)
    where = g.leaf(np.stack(np.unravel_index(flat, x.shape[:depth]), -1).astype(np.int64))
    g.add("ScatterND", [x, where, g.leaf(g.array(x.dtype, (count, *x.shape[depth:])))],
          **({
              "reduction": how
          } if how else {}))


@draws(0.5, since=24)
def tensor_scatter(g):
    batch, length, width = g.integer(1, 2), g.integer(2, 5), g.integer(1, 4)
    past = g.pick(("float32",), shape=(batch, length, width), new=0.3)
    update = g.pick(("float32",), shape=(batch, 1, width), new=0.3)
    positions = [g.ints([g.integer(0, length - 1) for _ in range(batch)])] if g.chance(0.7) else []
    g.add("TensorScatter", [past, update, *positions], **g.some(mode="circular"))


@draws(1)
def one_hot(g):
    depth = g.integer(1, 5)
    found = g.existing(("int64", "int32", "float32"), lambda a: 0 < a.ndim <= 3 and in_range(-9, 9)
                       (a) and np.array_equal(a, np.round(a)))
    x = g.choice(found) if found and g.chance(0.5) else indices(g, g.shape(g.integer(1, 2)), depth, "int64")
    values = g.leaf(np.array([g.integer(-1, 0), g.integer(1, 3)], "float32" if x.dtype != "int32" else "int64"),
                    parameter=True)
    g.add("OneHot", [x, g.ints(depth), values], **g.some(axis=g.integer(-x.rank - 1, x.rank)))


@draws(1)
def non_zero(g):
    g.add("NonZero", [g.pick(("float32", "int32", "int64", "bool", "uint8"), rank=(1, 4))])


@draws(1)
def unique(g):
    x = g.pick(("float32", "int64"), rank=(1, 3), where=lambda a: a.size > 0)
    g.add("Unique", [x], g.choice([1, 2, 4, [True, False, True]]),
          **g.some(axis=g.negative(g.integer(0, x.rank - 1), x.rank), sorted=0))


@draws(1)
def compress(g):
    x = g.pick(("float32", "int64", "bool", "uint8"), rank=(1, 4), where=lambda a: a.size > 0)
    axis = g.integer(0, x.rank - 1) if g.chance(0.6) else None
    length = x.array.size if axis is None else x.shape[axis]
    keep = g.leaf(g.random.random(g.integer(1, length)) < 0.6)
    g.add("Compress", [x, keep], **({} if axis is None else {"axis": g.negative(axis, x.rank)}))


@draws(0.4)
def suppression(g):
    boxes, classes = g.integer(1, 8), g.integer(1, 2)
    corners = g.random.permutation(np.arange(boxes * 4)).reshape(1, boxes, 4) / (boxes * 2)
    scores = g.random.permutation(np.arange(boxes * classes)).reshape(1, classes, boxes) / 10
    g.add("NonMaxSuppression", [
        g.leaf(corners.astype(np.float32)),
        g.leaf(scores.astype(np.float32)),
        g.ints([g.integer(1, 4)]),
        g.leaf(np.array([0.311], np.float32), parameter=True),
        *([g.leaf(np.array([0.25], np.float32), parameter=True)] if g.chance(0.5) else [])
    ], **g.some(center_point_box=1))
