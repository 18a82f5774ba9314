#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports well-known networks with random weights to ONNX: test inputs, and the small models of models/.

    export_models.py OUTPUT [NAME...]            full-size models and manifest.json (2 minutes, 2 GB)
    export_models.py OUTPUT --small [NAME...]    the same graphs without weights: a few hundred KB each

Every network has its published shape, is seeded, and takes dynamic dimensions. --small keeps the graph, its names and
all dimensions, but each large weight is computed by one node (Mul of two vectors that many weights share, or
ConstantOfShape): the file is small and outputs still depend on inputs. manifest.json holds, for each model, dimensions
and the FLOPs that PyTorch's FlopCounterMode counts for an inference and for a training step.
"""

import argparse
import collections
import json
import logging
import math
import pathlib
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

OPSET = 20


class EncoderDecoder(torch.nn.Module):
    """The base Transformer of Vaswani et al. 2017, with one vocabulary of 37,000 words shared by both sides."""

    def __init__(self, vocabulary=37000, width=512, longest=512):
        super().__init__()
        self.width = width
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.position = torch.nn.Embedding(longest, width)
        self.transformer = torch.nn.Transformer(width, 8, 6, 6, 2048, batch_first=True)
        self.project = torch.nn.Linear(width, vocabulary)

    def embed(self, tokens):
        return self.embedding(tokens) * math.sqrt(self.width) + self.position(torch.arange(tokens.shape[1]))

    def forward(self, source, target):
        length = target.shape[1]
        future = torch.triu(torch.full((length, length), -math.inf), 1)
        # Told what the mask is, PyTorch need not look at its values, which an export cannot.
        decoded = self.transformer(self.embed(source), self.embed(target), tgt_mask=future, tgt_is_causal=False)
        return self.project(decoded)


class WithPast(torch.nn.Module):
    """A decoder that takes and gives keys and values of all layers, in one flat list, as generation loops use it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, past):
        from transformers.cache_utils import DynamicCache

        cache = DynamicCache.from_legacy_cache(list(zip(past[0::2], past[1::2])))
        output = self.model(input_ids=input_ids, past_key_values=cache, use_cache=True)
        return output.logits, *[tensor for layer in output.past_key_values.to_legacy_cache() for tensor in layer]


def tokens(vocabulary, batch, length):
    return torch.randint(0, vocabulary, (batch, length))


def bert_base():
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(attn_implementation="eager"))
    inputs = {"input_ids": tokens(30522, 2, 16), "attention_mask": torch.ones(2, 16, dtype=torch.int64)}
    return model, inputs, {name: {0: "batch", 1: "seq"} for name in inputs}, ["last_hidden_state", "pooled"]


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(use_cache=False))
    return model, {"input_ids": tokens(50257, 2, 16)}, {"input_ids": {0: "batch", 1: "seq"}}, ["logits"]


