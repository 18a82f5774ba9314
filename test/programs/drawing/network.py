# SPDX-License-Identifier: Apache-2.0
"""Layers of networks: normalisations, recurrent cells, attention, losses, signals."""

import numpy as np

from .registry import draws


@draws(2)
def batch_normalization(g):
    x = g.pick(("float32", "float32", "float64"), rank=(2, 5), where=lambda a: a.size > 0)
    scale, bias, mean = (g.weight(x.dtype, (x.shape[1],)) for _ in range(3))
    g.add("BatchNormalization", [x, scale, bias, mean, g.weight(x.dtype, (x.shape[1],), 0.3, 2)],
          **g.some(epsilon=1e-3))


def spread(a):
    """Enough of it to be normalised: the least deviation along the last axes is no rounding error."""
    return a.size > 0 and a.dtype.kind == "f" and a.std() > 0.05


@draws(1)
def instance_normalization(g):
    x = g.pick(("float32",), rank=(3, 5), where=spread)
    g.add("InstanceNormalization", [x, *(g.weight("float32", (x.shape[1],)) for _ in range(2))], **g.some(epsilon=1e-2))


@draws(2, since=17)
def layer_normalization(g):
    x = g.pick(("float32", "float32", "float64", "float16"), rank=(1, 4), where=spread)
    axis = g.integer(0, x.rank - 1)
    bias = [g.weight(x.dtype, x.shape[axis:])] if g.chance(0.6) else []
    g.add("LayerNormalization", [x, g.weight(x.dtype, x.shape[axis:]), *bias],
          g.choice([1, 1, 3]) if x.dtype == "float32" else 1,
          axis=g.negative(axis, x.rank),
          **g.some(epsilon=1e-2))


@draws(1, since=21)
def group_normalization(g):
    x = g.pick(("float32",), rank=(3, 4), where=spread)
    group = g.choice([n for n in range(1, x.shape[1] + 1) if x.shape[1] % n == 0])
    size = (x.shape[1],)
    g.add("GroupNormalization", [x, g.weight("float32", size), g.weight("float32", size)],
          num_groups=group,
          **g.some(epsilon=1e-2))


@draws(1, since=23)
def rms_normalization(g):
    x = g.pick(("float32", "float16"), rank=(1, 4), where=spread)
    axis = g.integer(0, x.rank - 1)
    g.add("RMSNormalization", [x, g.weight(x.dtype, x.shape[axis:])],
          axis=g.negative(axis, x.rank),
          **g.some(epsilon=1e-2))


