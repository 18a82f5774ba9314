#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what optimisers make of two tensors, for test/nn/optimizer_test.cpp: PyTorch's, or where it has none the
paper's formula in NumPy.

    optimizer_reference.py > optimizer_reference.h     (with PyTorch 2.13)

Five steps in float64 of a matrix [2, 3], which decays, and a vector [3], which does not; gradients are
sin(element + step) of the matrix and cos(element * step) of the vector, elements and steps counted from 1.
"""

import numpy as np
import torch

TORCH = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.05),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.05, betas=(0.8, 0.95), eps=1e-6),
    "adafactor": lambda groups: torch.optim.Adafactor(groups, lr=0.05),
}


def gradients(step):
    return np.sin(np.arange(1, 7) + step).reshape(2, 3), np.cos(np.arange(1, 4) * step)


def start():
    return np.linspace(-1, 1.5, 6).reshape(2, 3), np.array([0.5, -2, 0.25])


def by_torch(optimizer):
    matrix, vector = (torch.tensor(value, requires_grad=True) for value in start())
    steps = optimizer([{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0}])
    for step in range(1, 6):
        matrix.grad, vector.grad = map(torch.tensor, gradients(step))
        steps.step()
    return matrix.flatten().tolist() + vector.tolist()


def lion(w, g, state, decay, step):
    m = state.get("m", 0)
    state["m"] = 0.99 * m + 0.01 * g
    return w - 0.05 * (np.sign(0.9 * m + 0.1 * g) + decay * w)


def lamb(w, g, state, decay, step):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    r = state["m"] / (1 - 0.9**step) / (np.sqrt(state["v"] / (1 - 0.999**step)) + 1e-6) + decay * w
    return w - 0.05 * np.linalg.norm(w) / np.linalg.norm(r) * r


def lars(w, g, state, decay, step):
    norm = np.linalg.norm
    rate = 0.01 * norm(w) / (norm(g) + decay * norm(w) + 1e-8) if w.ndim > 1 else 1
    state["m"] = 0.9 * state.get("m", 0) + rate * (g + decay * w)
    return w - 0.05 * state["m"]


def bfloat16(x):
    """Rounded to nearest, ties to even."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def adafactorw(w, g, state, decay, step):
    w = w * (1 - 0.05 * decay)
    mean = (lambda axis: (g * g).mean(axis, keepdims=True)) if w.ndim > 1 else lambda axis: g * g
    for axis in (-1, -2):
        state[axis] = 0.95 * state.get(axis, 0) + 0.05 * mean(axis)
    v = state[-1] * state[-2] / state[-1].mean(-2, keepdims=True) if w.ndim > 1 else state[-1]
    u = g / (np.sqrt(v / (1 - 0.95**step)) + 1e-6)
    u = u / max(1, np.sqrt((u * u).mean()))
    m = 0.8 * state.get("m", 0) + 0.2 * u
    state["m"] = bfloat16(m)
    return w - 0.05 * m / (1 - 0.8**step)


def by_formula(update):
    matrix, vector = start()
    of_matrix, of_vector = {}, {}
    for step in range(1, 6):
        g = gradients(step)
        matrix, vector = update(matrix, g[0], of_matrix, 0.1, step), update(vector, g[1], of_vector, 0, step)
    return matrix.flatten().tolist() + vector.tolist()


print("// SPDX-License-Identifier: Apache-2.0")
print("// Made by optimizer_reference.py: parameters after five steps.")
print("#pragma once\n")
print("#include <map>\n#include <string>\n#include <vector>\n")
print("// clang-format off")
print("inline const std::map<std::string, std::vector<double>> kAfterFiveSteps = {")
results = {name: by_torch(optimizer) for name, optimizer in TORCH.items()}
results.update((update.__name__, by_formula(update)) for update in (lion, lamb, lars, adafactorw))
for name, result in results.items():
    print(f'    {{"{name}", {{{", ".join(map(repr, result))}}}}},')
print("};")
