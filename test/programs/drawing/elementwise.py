# SPDX-License-Identifier: Apache-2.0
"""Operators that treat each element by itself: unary, with broadcasting, comparisons, logic, casts."""

import numpy as np
from onnx import helper

from .graph import ALL, FLOATS, INTEGERS, NUMBERS
from .registry import draws

ANY = (-np.inf, np.inf)
UNARY = {  # operator: (element types, least and largest argument, since)
    "Abs": (NUMBERS, ANY, 13), "Acos": (("float32",), (-0.9, 0.9), 13), "Acosh": (("float32",), (1.1, 50), 13),
    "Asin": (("float32",), (-0.9, 0.9), 13), "Asinh": (("float32",), ANY, 13),
    "Atan": (("float32",), ANY, 13), "Atanh": (("float32",), (-0.9, 0.9), 13), "BitwiseNot": (INTEGERS, ANY, 18),
    "Ceil": (FLOATS, ANY, 13), "Cos": (("float32", "float64"), (-9, 9), 13), "Cosh": (("float32",), (-4, 4), 13),
    "Erf": (("float32", "float16"), ANY, 13), "Exp": (FLOATS, (-9, 4), 13), "Floor": (FLOATS, ANY, 13),
    "HardSwish": (("float32", "float16"), ANY, 14), "Identity": (ALL, ANY, 13),
    "IsInf": (("float32", "float64"), ANY, 13),
    "IsNaN": (FLOATS, ANY, 13), "Log": (FLOATS, (0.05, 1e9), 13), "Mish": (("float32", "float16"), (-20, 20), 18),
    "Neg": (("float32", "float64", "float16", "int32", "int64", "int8"), ANY, 13), "Not": (("bool",), ANY, 13),
    "Reciprocal": (FLOATS, (0.1, 1e9), 13), "Relu": (("float32", "float64", "float16", "int32", "int8"), ANY, 14),
    "Round": (FLOATS, ANY, 13), "Sigmoid": (FLOATS, ANY, 13), "Sign": (NUMBERS, ANY, 13),
    "Sin": (("float32", "float64"), (-9, 9), 13), "Sinh": (("float32",), (-4, 4), 13),
    "Softplus": (("float32",), ANY, 13),
    "Softsign": (("float32",), ANY, 13), "Sqrt": (FLOATS, (0, 1e9), 13), "Tan": (("float32",), (-1.3, 1.3), 13),
    "Tanh": (FLOATS, ANY, 13),
}
ACTIVATIONS = {  # operator: (element types, attributes, since)
    "Celu": (("float32",), {"alpha": 0.7}, 13), "Elu": (("float32", "float16"), {"alpha": 1.5}, 13),
    "Gelu": (("float32", "float64"), {"approximate": "tanh"}, 20),
    "HardSigmoid": (("float32", "float16"), {"alpha": 0.3, "beta": 0.4}, 13),
    "LeakyRelu": (("float32", "float16"), {"alpha": 0.2}, 13),
    "Selu": (("float32", "float16"), {"alpha": 1.2, "gamma": 1.1}, 13),
    "Shrink": (("float32",), {"lambd": 0.3, "bias": 0.2}, 13),  # ONNX Runtime rounds doubles to float32
    "Swish": (("float32", "float16"), {"alpha": 0.5}, 24),
    "ThresholdedRelu": (("float32",), {"alpha": 0.25}, 13),
}


def in_range(least, most):
    return lambda a: a.size == 0 or a.dtype.kind not in "fiu" or (float(a.min()) >= least and float(a.max()) <= most)


@draws(6)
def unary(g):
    op_type = g.choice([name for name, row in UNARY.items() if row[2] <= g.opset])
    allowed, (least, most), _ = UNARY[op_type]
    g.add(op_type,
          [g.pick(allowed, where=in_range(least, most), least=max(least, -2), most=min(most, max(2, least + 2)))])


@draws(2)
def activation(g):
    op_type = g.choice([name for name, row in ACTIVATIONS.items() if row[2] <= g.opset])
    allowed, attributes, _ = ACTIVATIONS[op_type]
    g.add(op_type, [g.pick(allowed, where=in_range(-60, 60))], **g.some(**attributes))


def partner_shape(g, shape):
    """A shape that broadcasts with this one, to more elements or fewer."""
    kept = shape[g.integer(0, len(shape)) if g.chance(0.3) else 0:]
    dims = [1 if g.chance(0.25) else g.integer(2, 4) if size == 1 and g.chance(0.15) else size for size in kept]
    return (g.integer(1, 3), *dims) if g.chance(0.1) and len(dims) == len(shape) < 5 else tuple(dims)


def fits(shape):
    def broadcasts(a):
        try:
            return np.broadcast_shapes(a.shape, shape) is not None
        except ValueError:
            return False

    return broadcasts


def partner(g, value, allowed=None, where=lambda array: True, least=-2.0, most=2.0):
    """An operand that broadcasts with `value`, in the graph or new."""
    allowed = allowed or (value.dtype,)
    found = g.existing(allowed, lambda a: fits(value.shape)(a) and where(a))
    if found and g.chance(0.6):
        return g.choice(found)
    return g.pick(allowed, shape=partner_shape(g, value.shape), where=where, least=least, most=most, new=1)


def swapped(g, pair):
    return pair if g.chance(0.6) else pair[::-1]


