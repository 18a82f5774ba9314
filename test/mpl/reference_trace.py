# SPDX-License-Identifier: Apache-2.0
"""Three iterations of Meta Pseudo Labels in NumPy, derived by hand: what lib/mpl is compared with.

  reference_trace.py             prints the trace as JSON
  reference_trace.py --check F   fails unless F holds the same numbers

Float64. Two 2-8-8-2 networks with tanh, Nesterov's SGD with weight decay of matrices and clipping, UDA with a threshold,
label smoothing, drawn labels (Philox4x32-10), a baseline. Source of the order and of every formula: Pham et al., CVPR
2021; specification of mpl-train, 1.2 to 1.7.
"""

import json
import sys

import numpy as np

SETTINGS = {"seed": 11, "steps": 3, "student_rate": 0.3, "teacher_rate": 0.2, "momentum": 0.9, "weight_decay": 0.01,
            "clip_norm": 0.4, "smoothing": 0.1, "supervised": 0.7, "weight": 2.0, "temperature": 0.6, "threshold": 0.7,
            "ramp": 2, "scale": 1.5}
SIZES = [2, 8, 8, 2]


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, p0 >> 32 ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return c


def uniform(seed, stream, step, item):
    block = philox([0, item, step, stream], [seed & 0xFFFFFFFF, seed >> 32])
    return ((block[0] << 32 | block[1]) >> 11) * 2.0 ** -53


def forward(parameters, x):
    """Logits, and what enters each layer."""
    entering = []
    for i in range(0, len(parameters), 2):
        entering.append(x)
        x = x @ parameters[i].T + parameters[i + 1]
        if i + 2 < len(parameters):
            x = np.tanh(x)
    return x, entering


