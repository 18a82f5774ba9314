#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times whole training steps of exported networks against the same loop in PyTorch eager: forward, cross-entropy,
backward, optimiser. One process each, in turn, one thread both; prints the median ratio of times and that of memory.

    train_steps.py [--pairs 12] [--program build/release/bin/train_bench] [NAME...]     (with PyTorch and transformers)

Networks: resnet (ResNet-18's plan, 32 channels, batches of 32 images 32 x 32, BatchNormalization), bert (2 layers of
128, batches of 32 texts of 64 words), mlp (2-16-16-2, batches of 64: what a step costs apart from arithmetic).
"""
import argparse
import json
import logging
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Block(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
        same = inside == outside
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False),
                                                                 nn.BatchNorm2d(outside))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet(width=32):
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inside = width
    for outside, stride in [(1, 1), (1, 1), (2, 2), (2, 1), (4, 2), (4, 1), (8, 2), (8, 1)]:
        layers.append(Block(inside, outside * width, stride))
        inside = outside * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, 10)), \
        torch.randn(32, 3, 32, 32), "sgd"


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512, num_labels=4,
                        hidden_dropout_prob=0, attention_probs_dropout_prob=0, attn_implementation="sdpa")
    return BertForSequenceClassification(config), torch.randint(0, 1000, (32, 64)), "adamw"


def mlp():
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)), \
        torch.randn(64, 2), "sgd"


NETS = {"resnet": resnet, "bert": bert, "mlp": mlp}


def most_bytes():
    """Of this process alone: getrusage() starts with what its parent held."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])


def groups(model):
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": decay, "weight_decay": 1e-4}, {"params": rest, "weight_decay": 0}]


def serve(name):
    """The loop in PyTorch, as train_bench serves its own."""
    if name == "bert":
        import transformers  # noqa: F401: its modules are no part of the network
    torch.set_num_threads(1)
    before = most_bytes()
    model, inputs, kind = NETS[name]()
    model.train()
    optimizer = torch.optim.SGD(groups(model), lr=1e-3, momentum=0.9, nesterov=True) if kind == "sgd" else \
        torch.optim.AdamW(groups(model), lr=1e-3)
    labels = torch.randint(0, 2, (len(inputs),))

    def step():
        logits = model(inputs)
        loss = nn.functional.cross_entropy(getattr(logits, "logits", logits), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    answer(step, before)


def answer(step, before):
    """What served.h does in C++: seconds of as many steps as each line says, and bytes held beyond those `before`."""
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        print(time.perf_counter() - start, most_bytes() - before, flush=True)


class Peer:
    def __init__(self, *command):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        seconds, self.bytes = map(float, self.process.stdout.readline().split())
        return seconds

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def race(name, ours, eager, pairs, seconds):
    """Runs both peers in turn, each time as many steps as take eager PyTorch so many seconds; prints a JSON line."""
    steps = max(1, round(seconds / min(eager.run(1) for _ in range(3))))
    ours.run(steps)
    times = [(ours.run(steps), eager.run(steps)) for _ in range(pairs)]
    ratios = [a / b for a, b in times]
    result = {"net": name, "time_ratio": round(statistics.median(ratios), 3), "lowest": round(min(ratios), 3),
              "highest": round(max(ratios), 3), "ours_ms": round(min(a for a, _ in times) / steps * 1e3, 3),
              "torch_ms": round(min(b for _, b in times) / steps * 1e3, 3),
              "memory_ratio": round(ours.bytes / eager.bytes, 3)}
    for peer in (ours, eager):
        peer.close()
    print(json.dumps(result), flush=True)


def compare(name, program, pairs, folder):
    model, inputs, kind = NETS[name]()
    path = pathlib.Path(folder) / f"{name}.onnx"
    torch.onnx.export(model.eval(), (inputs,), path, dynamo=True, optimize=False, verbose=False, opset_version=20)
    eager = Peer(sys.executable, __file__, "--serve", name)
    ours = Peer(program, path, len(inputs), "sgd" if kind == "sgd" else "adamw")
    race(name, ours, eager, pairs, 0.4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--program", default=ROOT / "build/release/bin/train_bench")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if args.serve:
        return serve(args.serve)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or NETS:
            compare(name, args.program, args.pairs, folder)


if __name__ == "__main__":
    main()
