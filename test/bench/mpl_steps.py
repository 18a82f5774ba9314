#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times whole iterations of Meta Pseudo Labels on exported networks against the same iteration written by hand in PyTorch
eager: teacher, labels, the student's step, a look at it, feedback by cosine, the teacher's step, the student's average.
One process each, in turn, one thread both; prints the median ratio of times and that of memory.

    mpl_steps.py [--pairs 8] [--program build/release/bin/mpl_bench] [NAME...]     (with PyTorch and transformers)

Networks are those of train_steps.py: resnet (8 labelled images, 24 without labels), bert (8 and 24 texts), mlp (64 and 448
points).
"""
import argparse
import copy
import logging
import pathlib
import sys
import tempfile
import warnings

import torch
import train_steps
from torch.nn.functional import cross_entropy, log_softmax, softmax

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIZES = {"resnet": (8, 3), "bert": (8, 3), "mlp": (64, 7)}  # labelled items, unlabelled ones for each
RATE = 1e-3


def optimizer(model):
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    return torch.optim.SGD([{"params": decay, "weight_decay": 5e-4}, {"params": rest, "weight_decay": 0}], lr=RATE, momentum=0.9,
                           nesterov=True)


class Iteration:
    def __init__(self, name):
        model, example, _ = train_steps.NETS[name]()
        labelled, ratio = SIZES[name]

        def items(count):
            shape = (count, *example.shape[1:])
            return torch.randn(shape) if example.is_floating_point() else torch.randint(0, 1000, shape)

        self.teacher, self.student, self.average = model.train(), copy.deepcopy(model), copy.deepcopy(model)
        self.labelled, self.weak, self.strong = items(labelled), items(labelled * ratio), items(labelled * ratio)
        self.labels = torch.randint(0, 2, (labelled,))
        self.of_teacher, self.of_student = optimizer(self.teacher), optimizer(self.student)
        self.parameters = list(self.student.parameters())
        self.baseline = None

    @staticmethod
    def logits(model, x):
        found = model(x)
        return getattr(found, "logits", found)

    def __call__(self):
        sizes = [len(self.labelled), len(self.weak), len(self.strong)]
        labelled, weak, strong = self.logits(self.teacher, torch.cat([self.labelled, self.weak, self.strong])).split(sizes)
        supervised = cross_entropy(labelled, self.labels)
        target = softmax(weak.detach() / 0.5, -1)
        kept = target.amax(-1) >= 0.2
        consistency = (-(target * log_softmax(strong, -1)).sum(-1) * kept).mean()
        label = torch.multinomial(softmax(strong.detach(), -1), 1).squeeze(1)

        self.of_student.zero_grad(set_to_none=True)
        cross_entropy(self.logits(self.student, self.strong), label).backward()
        self.of_student.step()
        self.student.eval()
        after = torch.autograd.grad(cross_entropy(self.logits(self.student, self.labelled), self.labels), self.parameters)
        self.student.train()
        g = [p.grad for p in self.parameters]
        dot = sum((a * b).sum() for a, b in zip(after, g))
        norms = torch.stack(torch._foreach_norm(after)).norm() * torch.stack(torch._foreach_norm(g)).norm()
        h = (dot / (norms + 1e-12)).item()
        self.baseline = h if self.baseline is None else self.baseline + 0.01 * (h - self.baseline)

        self.of_teacher.zero_grad(set_to_none=True)
        (supervised + consistency + (h - self.baseline) * cross_entropy(strong, label)).backward()
        self.of_teacher.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), self.parameters, 0.01)
            for average, current in zip(self.average.buffers(), self.student.buffers()):
                if average.is_floating_point():
                    average.lerp_(current, 0.01)


def serve(name):
    """Iterations in PyTorch, as mpl_bench serves its own."""
    if name == "bert":
        import transformers  # noqa: F401: its modules are no part of the network
    torch.set_num_threads(1)
    before = train_steps.most_bytes()
    iteration = Iteration(name)
    train_steps.answer(iteration, before)


def compare(name, program, pairs, folder):
    model, inputs, _ = train_steps.NETS[name]()
    path = pathlib.Path(folder) / f"{name}.onnx"
    torch.onnx.export(model.eval(), (inputs,), path, dynamo=True, optimize=False, verbose=False, opset_version=20)
    eager = train_steps.Peer(sys.executable, __file__, "--serve", name)
    ours = train_steps.Peer(program, path, *SIZES[name])
    train_steps.race(name, ours, eager, pairs, 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--program", default=ROOT / "build/release/bin/mpl_bench")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if args.serve:
        return serve(args.serve)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or SIZES:
            compare(name, args.program, args.pairs, folder)


if __name__ == "__main__":
    main()
