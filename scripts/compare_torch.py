#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times lib/exec against PyTorch eager on the same network, weights apart: pairs of runs in turn, one after the other;
and forward passes against ONNX Runtime.

    compare_torch.py [--pairs 12] [--threads 1,2] [NAME...]

Networks: resnet50 (batch 8), lstm (4 layers of 256, batch 32, 64 steps), bert-base (128 words, eager's fused attention).
Prints the median ratio of forward passes and of training steps (forward and backward), and of peak memory: what a
process of each that does nothing else holds at most after training steps, less what it holds before.
"""
import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = torch.nn.LSTM(256, 256, 4)

    def forward(self, x):
        return self.cells(x)[0]


def resnet50():
    from transformers import ResNetConfig, ResNetForImageClassification

    model = ResNetForImageClassification(ResNetConfig(num_labels=1000))
    return model, {"pixel_values": torch.randn(8, 3, 224, 224)}


def bert_base():
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(attn_implementation="sdpa"), add_pooling_layer=False), \
        {"input_ids": torch.randint(0, 30000, (1, 128))}


NETS = {"resnet50": resnet50, "lstm": lambda: (Lstm(), {"x": torch.randn(64, 32, 256)}), "bert-base": bert_base}


class Eager:
    def __init__(self, model, inputs):
        self.model, self.inputs = model, inputs

    def output(self):
        result = self.model(**self.inputs)
        return result if torch.is_tensor(result) else result[0]

    def forward(self, count):
        self.model.eval()
        with torch.no_grad():
            start = time.perf_counter()
            for _ in range(count):
                self.output()
            return time.perf_counter() - start

    def train(self, count):
        self.model.train()
        start = time.perf_counter()
        for _ in range(count):
            self.output().sum().backward()
            self.model.zero_grad(set_to_none=True)
        return time.perf_counter() - start


# Run by the python3 of PATH, which scripts/env.sh makes one that has ONNX Runtime.
RUNTIME = """
import sys, time
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = int(sys.argv[2]), 4
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
make = {"tensor(float)": lambda s: np.random.randn(*s).astype(np.float32), "tensor(int64)": lambda s: np.random.randint(0, 1000, s)}
feeds = {i.name: make[i.type](i.shape) for i in session.get_inputs()}
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line.split()[1])):
        session.run(None, feeds)
    print(time.perf_counter() - start, 0, flush=True)
"""


class Peer:
    """A process that is told how often to run, and answers with seconds and bytes."""

    def __init__(self, *command):
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, what, count):
        self.process.stdin.write(f"{what} {count}\n")
        self.process.stdin.flush()
        seconds, peak = self.process.stdout.readline().split()
        return float(seconds), int(peak)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def executor(program, path, threads, trained):
    return Peer(program, path, threads, *(["trained"] if trained else []))


def compare(name, program, threads, pairs, folder):
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    model, inputs = NETS[name]()
    model.eval()
    path = folder / f"{name}.onnx"
    if not path.exists():
        torch.onnx.export(model, kwargs=inputs, f=path, dynamo=True, verbose=False, opset_version=20)
    eager = Eager(model, inputs)
    for what in ("forward", "train"):
        ours = executor(program, path, threads, what == "train")
        runtime = Peer("python3", "-c", RUNTIME, path, threads) if what == "forward" else None
        count = max(1, round(0.5 / min(getattr(eager, what)(1) for _ in range(2))))
        for peer in filter(None, (ours, runtime)):
            peer.run(what, 1)
        ratios, to_runtime = [], []
        for _ in range(pairs):
            theirs = getattr(eager, what)(count)
            seconds = ours.run(what, count)[0]
            ratios.append(seconds / theirs)
            if runtime:
                to_runtime.append(seconds / runtime.run(what, count)[0])
        for peer in filter(None, (ours, runtime)):
            peer.close()
        beside = f", {statistics.median(to_runtime):.2f} x ONNX Runtime" if to_runtime else ""
        print(f"{name} {what} {threads} threads: {statistics.median(ratios):.3f} x PyTorch "
              f"({min(ratios):.3f} to {max(ratios):.3f}, {theirs / count * 1e3:.1f} ms){beside}", flush=True)


def eager_memory(name):
    """Bytes that the network and its training steps take at most, beyond what the libraries take."""
    import transformers  # noqa: F401: its modules are no part of the network
    before = most_bytes()
    model, inputs = NETS[name]()
    Eager(model, inputs).train(3)
    print(most_bytes() - before)


def most_bytes():
    """Of this process alone: getrusage() starts with what its parent held."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1])


def compare_memory(name, program, folder):
    eager = int(subprocess.run([sys.executable, __file__, "--eager-memory", name], capture_output=True, text=True,
                               check=True).stdout.split()[-1])
    ours = executor(program, folder / f"{name}.onnx", 1, True)
    peak = ours.run("train", 3)[1]
    ours.close()
    print(f"{name} memory 1 thread: {peak / eager:.3f} x PyTorch ({peak / 1e6:.0f} and {eager / 1e6:.0f} MB)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--program", default=ROOT / "build/release/bin/exec_bench")
    parser.add_argument("--eager-memory", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.eager_memory:
        return eager_memory(args.eager_memory)
    names = args.names or list(NETS)
    if len(names) > 1:  # each in processes of its own: what an allocator keeps for a network depends on those before
        same = ["--pairs", str(args.pairs), "--threads", args.threads, "--program", args.program]
        return max(subprocess.run([sys.executable, __file__, *same, name]).returncode for name in names)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            for threads in map(int, args.threads.split(",")):
                compare(name, args.program, threads, args.pairs, pathlib.Path(folder))
            compare_memory(name, args.program, pathlib.Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