def backward(parameters, entering, d):
    """Gradients of all parameters, given that of the logits."""
    gradients = [None] * len(parameters)
    for i in reversed(range(0, len(parameters), 2)):
        gradients[i], gradients[i + 1] = d.T @ entering[i // 2], d.sum(0)
        if i:
            d = d @ parameters[i] * (1 - entering[i // 2] ** 2)
    return gradients


def log_softmax(z):
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def smooth(q, smoothing):
    return (1 - smoothing) * q + smoothing / q.shape[1]


def cross_entropy(z, q):
    """The mean over rows, and its gradient in z."""
    log_p = log_softmax(z)
    return -(q * log_p).sum() / len(z), (np.exp(log_p) * q.sum(1, keepdims=True) - q) / len(z)


def product(a, b):
    return sum((x * y).sum() for x, y in zip(a, b))


class Sgd:
    def __init__(self, parameters):
        self.parameters, self.momentum = parameters, [np.zeros_like(p) for p in parameters]

    def step(self, gradients, rate):
        """The norm before clipping and the factor of clipping."""
        s = SETTINGS
        gradients = [g + s["weight_decay"] * p if p.ndim > 1 else g for g, p in zip(gradients, self.parameters)]
        norm = np.sqrt(product(gradients, gradients))
        factor = min(1.0, s["clip_norm"] / norm)
        for p, m, g in zip(self.parameters, self.momentum, gradients):
            m *= s["momentum"]
            m += factor * g
            p -= rate * (factor * g + s["momentum"] * m)
        return norm, factor


def iteration(kind, step, teacher, student, of_teacher, of_student, data, baseline):
    s, weight = SETTINGS, SETTINGS["weight"] * min(1.0, step / SETTINGS["ramp"])
    eye = np.eye(SIZES[-1])
    labels = eye[data["labels"]]
    items, strong = len(data["labels"]), np.array(data["strong"])
    together = np.concatenate([data["labelled"], data["weak"], data["strong"]] if weight else [data["labelled"], data["strong"]])
    z, entering = forward(teacher, together)
    d = np.zeros_like(z)
    z_strong = z[-len(strong):]
    p_strong = np.exp(log_softmax(z_strong))
    out = {"supervised_loss": None, "consistency_loss": None, "mask_rate": None}
    out["supervised_loss"], part = cross_entropy(z[:items], smooth(labels, s["smoothing"]))
    d[:items] += s["supervised"] * part
    if weight:
        target = np.exp(log_softmax(z[items:-len(strong)] / s["temperature"]))
        mask = target.max(1) >= s["threshold"]
        out["mask_rate"] = mask.mean()
        out["consistency_loss"], part = cross_entropy(z_strong, target * mask[:, None])
        d[-len(strong):] += weight * part
    draws = [uniform(s["seed"], 0x6d706c31, step, i) for i in range(len(strong))]
    drawn = [int((np.cumsum(p)[:-1] <= u).sum()) for p, u in zip(p_strong, draws)]
    out["labels"] = drawn

    start = [p.copy() for p in student]
    z_student, entering_student = forward(student, strong)
    out["student_loss"], part = cross_entropy(z_student, smooth(eye[drawn], s["smoothing"]))
    g = backward(student, entering_student, part)
    out["student_norm"] = np.sqrt(product(g, g))
    before = cross_entropy(forward(student, np.array(data["labelled"]))[0], labels)[0]
    _, clip = of_student.step(g, s["student_rate"])
    z_probe, entering_probe = forward(student, np.array(data["labelled"]))
    after, part = cross_entropy(z_probe, labels)
    v = backward(student, entering_probe, part)
    factor = s["student_rate"] * clip * (1 + s["momentum"])
    if kind != "fd":
        out["probe_norm"] = np.sqrt(product(v, v))
        out["cosine"] = product(v, g) / (out["probe_norm"] * out["student_norm"] + 1e-12)
    out["h"] = {"fd": before - after, "cos": out.get("cosine")}.get(kind, factor * product(v, g))
    if kind == "jvp":
        epsilon = 2e-3 / max(out["probe_norm"], 1e-3)
        sides = [forward([p + sign * epsilon * x for p, x in zip(start, v)], strong)[0] for sign in (1, -1)]
        slope = (log_softmax(sides[0]) - log_softmax(sides[1])) / (2 * epsilon)
        a = factor / len(strong) * (1 - s["smoothing"]) * slope
        d[-len(strong):] += s["scale"] * p_strong * (a - (p_strong * a).sum(1, keepdims=True))
    else:
        baseline = out["h"] if baseline is None else baseline + 0.01 * (out["h"] - baseline)
        out["baseline"], out["weight"] = baseline, s["scale"] * (out["h"] - baseline)
        loss, part = cross_entropy(z_strong, eye[drawn])
        if out["weight"] != 0:
            out["pseudo_loss"] = loss
        d[-len(strong):] += out["weight"] * part
    out["teacher_norm"], _ = of_teacher.step(backward(teacher, entering, d), s["teacher_rate"])
    out["teacher"] = np.concatenate([p.ravel() for p in teacher]).tolist()
    out["student"] = np.concatenate([p.ravel() for p in student]).tolist()
    return out, baseline


def initial(rng):
    shapes = [shape for i, o in zip(SIZES, SIZES[1:]) for shape in ((o, i), (o,))]
    return [rng.uniform(-0.8, 0.8, shape) for shape in shapes]


def trace():
    rng = np.random.Generator(np.random.PCG64(5))
    data = {"labelled": rng.uniform(-1, 1, (5, 2)).tolist(), "labels": [0, 1, 1, 0, 1],
            "weak": rng.uniform(-1, 1, (6, 2)).tolist(), "strong": rng.uniform(-1, 1, (6, 2)).tolist()}
    first = [initial(rng), initial(rng)]
    result = {"settings": SETTINGS, "data": data, "teacher": np.concatenate([p.ravel() for p in first[0]]).tolist(),
              "student": np.concatenate([p.ravel() for p in first[1]]).tolist(), "runs": {}}
    for kind in ("dot", "fd", "cos", "jvp"):
        teacher, student = ([p.copy() for p in network] for network in first)
        of_teacher, of_student, baseline = Sgd(teacher), Sgd(student), None
        result["runs"][kind] = []
        for step in range(SETTINGS["steps"]):
            out, baseline = iteration(kind, step, teacher, student, of_teacher, of_student, data, baseline)
            result["runs"][kind].append({key: value for key, value in out.items() if value is not None})
    return result


def same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return a == b if isinstance(a, (str, int)) else abs(a - b) <= 1e-12 * max(1.0, abs(a))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2]) as file:
            stored = json.load(file)
        sys.exit(0 if same(json.loads(json.dumps(trace())), stored) else f"{sys.argv[2]}: not what this script computes")
    print(json.dumps(trace()))
