# SPDX-License-Identifier: Apache-2.0
"""A transformer that PyTorch exports is the proxy that mixcal builds itself: of equal weights come equal mixtures. For a
Python with PyTorch, which scripts/setup.sh installs."""

import json
import logging
import sys
import unittest
import warnings

import numpy as np
import onnx

import harness
import mixcal

try:
    import torch
    sys.path.append(str(harness.ROOT / "test/bench"))
    import mixcal_steps
except ImportError:
    torch = None

STEPS = ["--steps", 12, "--batch", 12, "--length", 33, "--evaluation", 2, "--dro.step", 1, "--compare=false",
         "--max-epochs", 1000]


@unittest.skipUnless(torch, "there is no PyTorch")
class MixcalExported(harness.TestCase):
    def setUp(self):
        super().setUp()
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        corpus = self.folder / "corpus"
        corpus.mkdir()
        for i, words in enumerate((mixcal.WORDS, "one two three four five", "if else while return int ( ) ;")):
            (corpus / f"{i}.txt").write_text(mixcal.text(i, 900, words.split() if isinstance(words, str) else words))
        self.tokens = self.folder / "tokens"
        self.run_ok("mixcal", "prep", corpus, "-o", self.tokens, "--longest", 512)

    def built_in(self):
        net = self.folder / "built-in.onnx"
        self.run_ok("mixcal", "gen", "--net", "nano", "--seed", 5, "-o", net)
        return net

    def torch_model(self, net):
        """The same network in PyTorch, with the file's weights."""
        model = mixcal_steps.Gpt(*mixcal_steps.SIZES["nano"])
        stored = {each.name: torch.from_numpy(onnx.numpy_helper.to_array(each).copy())
                  for each in onnx.load(net).graph.initializer}
        with torch.no_grad():
            model.tokens.weight.copy_(stored["tokens"])
            model.positions.weight.copy_(stored["positions"])
            for name, parameter in model.named_parameters():
                if name.startswith(("tokens", "positions")):
                    continue
                owner, kind = name.rsplit(".", 1)
                owner = owner.replace("blocks.", "block")
                is_norm = "norm" in owner or owner == "final"
                value = stored[f"{owner}.{'scale' if is_norm and kind == 'weight' else kind}"]
                parameter.copy_(value.T if value.dim() == 2 else value)
        return model.eval()

    def export(self, model):
        path = self.folder / "exported.onnx"
        length = torch.export.Dim("length", min=2, max=64)
        torch.onnx.export(model, (torch.zeros(2, 32, dtype=torch.int64),), path, dynamo=True, optimize=False,
                          verbose=False, opset_version=20, external_data=False, input_names=["input_ids"],
                          output_names=["logits"], dynamic_shapes=({0: torch.export.Dim("batch"), 1: length},))
        return path

    def calibrate(self, net, name, *args):
        run = self.folder / name
        self.run_ok("mixcal", "calibrate", self.tokens, *STEPS, "--model", net, "--init", "keep", *args, "-o", run)
        rows = np.genfromtxt(run / "trajectory.csv", delimiter=",", names=True)
        alphas = np.stack([rows[column] for column in rows.dtype.names if column.startswith("alpha")], 1)
        return alphas, json.loads((run / "result.json").read_text())["weights"]

    def test_equal_weights_find_equal_mixtures(self):
        net = self.built_in()
        exported = self.export(self.torch_model(net))
        self.assertNotEqual([node.op_type for node in onnx.load(net).graph.node],
                            [node.op_type for node in onnx.load(exported).graph.node])
        ours, mixture = self.calibrate(net, "ours")
        theirs, other = self.calibrate(exported, "theirs")
        largest = np.abs(ours - theirs).max()
        print(f"largest difference of a weight in any step {largest:.1e}", file=sys.stderr)
        self.assertLess(largest, 1e-5)
        np.testing.assert_allclose(mixture, other, atol=1e-5)
        self.assertGreater(np.abs(ours[-1] - 1 / 3).max(), 1e-3)  # they went somewhere
        another, _ = self.calibrate(exported, "another", "--seed", 1)
        self.assertGreater(np.abs(ours - another).max(), 1e-4)


if __name__ == "__main__":
    harness.main()
