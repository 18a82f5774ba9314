# SPDX-License-Identifier: Apache-2.0
"""A model run by exec gives what ONNX Runtime gives, within 1e-4 of each output's largest element, or four times what the
runtime itself differs by when it optimises the graph and when it does not."""

import itertools
import os
import pathlib
import subprocess

import harness
import numpy as np
from onnx import numpy_helper

TOLERANCE = 1e-4


def relative(a, b):
    scale = np.abs(a).max() if a.size else 0
    return float(np.abs(a.astype(float) - b).max() / scale) if scale else 0.0


class RuntimeOutputs(harness.TestCase):
    def store(self, what, arrays):
        for old in self.folder.glob(f"{what}_*.pb"):
            old.unlink()
        for i, (name, array) in enumerate(arrays):
            (self.folder / f"{what}_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())

    def feeds(self, model, inference):
        """Two of several random inputs of different size, those for which the outputs are largest: a detector that sees
        nothing gives zeros with hardly a digit in common between two runtimes."""
        best = {}
        for seed, size in itertools.product((1, 2, 3), (0.1, 1, 3)):
            feed = harness.random_inputs(model, inference, seed)
            feed = {name: x * np.float32(size) if x.dtype == np.float32 else x for name, x in feed.items()}
            largest = np.abs(inference.run(None, feed)[0]).max()
            if seed not in best or largest > best[seed][0]:
                best[seed] = (largest, feed)
        return [feed for _, feed in sorted(best.values(), key=lambda pair: -pair[0])[:2]]

    def difference(self, model, feed, names, outputs):
        self.store("input", feed.items())
        self.store("output", zip(names, map(np.asarray, outputs)))
        done = subprocess.run([pathlib.Path(os.environ["ALLOT_BIN"]) / "exec_outputs", model.path, self.folder],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return float(done.stdout)

    def check_model(self, model):
        inference, plain = harness.session(model.path), harness.session(model.path, optimise=False)
        names = [value.name for value in inference.get_outputs()]
        outputs = []
        for feed in self.feeds(model, inference):
            outputs.append(inference.run(None, feed))
            # Where the runtime differs from itself, optimised and not, nothing else can be closer.
            own = max(map(relative, outputs[-1], plain.run(None, feed)))
            self.assertLessEqual(self.difference(model, feed, names, outputs[-1]), max(TOLERANCE, 4 * own))
            harness.CHECKED["compared with ONNX Runtime"] += 1
        moved = max(relative(a, b) for a, b in zip(*outputs) if a.shape == b.shape)
        self.assertGreater(moved, 3 * TOLERANCE, "outputs do not depend on inputs: the comparison proves nothing")

    def check_kind(self, kind):
        for model in harness.models(kind):
            with self.subTest(model=model.name):
                self.check_model(model)

    def test_trained(self):
        self.check_kind("trained")

    def test_small(self):
        self.check_kind("small")

    def test_exported(self):
        self.check_kind("exported")


if __name__ == "__main__":
    harness.main()
