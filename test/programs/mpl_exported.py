# SPDX-License-Identifier: Apache-2.0
"""Networks that PyTorch exports, trained by mpl-train: its gradients are PyTorch's, its losses fall, and what it writes
is what ONNX Runtime computes. For a Python with PyTorch and transformers, which scripts/setup.sh installs."""

import json
import logging
import sys
import unittest
import warnings

import numpy as np
import onnx

import harness

try:
    import torch
    from torch import nn
except ImportError:
    torch = None

ITEMS, CLASSES = 24, 4
ADAMW = ["--teacher.optimizer.kind", "adamw", "--teacher.schedule.rate", 3e-3, "--student.optimizer.kind", "adamw",
         "--student.schedule.rate", 3e-3]
# One plain step of rate 1 over all items: weights move by their gradient.
ONE_STEP = ["--algo", "supervised", "--preset", "twomoon-a", "--student.schedule.rate", 1, "--batch", ITEMS, "--steps", 1]


def resnet():
    """ResNet-18's plan, 8 channels wide."""
    sys.path.append(str(harness.ROOT / "test/bench"))
    import train_steps

    net = train_steps.resnet(8)[0]
    net[-1] = nn.Linear(net[-1].in_features, CLASSES)
    return net, {"image": torch.randn(ITEMS, 3, 32, 32)}


def vit():
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=16,
                       patch_size=4, num_labels=CLASSES, attn_implementation="eager", hidden_dropout_prob=0,
                       attention_probs_dropout_prob=0)
    return ViTForImageClassification(config), {"pixel_values": torch.randn(ITEMS, 3, 16, 16)}


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                        max_position_embeddings=20, num_labels=CLASSES, attn_implementation="eager",
                        hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    mask = torch.ones(ITEMS, 9, dtype=torch.int64)
    mask[::2, 6:] = 0
    return BertForSequenceClassification(config), {
        "input_ids": torch.randint(1, 60, (ITEMS, 9)), "attention_mask": mask}  # of word 0, padding, PyTorch keeps no gradient


def keep_float64():
    """transformers computes softmax in float32 whatever the model's type, which leaves float64 gradients no digits."""
    softmax = nn.functional.softmax

    def in_own_type(x, dim=None, dtype=None, **rest):
        return softmax(x, dim, dtype=None if x.dtype == torch.float64 else dtype, **rest)

    nn.functional.softmax = in_own_type


def finite(path):
    """The exporter writes the least float64, which transformers' masks are made of, as the float32 -inf, and 0 times that
    is no number."""
    net = onnx.load(path)
    for node in net.graph.node:
        for attribute in node.attribute:
            if attribute.name == "value" and node.op_type == "Constant":
                value = onnx.numpy_helper.to_array(attribute.t)
                if value.dtype == np.float32 and np.isneginf(value).any():
                    attribute.t.CopyFrom(onnx.numpy_helper.from_array(np.maximum(value, np.finfo(np.float32).min)))
    onnx.save(net, path)


def logits_of(model, inputs):
    found = model(*inputs.values()) if isinstance(model, nn.Sequential) else model(**inputs)
    return getattr(found, "logits", found)


def typed(inputs, dtype):
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}


@unittest.skipUnless(torch, "there is no PyTorch")
class MplExported(harness.TestCase):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        keep_float64()
        torch.set_num_threads(1)
        torch.manual_seed(1)

    def export(self, model, inputs, dtype):
        path = self.folder / f"{str(dtype)[6:]}.onnx"
        model.to(dtype).eval()
        given = typed(inputs, dtype)
        args = {"args": tuple(given.values())} if isinstance(model, nn.Sequential) else {"kwargs": given}
        torch.onnx.export(model, f=path, dynamo=True, optimize=False, verbose=False, opset_version=20, external_data=False,
                          **args)
        finite(path)
        return path

    def gradients(self, model, inputs, labels):
        model.double().train().zero_grad()
        nn.functional.cross_entropy(logits_of(model, typed(inputs, torch.float64)), labels).backward()
        return {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}

    def weights(self, path):
        return {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}

    def check(self, make, *args):
        model, inputs = make()
        labels = torch.randint(0, CLASSES, (ITEMS,))
        data = self.folder / "data.npz"
        names = inputs if not isinstance(model, nn.Sequential) else ["input"]
        np.savez(data, y=labels.numpy(), **dict(zip(names, (value.numpy() for value in inputs.values()))))
        self.check_gradients(model, inputs, labels, data)
        self.check_training(self.export(model, inputs, torch.float32), data, *args)

    def check_gradients(self, model, inputs, labels, data):
        net = self.export(model, inputs, torch.float64)
        self.run_ok("mpl-train", "fit", "--student", net, "--data", data, *ONE_STEP, "--python", "true", "-o",
                    self.folder / "step")  # ONNX Runtime has no convolution in float64
        before, after = self.weights(net), self.weights(self.folder / "step/best/student.onnx")
        worst = 0
        for name, expected in self.gradients(model, inputs, labels).items():
            error = np.linalg.norm(before[name] - after[name] - expected) / max(np.linalg.norm(expected), 1e-6)
            worst = max(worst, error)
            self.assertLess(error, 1e-8, name)
            harness.CHECKED["gradients of weights"] += 1
        print(f"{net.stem}: largest relative error of a weight's gradient {worst:.1e}", file=sys.stderr)

    def check_training(self, net, data, *args):
        run = self.folder / "run"
        outcome = json.loads(self.run_ok(
            "mpl-train", "fit", "--student", net, "--data", data, "--validation-data", data, "--preset", "small", "--batch", 8,
            "--ratio", 2, "--steps", 40, "--log-every", 10, "--finetune-steps", 5, "--student.schedule.wait", 0, "--python",
            sys.executable, "--json", *args, "-o", run).out)
        self.assertLess(outcome["runtime_error"], 1e-4)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        losses = [line["supervised_loss"] for line in lines if line["phase"] == "train"]
        self.assertLess(losses[-1], 0.8 * losses[0])
        harness.CHECKED["students that ONNX Runtime agrees with"] += 1

    def test_resnet(self):
        self.check(resnet)

    def test_vit(self):
        self.check(vit, *ADAMW)

    def test_bert(self):
        self.check(bert, *ADAMW)


if __name__ == "__main__":
    harness.main()
