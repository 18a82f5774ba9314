# SPDX-License-Identifier: Apache-2.0
"""A model run by exec gives what ONNX Runtime gives, within 1e-4 of each output's largest element."""

import os
import pathlib
import subprocess

import harness
import numpy as np
from onnx import numpy_helper

TOLERANCE = 1e-4


class RuntimeOutputs(harness.TestCase):
    def store(self, what, arrays):
        for old in self.folder.glob(f"{what}_*.pb"):
            old.unlink()
        for i, (name, array) in enumerate(arrays):
            (self.folder / f"{what}_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())

    def check_model(self, model):
        inference = harness.session(model.path)
        names = [value.name for value in inference.get_outputs()]
        outputs = []
        for seed in (1, 2):
            feed = harness.random_inputs(model, inference, seed)
            outputs.append(inference.run(None, feed))
            self.store("input", feed.items())
            self.store("output", zip(names, map(np.asarray, outputs[-1])))
            done = subprocess.run([pathlib.Path(os.environ["ALLOT_BIN"]) / "exec_outputs", model.path, self.folder],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLessEqual(float(done.stdout), TOLERANCE)
            harness.CHECKED["compared with ONNX Runtime"] += 1
        moved = max(np.abs(a.astype(float) - b).max() / np.abs(a).max() for a, b in zip(*outputs) if a.shape == b.shape)
        self.assertGreater(moved, 10 * TOLERANCE, "outputs do not depend on inputs: the comparison proves nothing")

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
