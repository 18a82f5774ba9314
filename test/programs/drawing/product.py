# SPDX-License-Identifier: Apache-2.0
"""Products of matrices and what is built of them."""

import numpy as np

from .registry import draws

DIMS = {"i": 2, "j": 3, "k": 4, "l": 2, "b": 3}
EQUATIONS = [
    "ij,jk->ik", "bij,bjk->bik", "ij->ji", "ii->i", "ij->", "ij,ij->", "i,j->ij", "bij,jk->bik", "ij,kj",
    "bik,bjk->bij", "...ij,...jk->...ik", "ijk,k->ij", "ii", "ij,jk,kl->il", "bi,bj,bk->bijk", "...i->...",
    "b...i,i->b..."
]


@draws(6)
def matmul(g):
    dtypes = ("float32", "float64", "float16", "int32", "int64")
    a = g.pick(dtypes, rank=(1, 4))
    inner = a.shape[-1]
    found = g.existing((a.dtype,), lambda b: (b.ndim == 1 and b.shape[0] == inner) or
                       (b.ndim >= 2 and b.shape[-2] == inner and
                        (a.rank < 3 or b.ndim < 3 or b.shape[:-2] == a.shape[:-2])))
    if found and g.chance(0.4):
        b = g.choice(found)
    else:
        batch = [1 if g.chance(0.2) else size for size in a.shape[:-2]] if g.chance(0.5) else []
        shape = (inner,) if g.chance(0.15) else (*batch, inner, g.integer(1, 6))
        b = g.weight(a.dtype, shape)
    g.add("MatMul", [a, b])


@draws(3)
def gemm(g):
    a = g.pick(("float32", "float64", "float16"), rank=2)
    trans_a, trans_b = g.chance(0.3), g.chance(0.4)
    rows, inner = a.shape[::-1] if trans_a else a.shape
    columns = g.integer(1, 6)
    b = g.weight(a.dtype, (columns, inner) if trans_b else (inner, columns))
    bias = g.choice([None, (), (columns,), (rows, 1), (1, columns), (rows, columns), (1,)])
    inputs = [a, b] + ([g.weight(a.dtype, bias)] if bias is not None else [])
    g.add("Gemm", inputs, transA=int(trans_a), transB=int(trans_b), **g.some(alpha=0.5, beta=-1.5))


@draws(2)
def einsum(g):
    equation = g.choice(EQUATIONS)
    terms = equation.split("->")[0].split(",")
    ellipsis = [2] * g.integer(0, 2)
    shapes = [[size
               for letter in term.replace("...", ".")
               for size in (ellipsis if letter == "." else [DIMS[letter]])]
              for term in terms]
    dtype = g.dtype(("float32", "float64", "int32", "int64"))
    g.add("Einsum", [g.pick((dtype,), shape=tuple(shape), least=-1, most=1, new=0.3) for shape in shapes],
          equation=equation.replace(",", g.choice([",", ", "])))


@draws(0.5)
def determinant(g):
    size = g.integer(1, 4)
    g.add("Det", [
        g.pick(("float32",),
               where=lambda a: a.ndim >= 2 and a.shape[-1] == a.shape[-2],
               shape=(*g.shape(g.integer(0, 2), most=3, zero=0), size, size))
    ])


@draws(1)
def linear_layer(g):
    """A linear layer with bias, as exporters write it."""
    x = g.pick(("float32",), rank=(2, 3))
    width = g.integer(1, 8)
    product = g.add("MatMul", [x, g.weight("float32", (x.shape[-1], width))])
    biased = g.add("Add", [product, g.weight("float32", (width,))][::g.choice([1, -1])])
    if g.chance(0.6):
        g.add(g.choice(["Relu", "Tanh", "Sigmoid"]), [biased])


@draws(1)
def written_attention(g):
    """Attention over small matrices: scaled product, softmax, product."""
    batch, length, width = g.integer(1, 2), g.integer(1, 5), g.integer(1, 6)
    query, key, value = (g.pick(("float32",), shape=(batch, length, width), new=0.2) for _ in range(3))
    turned = g.add("Transpose", [key], perm=[0, 2, 1])
    scores = g.add("MatMul", [query, turned])
    scaled = g.add("Mul", [scores, g.leaf(np.float32(width**-0.5), parameter=True)])
    if g.chance(0.4):
        mask = np.triu(np.full((length, length), -1e3, np.float32), 1)
        scaled = g.add("Add", [scaled, g.leaf(mask, parameter=True)])
    g.add("MatMul", [g.add("Softmax", [scaled], axis=-1), value])
