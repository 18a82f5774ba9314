# SPDX-License-Identifier: Apache-2.0
"""Numbers of eight bits and the way to them and back."""

import numpy as np

from .registry import draws
from .spatial import groups, window_attributes

BYTES = ("uint8", "int8")


def scale(g, shape=()):
    return g.leaf(np.asarray(g.random.uniform(0.02, 0.3, shape), np.float32), parameter=True)


def zero_point(g, dtype, shape=()):
    low, high = (100, 150) if dtype == "uint8" else (-20, 20)
    return g.leaf(np.asarray(g.random.integers(low, high, shape), dtype), parameter=True)


def byte_values(g, dtype, shape):
    info = np.iinfo(dtype)
    return np.asarray(g.random.integers(info.min, info.max + 1, shape), dtype)


@draws(3)
def quantize(g):
    x = g.pick(("float32",), where=lambda a: a.size == 0 or np.abs(a).max() < 200)
    dtype = g.choice(BYTES)
    if x.rank and min(x.shape) and g.chance(0.5):
        axis = g.integer(0, x.rank - 1)
        shape, attributes = (x.shape[axis],), {"axis": g.negative(axis, x.rank)}
    else:
        shape, attributes = (), {}
    inputs = [x, scale(g, shape)] + ([zero_point(g, dtype, shape)] if dtype == "int8" or g.chance(0.6) else [])
    quantized = g.add("QuantizeLinear", inputs, **attributes)
    if g.chance(0.7):
        g.add("DequantizeLinear", [quantized, *inputs[1:]], **attributes)


@draws(2)
def dequantize(g):
    x = g.pick(BYTES + ("int32",), where=lambda a: a.size == 0 or np.abs(a.astype(float)).max() < 1000)
    inputs = [x, scale(g)] + ([zero_point(g, x.dtype)] if x.dtype != "int32" and g.chance(0.6) else [])
    g.add("DequantizeLinear", inputs)


@draws(0.7, since=21)
def quantize_blocks(g):
    block, count = g.integer(2, 3), g.integer(1, 3)
    rows, columns = g.integer(1, 4), block * count
    x = g.pick(("float32",), shape=(rows, columns))
    inputs = [scale(g, (rows, count)), zero_point(g, g.choice(BYTES), (rows, count))]
    quantized = g.add("QuantizeLinear", [x, *inputs], axis=1, block_size=block)
    g.add("DequantizeLinear", [quantized, *inputs], axis=1, block_size=block)


@draws(1)
def quantize_dynamically(g):
    x = g.pick(("float32",), where=lambda a: a.size > 0)
    quantized, factor, zero = g.add("DynamicQuantizeLinear", [x], 3)
    if g.chance(0.5):
        g.add("DequantizeLinear", [quantized, factor, zero])


@draws(2)
def integer_product(g):
    a = g.pick(BYTES, rank=(2, 3), where=lambda a: a.size > 0)
    other = "int8" if a.dtype == "int8" else g.choice(BYTES)
    b = g.leaf(byte_values(g, other, (a.shape[-1], g.integer(1, 5))), parameter=True)
    zeros = [zero_point(g, a.dtype)] if g.chance(0.6) else []
    if zeros and g.chance(0.6):
        zeros.append(zero_point(g, b.dtype))
    g.add("MatMulInteger", [a, b, *zeros])


@draws(1.5)
def quantized_product(g):
    a = g.pick(BYTES, rank=2, where=lambda a: a.size > 0)
    other = "int8" if a.dtype == "int8" else g.choice(BYTES)
    b = g.leaf(byte_values(g, other, (a.shape[-1], g.integer(1, 5))), parameter=True)
    g.add(
        "QLinearMatMul",
        [a, scale(g),
         zero_point(g, a.dtype), b,
         scale(g),
         zero_point(g, b.dtype),
         scale(g),
         zero_point(g, a.dtype)])


@draws(1.5)
def quantized_conv(g):
    x = g.pick(("uint8",), rank=4, where=lambda a: a.size > 0)
    kernel, attributes = window_attributes(g, x.shape[2:])
    group = groups(g, x.shape[1])
    filters = group * g.integer(1, 2)
    w = g.leaf(byte_values(g, g.choice(BYTES), (filters, x.shape[1] // group, *kernel)), parameter=True)
    if group > 1:
        attributes["group"] = group
    if g.chance(0.4):
        zeros = [zero_point(g, "uint8")] if g.chance(0.6) else []
        g.add("ConvInteger", [x, w, *zeros], **attributes)
        return
    per_channel = (filters,) if w.dtype == "int8" and g.chance(0.5) else ()
    w_zero = g.leaf(np.zeros(per_channel, np.int8), parameter=True) if per_channel else zero_point(g, w.dtype)
    bias = [g.leaf(np.asarray(g.random.integers(-500, 500, filters), np.int32), parameter=True)
           ] if g.chance(0.5) else []
    g.add("QLinearConv", [
        x,
        scale(g),
        zero_point(g, "uint8"), w,
        scale(g, per_channel), w_zero,
        scale(g),
        zero_point(g, "uint8"), *bias
    ], **attributes)
