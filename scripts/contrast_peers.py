#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs make of the CLIPs of export_clip.py, whose weights are those of its ONNX files: one line of JSON.

    contrast_peers.py gradient NAME PEER --batch 16 --micro 4
        beside one graph over the batch, in float64: `weights`, |g - g0| / |g0| over all; `log_scale`, g / g0 of the logarithm of the
        scale (null: it is not learnt)
    contrast_peers.py memory NAME PEER --batch 4096 --micro 64
        a step in float32 after a small one: `resident_bytes`, by which the process grew at most, and `cpu_s`. The batch's
        inputs are there before and do not count.

Peers: plain (one graph), open_clip (its own training loop with --accum-freq), sentence_transformers (its cached loss),
grad_cache (from a folder of its sources, --grad-cache).
"""

import argparse
import json
import logging
import resource
import sys
import types
import warnings

import torch

from export_clip import build, loss_of, pairs


def plain(clip, image, text, _micro):
    loss_of(clip, image, text).backward()


def open_clip(clip, image, text, micro):
    """open_clip's training loop over one batch in parts, with an optimiser that leaves weights alone."""
    from open_clip import ClipLoss
    from open_clip_train.train import train_one_epoch

    clip.output_dict = True
    clip.train = lambda mode=True: clip  # statistics of batches are another matter
    parts = list(zip(image.split(micro), text.split(micro)))

    class Loader:
        num_batches, num_samples = len(parts), len(image)

        def __iter__(self):
            return iter(parts)

    data = {"train": types.SimpleNamespace(dataloader=Loader(), set_epoch=lambda epoch: None)}
    args = types.SimpleNamespace(device="cpu", precision="fp32", distill=False, accum_freq=len(parts), skip_scheduler=True,
                                 horovod=False, grad_clip_norm=None, rank=0, local_rank=0, log_every_n_steps=10**9, batch_size=micro,
                                 world_size=1, wandb=False, log_local=False)
    train_one_epoch(clip, data, ClipLoss(), 0, torch.optim.SGD(clip.parameters(), lr=0), None, None, None, args)


def sentence_transformers(clip, image, text, micro):
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    class Pair(torch.nn.Module):
        """Both encoders behind the interface that the loss wants."""

        def __init__(self):
            super().__init__()
            self.clip = clip

        def __getitem__(self, index):  # the loss looks whether the first module is a table of embeddings
            return self.clip

        def forward(self, features):
            embed = clip.encode_image(features["image"]) if "image" in features else clip.encode_text(features["text"])
            return {**features, "sentence_embedding": embed}

    loss = CachedMultipleNegativesRankingLoss(Pair(), scale=clip.logit_scale.exp().item(), mini_batch_size=micro,
                                              directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction")
    loss([{"image": image}, {"text": text}], None).backward()


def grad_cache(clip, image, text, micro):
    from grad_cache import GradCache
    from torch.nn.functional import cross_entropy, normalize

    class Encoder(torch.nn.Module):
        def __init__(self, encode):
            super().__init__()
            self.encode = encode

        def forward(self, items):
            return normalize(self.encode(items))

    def loss(x, y):
        scores = clip.logit_scale.exp() * x @ y.T
        own = torch.arange(len(scores))
        return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2

    GradCache([Encoder(clip.encode_image), Encoder(clip.encode_text)], [micro, micro], loss)(image, text)


PEERS = {each.__name__: each for each in (plain, open_clip, sentence_transformers, grad_cache)}


def gradients(clip):
    return {name: value.grad.clone() for name, value in clip.named_parameters() if value.grad is not None}


def gradient(name, peer, batch, micro):
    image, text = (torch.from_numpy(items) for items in pairs(name, batch))
    found = []
    for method in (plain, PEERS[peer]):
        clip = build(name).double()
        method(clip, image.double(), text, micro)
        found.append(gradients(clip))
    expected, got = found
    difference = sum(((got[key] - value) ** 2).sum().item() for key, value in expected.items() if key != "logit_scale")
    norm = sum((value ** 2).sum().item() for key, value in expected.items() if key != "logit_scale")
    scale = got["logit_scale"] / expected["logit_scale"] if "logit_scale" in got else None
    return {"weights": (difference / norm) ** 0.5, "log_scale": None if scale is None else scale.item()}


def status_bytes(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{key}:"))


def memory(name, peer, batch, micro):
    image, text = (torch.from_numpy(items) for items in pairs(name, batch))
    clip = build(name)
    few = min(batch, 2 * micro)
    PEERS[peer](clip, image[:few], text[:few], micro)
    for parameter in clip.parameters():
        parameter.grad = None
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the largest size counts anew
    before, start = status_bytes("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
    PEERS[peer](clip, image, text, micro)
    end = resource.getrusage(resource.RUSAGE_SELF)
    return {"resident_bytes": status_bytes("VmHWM") - before,
            "cpu_s": end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["gradient", "memory"])
    parser.add_argument("name", choices=["vit", "resnet"])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--micro", type=int, default=4)
    parser.add_argument("--grad-cache", default="", help="folder of GradCache's sources")
    args = parser.parse_args()
    if args.batch % args.micro:
        parser.error("--micro has to divide --batch: open_clip's parts are of one size")
    if args.grad_cache:
        sys.path.insert(0, args.grad_cache)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    print(json.dumps(globals()[args.what](args.name, args.peer, args.batch, args.micro)))


if __name__ == "__main__":
    main()