@draws(8)
def arithmetic(g):
    op_type = g.choice(["Add", "Sub", "Mul"])
    a = g.pick(("float32", "float64", "float16", "int32", "int64"))
    g.add(op_type, swapped(g, [a, partner(g, a)]))


@draws(2)
def division(g):
    a = g.pick(("float32", "float64", "float16", "int32", "int64"))
    g.add("Div", [a, partner(g, a, where=lambda d: d.size == 0 or np.abs(d).min() >= 0.25)])


@draws(1)
def modulo(g):
    a = g.pick(NUMBERS)
    b = partner(g, a, where=lambda d: d.size == 0 or np.abs(d).min() >= 0.25)
    g.add("Mod", [a, b], **({"fmod": 1} if a.dtype in FLOATS or g.chance(0.4) else {}))


@draws(1.5)
def power(g):
    base = g.pick(("float32", "float64", "int32", "int64"), where=in_range(-4, 4))
    positive = base.array.size == 0 or (base.dtype in FLOATS and base.array.min() > 0.1)
    allowed = ("float32", "float64", "int32", "int64")
    if positive:
        exponent = partner(g, base, allowed, in_range(-3, 3))
    else:
        whole = lambda a: in_range(0, 3)(a) and np.array_equal(a, np.round(a))
        exponent = g.leaf(np.asarray(g.random.integers(0, 4, partner_shape(g, base.shape)), g.dtype(allowed)))
        exponent = partner(g, base, allowed, whole) if g.chance(0.3) and g.existing(allowed, whole) else exponent
    g.add("Pow", [base, exponent])


@draws(2)
def variadic(g):
    op_type = g.choice(["Max", "Min", "Mean", "Sum"])
    a = g.pick(("float32",) if op_type in ("Mean", "Sum") else ("float32", "float64", "float16", "int32", "int64",
                                                                "int8", "uint8"))
    operands = [a]
    for _ in range(g.integer(0, 3)):
        shape = np.broadcast_shapes(*(value.shape for value in operands))
        operands.append(partner(g, a, where=fits(shape)))
    g.add(op_type, operands)


@draws(1)
def prelu(g):
    a = g.pick(("float32",))
    dims = tuple(1 if g.chance(0.4) else size for size in a.shape[g.integer(0, a.rank):])
    g.add("PRelu", [a, g.weight(a.dtype, dims)])


@draws(4)
def comparison(g):
    op_type = g.choice(["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
    allowed = {
        "Equal": ("float32", "float64", "int32", "int64", "bool")
    }.get(op_type, ("float32", "float64", "int32", "int64"))
    a = g.pick(allowed)
    g.add(op_type, swapped(g, [a, partner(g, a)]))


@draws(2)
def logic(g):
    a = g.pick(("bool",))
    g.add(g.choice(["And", "Or", "Xor"]), swapped(g, [a, partner(g, a)]))


@draws(1, since=18)
def bitwise(g):
    a = g.pick(INTEGERS)
    g.add(g.choice(["BitwiseAnd", "BitwiseOr", "BitwiseXor"]), swapped(g, [a, partner(g, a)]))


@draws(0.4)
def bit_shift(g):
    a = g.pick(("uint8",))
    g.add("BitShift", [a, partner(g, a, where=lambda d: d.size == 0 or d.max() < 8)],
          direction=g.choice(["LEFT", "RIGHT"]))


@draws(3)
def where(g):
    condition = g.pick(("bool",))
    a = partner(g, condition, ("float32", "int64", "int32", "uint8", "float64"))
    shape = np.broadcast_shapes(condition.shape, a.shape)
    found = g.existing((a.dtype,), fits(shape))
    b = g.choice(found) if found and g.chance(0.6) else g.leaf(g.array(a.dtype, partner_shape(g, shape)))
    g.add("Where", [condition, *swapped(g, [a, b])])


@draws(2)
def clip(g):
    a = g.pick(("float32", "float64", "float16", "int32", "int64", "int8", "uint8"))
    bounds = [g.leaf(np.array(bound, a.dtype), parameter=True) if g.chance(0.7) else None for bound in (0, 2)]
    if g.chance(0.05) and all(bounds):
        bounds.reverse()  # then all is the upper bound
    while bounds and bounds[-1] is None:
        bounds.pop()
    g.add("Clip", [a, *bounds])


@draws(4)
def cast(g):
    a = g.pick(ALL)
    target = g.dtype(ALL)
    if a.dtype in FLOATS and target in INTEGERS:  # what does not fit is undefined
        low, high = (0, 100) if target == "uint8" else (-100, 100)
        a = g.pick(FLOATS, where=in_range(low, high), least=max(low, -9), most=9)
    if g.chance(0.2) and g.opset >= 15:
        g.add("CastLike", [a, g.pick((target,))])
    else:
        g.add("Cast", [a], to=helper.np_dtype_to_tensor_dtype(np.dtype(target)))


@draws(0.3)
def special_numbers(g):
    """NaN and infinities, where every runtime says what becomes of them."""
    dtype = g.dtype(("float32", "float64"))
    x = g.array(dtype, g.shape(g.integer(1, 3)))
    x[g.random.random(x.shape) < 0.4] = g.choice([np.nan, np.inf, -np.inf])
    op_type = g.choice(["IsNaN", "IsInf"])
    g.add(op_type, [g.leaf(x)],
          **(g.some(detect_positive=0) or g.some(detect_negative=0) if op_type == "IsInf" else {}))
