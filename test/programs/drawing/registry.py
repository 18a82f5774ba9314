# SPDX-License-Identifier: Apache-2.0
"""The list of what can be drawn; each family of operators adds to it."""

DRAWS = []  # (function that puts nodes into a graph, weight, first and last opset)


def draws(weight=1.0, since=13, until=99):
    """Marks a function of a graph that picks operands and adds a node or several."""
    def mark(function):
        DRAWS.append((function, weight, range(since, until + 1)))
        return function

    return mark
