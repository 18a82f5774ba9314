#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports twelve small networks with PyTorch's gradients: what lib/exec is compared with.

    export_nets.py OUTPUT [NAME...]     (1 minute)

For each network NAME.f64.onnx and NAME.f32.onnx, the same weights in two precisions, in evaluation mode and with all
parameters under PyTorch's names; and NAME.safetensors with
    input.<k>     its inputs, in order
    seed.<k>      what each output is multiplied with; the loss is the sum of all products
    f64.<name>    the gradient of parameter <name>, computed in float64; f32.<name> in float32
    f64.loss, f32.loss
"""

import argparse
import logging
import pathlib
import warnings

import torch
from safetensors.torch import save_file
from torch import nn


class Block(nn.Module):
    """A residual block of two convolutions, with the shortcut that a change of width needs."""

    def __init__(self, inside, outside, stride=1):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
        self.shortcut = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1, stride)

    def forward(self, x):
        return torch.relu(self.b(self.a(x)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.body = nn.Sequential(Block(8, 8), Block(8, 16, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))

    def forward(self, x):
        return self.body(self.stem(x))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(3 + 4 * i), nn.ReLU(), nn.Conv2d(3 + 4 * i, 4, 3, padding=1)) for i in range(3))
        self.head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(15 * 16, 5))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.head(x)


class MobileNet(nn.Module):
    """Depthwise convolutions, hard swish, squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(3, 12, 1), nn.BatchNorm2d(12), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(12, 12, 3, 2, 1, groups=12), nn.BatchNorm2d(12), nn.ReLU6())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1), nn.ReLU(), nn.Conv2d(4, 12, 1),
                                     nn.Hardsigmoid())
        self.head = nn.Sequential(nn.Conv2d(12, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x):
        x = self.depthwise(self.expand(x))
        return self.head(x * self.squeeze(x))


class ConvNeXt(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.rand(width))
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(nn.functional.gelu(self.up(y)))
        return self.head((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 12, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(12, 6, 2, 2), nn.Conv2d(12, 2, 3, padding=1)

    def forward(self, x):
        top = torch.relu(self.down(x))
        deep = torch.relu(self.deep(nn.functional.max_pool2d(top, 2)))
        return self.out(torch.cat([top, self.up(deep)], 1))


class Tagger(nn.Module):
    """Two bidirectional recurrent layers over words."""

    def __init__(self, cell):
        super().__init__()
        self.words = nn.Embedding(50, 8)
        self.cells = cell(8, 6, 2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(12, 5)

    def forward(self, words):
        return self.out(self.cells(self.words(words))[0])


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 16), nn.SiLU(), nn.LayerNorm(16),
                                    nn.Linear(16, 5), nn.LogSoftmax(-1))

    def forward(self, x):
        return self.layers(x)


class Logits(nn.Module):
    """A transformers model as a function of tensors that gives tensors."""

    def __init__(self, model, *names, **fixed):
        super().__init__()
        self.model, self.names, self.fixed = model, names, fixed

    def forward(self, *inputs):
        output = self.model(**dict(zip(self.names, inputs)), **self.fixed)
        return output[0]


def words(*shape):
    return torch.randint(0, 60, shape)


def vit():
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=16,
                       patch_size=8, num_labels=5, attn_implementation="eager")
    return Logits(ViTForImageClassification(config), "pixel_values"), (torch.randn(2, 3, 16, 16),)


def bert():
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                        max_position_embeddings=20, attn_implementation="eager")
    mask = torch.ones(2, 9, dtype=torch.int64)
    mask[1, 6:] = 0
    return Logits(BertModel(config, add_pooling_layer=False), "input_ids", "attention_mask"), (words(2, 9), mask)


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, n_positions=20, attn_implementation="eager")
    return Logits(GPT2LMHeadModel(config), "input_ids", use_cache=False), (words(2, 9),)


def t5():
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
                      feed_forward_proj="gated-gelu")
    return Logits(T5ForConditionalGeneration(config), "input_ids", "decoder_input_ids", use_cache=False), \
        (words(2, 9), words(2, 5))


def image(size=16):
    return (torch.randn(2, 3, size, size),)


NETS = {
    "resnet": lambda: (ResNet(), image(32)),
    "densenet": lambda: (DenseNet(), image(8)),
    "mobilenet": lambda: (MobileNet(), image()),
    "convnext": lambda: (ConvNeXt(), image()),
    "vit": vit,
    "bert": bert,
    "gpt2": gpt2,
    "t5": t5,
    "lstm": lambda: (Tagger(nn.LSTM), (words(2, 7) % 50,)),
    "gru": lambda: (Tagger(nn.GRU), (words(2, 7) % 50,)),
    "unet": lambda: (UNet(), image(8)),
    "mlp": lambda: (Perceptron(), (torch.randn(4, 10),)),
}


def stir(model):
    """Statistics and constant parameters that a fresh model has are no test: all get random numbers."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point() or (tensor.dim() > 1 and tensor.numel() > 1):
                continue
            tensor.copy_(torch.rand_like(tensor) + 0.5 if "var" in name or "weight" in name else
                         0.2 * torch.randn_like(tensor))


def gradients(model, inputs, seeds, dtype):
    """Of the loss with respect to all parameters that it depends on; tied ones under each of their names."""
    model.zero_grad()
    output = model(*[x.to(dtype) if x.is_floating_point() else x for x in inputs])
    loss = (output * seeds.to(dtype)).sum()
    loss.backward()
    named = {name: p.grad for name, p in model.named_parameters(remove_duplicate=False) if p.grad is not None}
    return {"loss": loss.detach().reshape(1)} | {name: grad.clone() for name, grad in named.items()}


def export(name, folder):
    torch.manual_seed(sum(map(ord, name)))
    model, inputs = NETS[name]()
    model.eval()
    stir(model)
    with torch.no_grad():
        seeds = torch.rand(model(*inputs).shape, dtype=torch.float64) + 0.5
    tensors = {f"input.{k}": x.contiguous() for k, x in enumerate(inputs)} | {"seed.0": seeds}
    for kind, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        model.to(dtype)
        tensors |= {f"{kind}.{key}": value.contiguous() for key, value in gradients(model, inputs, seeds, dtype).items()}
        typed = tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)
        torch.onnx.export(model, typed, folder / f"{name}.{kind}.onnx", dynamo=True, optimize=False, verbose=False,
                          opset_version=20, external_data=False)
    save_file(tensors, folder / f"{name}.safetensors")


def keep_float64():
    """transformers computes softmax in float32 whatever the model's type, which leaves float64 gradients no digits."""
    softmax = nn.functional.softmax

    def in_own_type(x, dim=None, dtype=None, **rest):
        return softmax(x, dim, dtype=None if x.dtype == torch.float64 else dtype, **rest)

    nn.functional.softmax = in_own_type


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all: " + " ".join(NETS))
    args = parser.parse_args()
    unknown = set(args.names) - set(NETS)
    if unknown:
        parser.error(f"no network is called {', '.join(sorted(unknown))}; choose from {', '.join(NETS)}")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    keep_float64()
    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or NETS:
        export(name, args.output)
        print(name, flush=True)


if __name__ == "__main__":
    main()
