# SPDX-License-Identifier: Apache-2.0
"""Random valid ONNX graphs, the same for the same seed."""

import dataclasses

import numpy as np
import onnx

from . import control, elementwise, indexing, movement, network, product, quantization, reduction, spatial
from .graph import TOLERANCE, Graph, Shared, Unusable, make_session
from .registry import DRAWS

__all__ = ["OPSETS", "TOLERANCE", "DrawnGraph", "draw_graph", "make_session"]

OPSETS = (13, 26)  # the newest that ONNX Runtime 1.31 runs


@dataclasses.dataclass
class DrawnGraph:
    model: onnx.ModelProto
    feeds: dict
    outputs: list  # values, each with its grade
    values: list  # all of the main graph, in order
    shared: Shared  # what was tried, refused and dropped


def draw_from(g, table):
    weights = np.array([weight if g.opset in opsets else 0 for _, weight, opsets in table])
    table[int(g.random.choice(len(table), p=weights / weights.sum()))][0](g)


def draw_plain(g):
    """A node without a body."""
    draw_from(g, [row for row in DRAWS if row[0].__module__ != control.__name__])


def draw_graph(seed, index, most_nodes=40):
    """Graph `index` of a seed: 3 to `most_nodes` nodes over everything that can be drawn."""
    random = np.random.default_rng((seed, index))
    g = Graph(random, int(random.integers(OPSETS[0], OPSETS[1] + 1)))
    wanted = 3 + int((most_nodes - 2) * random.random()**2)
    while len(g.nodes) < wanted:
        try:
            draw_from(g, DRAWS)
        except Unusable as reason:
            g.shared.dropped[str(reason)] += 1
    model, feeds, outputs = g.finish()
    onnx.checker.check_model(model, full_check=True)
    return DrawnGraph(model, feeds, outputs, g.values, g.shared)