def gpt2_past(layers=2, heads=4, head=64):
    """GPT-2 with a key-value cache: small, since its structure is what counts."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=heads * head, n_head=heads, vocab_size=5000,
                                       attn_implementation="eager"))
    inputs = {"input_ids": tokens(5000, 2, 3), "past": [torch.randn(2, heads, 16, head) for _ in range(2 * layers)]}
    dynamic = {"input_ids": {0: "batch", 1: "seq"}, "past": [{0: "batch", 2: "past_seq"}] * (2 * layers)}
    return WithPast(model), inputs, dynamic, ["logits", *cache_names("present", layers)]


def cache_names(prefix, layers):
    return [f"{prefix}.{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]


def transformer():
    inputs = {"source": tokens(37000, 2, 16), "target": tokens(37000, 2, 12)}
    dynamic = {"source": {0: "batch", 1: "source_seq"}, "target": {0: "batch", 1: "target_seq"}}
    return EncoderDecoder(), inputs, dynamic, ["logits"]


def resnet50():
    from transformers import ResNetConfig, ResNetForImageClassification

    model = ResNetForImageClassification(ResNetConfig(num_labels=1000))
    return model, {"pixel_values": torch.randn(2, 3, 224, 224)}, {"pixel_values": {0: "batch"}}, ["logits"]


def vit_base():
    from transformers import ViTConfig, ViTForImageClassification

    model = ViTForImageClassification(ViTConfig(num_labels=1000, attn_implementation="eager"))
    return model, {"pixel_values": torch.randn(2, 3, 224, 224)}, {"pixel_values": {0: "batch"}}, ["logits"]


# name -> how to build it, the dimensions at which FLOPs are counted, and whether weights go to a file of their own.
MODELS = {
    "bert-base": (bert_base, {"batch": 1, "seq": 128}, False),
    "gpt2": (gpt2, {"batch": 1, "seq": 128}, True),
    "gpt2-past": (gpt2_past, {"batch": 1, "seq": 1, "past_seq": 128}, False),
    "transformer-base": (transformer, {"batch": 1, "source_seq": 64, "target_seq": 48}, True),
    "resnet50": (resnet50, {"batch": 1}, False),
    "vit-base": (vit_base, {"batch": 1}, False),
}


def resized(inputs, dynamic, dims):
    """The inputs with their dynamic axes at `dims`."""
    if isinstance(inputs, list):
        return [resized(tensor, axes, dims) for tensor, axes in zip(inputs, dynamic)]
    if isinstance(inputs, dict):
        return {name: resized(value, dynamic[name], dims) for name, value in inputs.items()}
    shape = [dims[dynamic[axis]] if axis in dynamic else size for axis, size in enumerate(inputs.shape)]
    return torch.ones(shape, dtype=inputs.dtype)


def floats(output):
    """The float tensors in whatever a model returns."""
    if isinstance(output, torch.Tensor):
        return [output] if output.is_floating_point() else []
    parts = output.values() if hasattr(output, "values") else output
    return [tensor for part in parts for tensor in floats(part)]


def count_flops(model, inputs):
    """FLOPs of an inference, and of a training step whose loss is the sum of all outputs."""
    # Attention as plain matrix products: the fused kernels are not all known to the counter.
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as inference, torch.no_grad():
            model(**inputs)
        with FlopCounterMode(display=False) as training:
            sum(tensor.sum() for tensor in floats(model(**inputs))).backward()
    return {"flops": inference.get_total_flops(), "training_flops": training.get_total_flops()}


def input_names(inputs):
    return [each for name, value in inputs.items()
            for each in (cache_names("past_key_values", len(value) // 2) if isinstance(value, list) else [name])]


def export(name, folder, external_data):
    build, dims, _ = MODELS[name]
    torch.manual_seed(0)
    model, inputs, dynamic, outputs = build()
    model.eval()
    path = folder / f"{name}.onnx"
    torch.onnx.export(model, kwargs=inputs, f=path, dynamo=True, verbose=False, opset_version=OPSET,
                      dynamic_shapes=dynamic, input_names=input_names(inputs), output_names=outputs,
                      external_data=external_data)
    return path, {"dims": dims} | count_flops(model, resized(inputs, dynamic, dims))


class Substitutes:
    """Nodes that compute tensors of given shapes from little data, which all weights of a model share."""

    def __init__(self, graph):
        self.graph, self.random, self.names = graph, np.random.default_rng(0), set()
        self.uses = collections.Counter()

    def initializer(self, name, make_array):
        if name not in self.names:
            self.graph.initializer.append(numpy_helper.from_array(make_array(), name))
            self.names.add(name)
        return name

    def vector(self, *shape):
        # Several of each shape, in turns, or all embeddings would point in one direction. The fourth root lets a
        # square matrix keep the size of what it is applied to.
        scale = math.prod(shape) ** -0.25
        turn = self.uses[shape] % 4
        self.uses[shape] += 1
        return self.initializer(f"vector_{'x'.join(map(str, shape))}_{turn}",
                                lambda: (scale * self.random.standard_normal(shape)).astype(np.float32))

    def node(self, weight):
        """A constant stays what it is (scales and biases of normalisations); others become matrices of rank one."""
        array, name = numpy_helper.to_array(weight), "make_" + weight.name
        if np.all(array == array.flat[0]):
            shape = self.initializer(f"shape_{'x'.join(map(str, weight.dims))}", lambda: np.array(weight.dims))
            value = numpy_helper.from_array(array.reshape(-1)[:1])
            return onnx.helper.make_node("ConstantOfShape", [shape], [weight.name], name=name, value=value)
        rows, *others = weight.dims
        factors = [self.vector(rows, *[1] * len(others)), self.vector(*others or [1])]
        return onnx.helper.make_node("Mul", factors, [weight.name], name=name)


def make_small(path):
    """Computes large weights in the graph and drops what describes the exporting machine (source lines, stacks)."""
    model = onnx.load(path)
    graph = model.graph
    is_large = lambda tensor: tensor.data_type == onnx.TensorProto.FLOAT and math.prod(tensor.dims) > 256
    large = [tensor for tensor in graph.initializer if is_large(tensor)]
    kept = [tensor for tensor in graph.initializer if not is_large(tensor)]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    substitutes = Substitutes(graph)
    nodes = [substitutes.node(weight) for weight in large] + list(graph.node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for item in [model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer]:
        del item.metadata_props[:]
        item.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path, help="folder for the models, made if missing")
    parser.add_argument("names", nargs="*", choices=[*MODELS, []], metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--small", action="store_true", help="leave weights out")
    options = parser.parse_intermixed_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.backends.mha.set_fastpath_enabled(False)  # the fused encoder layer cannot be exported
    options.output.mkdir(parents=True, exist_ok=True)
    manifest = {}
    for name in options.names or MODELS:
        path, manifest[name] = export(name, options.output, external_data=MODELS[name][2] and not options.small)
        if options.small:
            make_small(path)
        print(f"{path}  {path.stat().st_size:,} bytes  {manifest[name]['flops']:,} FLOPs at {manifest[name]['dims']}",
              flush=True)
    if not options.small:
        (options.output / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
