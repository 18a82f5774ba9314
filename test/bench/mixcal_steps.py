#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times whole steps of a proxy that mixcal trains against the same steps in PyTorch eager: a batch of equal rows from
every domain, the losses of proxy and reference, weights by their clipped excess, backward, clipped AdamW. One process
each, in turn, one thread both; prints the median ratio of times and that of memory.

    mixcal_steps.py [--pairs 8] [--bin build/release/bin] [MODEL...]     (with PyTorch)

Models: nano and micro of mixcal, batches of 32 sequences of 5 domains.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import train_steps
from torch import nn
from torch.nn import functional

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIZES = {"nano": (2, 64, 4, 64), "micro": (4, 128, 4, 256)}  # layers, width, heads, length
DOMAINS, BATCH, VOCABULARY = 5, 32, 258


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).split(width, -1)
        q, k, v = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(mixed.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """As make_gpt() of lib/mixcal builds it."""

    def __init__(self, layers, width, heads, length, vocabulary=VOCABULARY):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.final = nn.LayerNorm(width)
        for each in self.parameters():
            if each.dim() > 1:
                nn.init.normal_(each, std=0.02)

    def forward(self, input_ids):
        x = self.tokens(input_ids) + self.positions.weight[:input_ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.final(x) @ self.tokens.weight.T


def losses(model, rows):
    logits = model(rows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="none").view(len(rows), -1)


class Training:
    def __init__(self, name):
        size = SIZES[name]
        self.length = size[-1] + 1
        self.proxy, self.reference = Gpt(*size), Gpt(*size)
        decay = [p for p in self.proxy.parameters() if p.dim() > 1]
        rest = [p for p in self.proxy.parameters() if p.dim() <= 1]
        groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
        self.data = torch.from_numpy(np.random.default_rng(1).integers(32, 127, (DOMAINS, 400_000), dtype=np.int64))
        self.log_alpha = torch.full((DOMAINS,), 1 / DOMAINS, dtype=torch.float64).log()
        self.domain = torch.arange(BATCH) * DOMAINS // BATCH

    def step(self):
        starts = torch.randint(0, self.data.shape[1] - self.length, (BATCH,))
        rows = torch.stack([self.data[d, s:s + self.length] for d, s in zip(self.domain.tolist(), starts.tolist())])
        proxy = losses(self.proxy, rows)
        with torch.no_grad():
            excess = (proxy - losses(self.reference, rows)).clamp_min(0).mean(1).double()
            counts = torch.bincount(self.domain, minlength=DOMAINS)
            scores = torch.zeros(DOMAINS, dtype=torch.float64).index_add_(0, self.domain, excess) / counts
            self.log_alpha += 0.03 * scores
            alpha = 0.999 * torch.softmax(self.log_alpha, 0) + 0.001 / DOMAINS
            self.log_alpha = alpha.log()
            factors = (alpha / counts)[self.domain].float()
        self.optimizer.zero_grad(set_to_none=True)
        (proxy.mean(1) * factors).sum().backward()
        nn.utils.clip_grad_norm_(self.proxy.parameters(), 1)
        self.optimizer.step()


def serve(name):
    """Steps in PyTorch, as mixcal_bench serves its own."""
    torch.set_num_threads(1)
    before = train_steps.most_bytes()
    training = Training(name)
    train_steps.answer(training.step, before)


def compare(name, programs, pairs, tokens):
    eager = train_steps.Peer(sys.executable, __file__, "--serve", name)
    ours = train_steps.Peer(programs / "mixcal_bench", tokens, name, BATCH)
    train_steps.race(name, ours, eager, pairs, 0.5)


def text_domains(folder):
    """Random printable bytes: what a step takes does not depend on them."""
    rng = np.random.default_rng(1)
    for i in range(DOMAINS):
        (folder / f"{i}.txt").write_bytes(rng.integers(32, 127, 400_000, dtype=np.uint8).tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "text").mkdir()
        text_domains(folder / "text")
        subprocess.run([args.bin / "mixcal", "prep", folder / "text", "-o", folder / "tokens", "-q"], check=True)
        for each in args.names or SIZES:
            compare(each, args.bin, args.pairs, folder / "tokens")


if __name__ == "__main__":
    main()