@draws(4)
def recurrent(g):
    op_type = g.choice(["LSTM", "GRU", "RNN"])
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op_type]
    x = g.pick(("float32",), rank=3, where=lambda a: a.size > 0)
    length, batch, width = x.shape
    hidden = g.integer(1, 4)
    direction = g.choice(["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    optional = [(ways, 2 * gates * hidden), None, (ways, batch, hidden)]
    if op_type == "LSTM":
        optional += [(ways, batch, hidden), (ways, 3 * hidden)]
    inputs = [
        x, g.weight("float32", (ways, gates * hidden, width)),
        g.weight("float32", (ways, gates * hidden, hidden))
    ]
    for shape in optional:
        if g.chance(0.5):
            inputs.append(None)
        elif shape is None:
            inputs.append(g.leaf(np.asarray(g.random.integers(1, length + 1, batch), np.int32)))
        else:
            inputs.append(g.weight("float32", shape))
    while inputs[-1] is None:
        inputs.pop()
    attributes = g.some(linear_before_reset=1) if op_type == "GRU" else {}
    if op_type != "LSTM":  # its cell state is the input of an activation, too, but ONNX Runtime does not clip that
        attributes |= g.some(clip=1.5)
    if direction != "forward" or g.chance(0.3):
        attributes["direction"] = direction
    if g.chance(0.3):
        names = ["Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "Affine", "ThresholdedRelu"]
        attributes["activations"] = [
            g.choice(names[:5]) for _ in range(ways * {
                "LSTM": 3,
                "GRU": 2,
                "RNN": 1
            }[op_type])
        ]
    outputs = g.choice([[True], [False, True], [True, True]] + ([[True, True, True]] if op_type == "LSTM" else []))
    g.add(op_type, inputs, outputs, hidden_size=hidden, **attributes)


@draws(2, since=23)
def attention(g):
    batch, length, total, width = g.integer(1, 2), g.integer(1, 4), g.integer(1, 5), g.choice([2, 4])
    heads = g.integer(1, 2)
    query_heads = heads * g.integer(1, 2)
    if g.symbolic or g.chance(0.5):  # ONNX's shape inference takes a size with a name for zero where heads are joined
        shapes = [(batch, query_heads, length, width), (batch, heads, total, width), (batch, heads, total, width)]
        attributes = {}
    else:
        shapes = [(batch, length, query_heads * width), (batch, total, heads * width), (batch, total, heads * width)]
        attributes = {"q_num_heads": query_heads, "kv_num_heads": heads}
    inputs = [g.pick(("float32",), shape=shape, new=0.3) for shape in shapes]
    if g.chance(0.4):
        shape = g.choice([(length, total), (batch, 1, length, total), (1, 1, length, total)])
        mask = g.random.random(shape) < 0.7
        mask[..., 0] = True
        inputs.append(g.leaf(mask if g.chance(0.5) else np.where(mask, 0, -2).astype(np.float32)))
    g.add("Attention", inputs, **attributes, **g.some(is_causal=1, scale=0.5, softcap=2.0))


@draws(1, since=23)
def rotary(g):
    batch, heads, length, width = g.integer(1, 2), g.integer(1, 2), g.integer(1, 4), g.choice([2, 4])
    x = g.pick(("float32",), shape=(batch, heads, length, width), new=0.5)
    rotated = {} if width == 2 or g.chance(0.6) else {"rotary_embedding_dim": 2}
    half = rotated.get("rotary_embedding_dim", width) // 2
    tables = [g.weight("float32", (7, half)) for _ in range(2)]
    places = g.leaf(np.asarray(g.random.integers(0, 7, (batch, length)), np.int64))
    g.add("RotaryEmbedding", [x, *tables, places], **g.some(interleaved=1), **rotated)


@draws(0.7)
def cross_entropy(g):
    x = g.pick(("float32",), rank=(2, 4), where=lambda a: a.size > 0 and np.abs(a).max() < 30)
    classes = x.shape[1]
    labels = np.asarray(g.random.integers(0, classes, (x.shape[0], *x.shape[2:])), np.int64)
    weights = [g.weight("float32", (classes,), 0.2, 1)] if g.chance(0.4) else []
    attributes = g.some(reduction=g.choice(["none", "sum", "mean"]))
    if labels.size > 1 and g.chance(0.3):
        labels.flat[0] = attributes["ignore_index"] = -1
        labels.flat[1] = 0
    if g.chance(0.5):
        g.add("SoftmaxCrossEntropyLoss", [x, g.leaf(labels), *weights], g.integer(1, 2), **attributes)
    else:
        g.add("NegativeLogLikelihoodLoss", [g.add("LogSoftmax", [x], axis=1), g.leaf(labels), *weights], **attributes)


@draws(0.5, since=17)
def fourier(g):
    axis_input = g.opset >= 20
    width = g.integer(1, 2)
    x = g.pick(("float32",), shape=(*g.shape(g.integer(1, 2), zero=0), g.choice([2, 4, 5, 8]), width), new=0.6)
    attributes = {"onesided": 1} if width == 1 and g.chance(0.4) else {}
    if not attributes and width == 2 and g.chance(0.4):
        attributes["inverse"] = 1
    axis = x.rank - 2
    if axis_input:
        g.add("DFT", [x, None, g.ints(axis)], **attributes)
    else:
        g.add("DFT", [x], axis=axis, **attributes)


@draws(0.4, since=17)
def windows(g):
    g.add(g.choice(["HannWindow", "HammingWindow", "BlackmanWindow"]), [g.ints(g.integer(3, 9))], **g.some(periodic=0))


@draws(0.3, since=17)
def short_time_fourier(g):
    signal = g.pick(("float32",), shape=(g.integer(1, 2), 12, 1), new=0.8)
    frame = g.integer(3, 6)
    g.add("STFT", [signal, g.ints(g.integer(1, 4)), g.weight("float32", (frame,), 0.2, 1)], onesided=g.integer(0, 1))


@draws(0.3, since=17)
def mel_weights(g):
    g.add("MelWeightMatrix", [
        g.ints(g.integer(3, 6)),
        g.ints(16),
        g.ints(8000),
        g.leaf(np.float32(20), parameter=True),
        g.leaf(np.float32(3900), parameter=True)
    ])
