# SPDX-License-Identifier: Apache-2.0
"""Same seed and budget: byte-identical outputs, whatever the number of threads."""


import harness


class Determinism(harness.TestCase):
    def outputs(self, model, threads, seed=5):
        """Every file that one run writes, by name."""
        folder = self.folder / f"{model.path.stem}-{threads}-{seed}"
        folder.mkdir()
        # Run inside the folder: paths are the same each time.
        self.run_ok("placer-apply", model.path, *model.dims(), "--method", "auto", "--evaluations", 300, "--seed", seed,
                    "--threads", threads, "-o", "placed.onnx", "--report", "placed.html", "--trace", "placed.trace.json",
                    cwd=folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def test_threads_change_nothing(self):
        for model in harness.models("trained", "small"):
            with self.subTest(model=model.name):
                one = self.outputs(model, 1)
                self.assertEqual(set(one), {"placed.onnx", "placed.placement.json", "placed.html", "placed.trace.json"})
                for threads in (2, 8):
                    other = self.outputs(model, threads)
                    self.assertEqual(set(one), set(other))
                    for name in one:
                        self.assertTrue(one[name] == other[name], f"{name} differs with {threads} threads")
                        harness.CHECKED["files compared"] += 1

    def test_embeddings(self):
        for model in harness.models("small"):
            with self.subTest(model=model.name):
                files = []
                for threads in (1, 8):
                    output = self.folder / f"{model.path.stem}-{threads}.safetensors"
                    self.run_ok("placer-embed", model.path, *model.dims(), "--threads", threads, "-o", output)
                    files.append(output.read_bytes())
                self.assertTrue(files[0] == files[1])


if __name__ == "__main__":
    harness.main()
