# SPDX-License-Identifier: Apache-2.0
"""contrast-train as it is used: gradients, memory, what it writes, resuming, and what it says when something is wrong."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import unittest

import numpy as np
import onnx
import onnxruntime

import harness


def metrics(folder):
    """Its lines without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key and "per_s" not in key} for line in lines]


class ContrastTrain(harness.TestCase):
    made = {}  # what gen wrote, by what was asked for: the same in every case

    def setUp(self):
        super().setUp()
        self.image = self.gen("--net", "conv:3x32x32-4-8-16", "image.onnx")
        self.text = self.gen("--net", "bag:64x12-16-16", "text.onnx")

    def gen(self, kind, what, name):
        path = self.folder / name
        if (kind, what) not in self.made:
            self.run_ok("contrast-train", "gen", kind, what, "--seed", 3, "--copies", 1, "-o", path)
            self.made[kind, what] = path.read_bytes()
        path.write_bytes(self.made[kind, what])
        return path

    def data(self):
        return self.gen("--shapes", "unseen", "data.npz")  # small

    def command(self, *args, folder="run"):
        """Of a training run, whose encoders no other runtime checks (test_written_encoders has that done)."""
        return ["train", "--image", self.image, "--text", self.text, "--data", self.folder / "data.npz", "--batch", 64,
                "--micro", 20, "--schedule.shape", "constant", "--log-every", 5, "--python", "true", *args, "-o",
                self.folder / folder]

    def train(self, *args, folder="run"):
        self.run_ok("contrast-train", *self.command(*args, folder=folder))
        return self.folder / folder

    def fails(self, code, pattern, *args):
        outcome = harness.run("contrast-train", *args)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)

    def towers(self):
        return "--image", self.image, "--text", self.text

    def test_gradcheck(self):
        out = json.loads(self.run_ok("contrast-train", "gradcheck", *self.towers(), "--batch", 24, "--json").out)
        self.assertTrue(out["holds"])
        self.assertEqual(len(out["rows"]), 12)
        controls = [["--method", "naive"], ["--method", "k-fold"]]
        norm = self.gen("--net", "conv:3x32x32-4-16,norm=batch", "norm.onnx")
        drop = self.gen("--net", "conv:3x32x32-4-16,dropout=0.2", "drop.onnx")
        for args in controls:
            outcome = harness.run("contrast-train", "gradcheck", *self.towers(), "--batch", 24, "--micros", 8, *args)
            self.assertEqual(outcome.code, 1, outcome.err)
        for net, args, code in ((norm, ["--bn", "micro"], 1), (norm, ["--bn", "frozen"], 0), (drop, [], 0),
                                (drop, ["--method", "stream"], 1)):
            outcome = harness.run("contrast-train", "gradcheck", "--image", net, "--text", self.text, "--batch", 24,
                                  "--micros", 8, *args)
            self.assertEqual(outcome.code, code, outcome.err)

    def test_bench(self):
        out = json.loads(self.run_ok("contrast-train", "bench", *self.towers(), "--batches", "64,512", "--micro", 16,
                                     "--tile", 64, "--plain-up-to", 512, "--json").out)
        two, plain = ([row for row in out["rows"] if row["method"] == method] for method in ("two-pass", "plain"))
        self.assertLess(two[1]["live_bytes"], plain[1]["live_bytes"] / 4)
        self.assertLess(out["bytes_per_pair"], 16 * 16 * 1.5)
        self.assertEqual(out["embedding"], 16)

    def test_written_encoders(self):
        data = self.data()
        run = self.folder / "run"
        said = self.run_ok("contrast-train", *self.command("--steps", 10, "--eval-data", data, "--python", sys.executable)).err
        self.assertRegex(said, r"best/image.onnx; ONNX Runtime \S+ agrees to .*\n.*best/text.onnx; ONNX Runtime")
        out = json.loads(self.run_ok("contrast-train", "eval", "--json", "--image", run / "best/image.onnx", "--text",
                                     run / "best/text.onnx", "--data", data).out)["retrieval"]
        with np.load(data) as arrays:
            image, text = arrays["image"].astype(np.float32) / 255, arrays["text"].astype(np.int64)
        embed = []
        for name, key, value in (("image", "image", image), ("text", "text", text)):
            session = onnxruntime.InferenceSession(run / f"best/{name}.onnx", providers=["CPUExecutionProvider"])
            rows = session.run(None, {key: value})[0]
            embed.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
            before, after = onnx.load(getattr(self, name)), onnx.load(run / f"best/{name}.onnx")
            self.assertEqual([node.SerializeToString() for node in before.graph.node],
                             [node.SerializeToString() for node in after.graph.node])
            facts = {entry.key: entry.value for entry in after.metadata_props}
            self.assertEqual(facts["allot.contrast.embed_dim"], "16")
            self.assertGreater(float(facts["allot.contrast.logit_scale"]), 1)
        found = ((embed[0] @ embed[1].T).argmax(1) == np.arange(len(image))).mean()
        self.assertAlmostEqual(out["recall_1.image_to_text"], float(found), delta=2 / len(image))
        joint = self.folder / "scores.onnx"
        self.run_ok("contrast-train", "export", "--image", run / "best/image.onnx", "--text", run / "best/text.onnx", "-o", joint)
        onnx.checker.check_model(onnx.load(joint), full_check=True)
        session = onnxruntime.InferenceSession(joint, providers=["CPUExecutionProvider"])
        scores = session.run(None, {"image": image[:9], "text": text[:7]})[0]
        np.testing.assert_allclose(scores, float(facts["allot.contrast.logit_scale"]) * embed[0][:9] @ embed[1][:7].T,
                                   rtol=1e-4, atol=1e-4)
        for name in ("config.yaml", "metrics.jsonl", "report.html", "checkpoint/state.safetensors"):
            self.assertTrue((run / name).exists(), name)
        told = self.run_ok("contrast-train", *self.command("--dry-run", folder="none")).out
        self.assertRegex(told, "324 pairs with 0 hard negatives")
        self.assertFalse((self.folder / "none").exists())
        self.assertIn("data:image/png;base64,", (run / "report.html").read_text())

    def test_resumed_run_is_the_uninterrupted_one(self):
        self.data()
        for path in (self.image, self.text):  # as of another program: nothing tells that Allot wrote it
            model = onnx.load(path)
            del model.metadata_props[:]
            onnx.save(model, path)
        for optimizer in ("adamw", "adafactorw"):
            whole = self.train("--steps", 10, "--optimizer.kind", optimizer, folder=f"whole-{optimizer}")
            parts = self.train("--steps", 5, "--optimizer.kind", optimizer, folder=f"parts-{optimizer}")
            self.train("--steps", 10, "--optimizer.kind", optimizer, "--resume", folder=f"parts-{optimizer}")
            self.assert_same_file(whole / "best/image.onnx", parts / "best/image.onnx")
            self.assert_same_file(whole / "best/text.onnx", parts / "best/text.onnx")
            self.assertEqual(metrics(whole)[-1:], metrics(parts)[-1:])

    def test_moments(self):
        self.data()
        short = ("--micro", 16, "--steps", 24, "--log-every", 1, "--threads", 1, "--schedule.rate", 6e-3)
        exact, moments = (self.train(*short, "--accumulate", kind, folder=kind) for kind in ("exact", "moments"))
        losses = [[line["loss"] for line in metrics(run) if line["phase"] == "train"] for run in (exact, moments)]
        self.assertEqual(losses[0][0], losses[1][0])  # before any step
        self.assertNotEqual(losses[0][-1], losses[1][-1])
        fall = [values[0] - np.mean(values[-6:]) for values in losses]
        self.assertGreater(fall[0], 1)
        self.assertAlmostEqual(fall[1] / fall[0], 1, delta=0.2)
        self.train(*short, "--steps", 12, "--accumulate", "moments", folder="parts")
        self.train(*short, "--accumulate", "moments", "--resume", folder="parts")
        self.assert_same_file(moments / "best/image.onnx", self.folder / "parts/best/image.onnx")
        for code, pattern, args in ((78, "two do not divide a batch of 64", ["--micro", 20]),
                                    (78, "adamw", ["--micro", 16, "--optimizer.kind", "lion"]),
                                    (78, "clip_norm", ["--micro", 16, "--optimizer.clip-norm", 1]),
                                    (78, "one encoder", ["--micro", 16, "--text", self.image, "--text-array", "image"])):
            self.fails(code, pattern, *self.command("--accumulate", "moments", *args, folder="refused"))

    def test_cached_embeddings(self):
        self.data()
        frozen = ("--freeze", "image", "--steps", 12, "--log-every", 1, "--dedup")
        plain = self.train(*frozen, folder="plain")
        cache = self.folder / "cache"
        cached = self.train(*frozen, "--cache-embeddings", cache, folder="cached")
        file, = cache.iterdir()
        written = file.stat().st_mtime_ns
        again = self.train(*frozen, "--cache-embeddings", cache, folder="again")
        self.assertEqual(file.stat().st_mtime_ns, written)
        self.assertEqual([line["loss"] for line in metrics(cached)], [line["loss"] for line in metrics(again)])
        np.testing.assert_allclose([line["loss"] for line in metrics(plain)], [line["loss"] for line in metrics(cached)],
                                   rtol=1e-5)
        whole = file.read_bytes()
        file.write_bytes(whole[:-16 * 4 * 324] + bytes(16 * 4 * 324))
        outcome = harness.run("contrast-train", *self.command(*frozen, "--cache-embeddings", cache, folder="other"))
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertRegex(outcome.err, "is made anew")
        self.assertEqual(file.read_bytes(), whole)
        data = self.folder / "data.npz"
        kept = data.read_bytes()
        with np.load(data) as arrays:
            other = {**arrays, "image": 255 - arrays["image"]}
        data.unlink()
        np.savez(data, **other)
        self.train(*frozen, "--cache-embeddings", cache, folder="others")
        self.assertEqual(len(list(cache.iterdir())), 2)
        data.write_bytes(kept)
        file.write_bytes(whole[:-5])
        self.fails(65, file.name, *self.command(*frozen, "--cache-embeddings", cache, folder="damaged"))
        self.fails(78, "both encoders are trained", *self.command("--cache-embeddings", cache, folder="refused"))
        (self.folder / "taken").write_text("a file")
        self.fails(73, "taken", *self.command(*frozen, "--cache-embeddings", self.folder / "taken", folder="refused"))

    def test_tied_frozen_projected_sigmoid(self):
        rng = np.random.default_rng(1)
        pairs = self.folder / "pairs.npz"
        x = rng.normal(size=(80, 9)).astype(np.float32)
        np.savez(pairs, a=x, b=x + 0.1, other=rng.normal(size=(80, 2, 9)).astype(np.float32))
        net = self.gen("--net", "mlp:9-16-8,input=a", "a.onnx")
        run = self.folder / "tied"
        self.run_ok("contrast-train", "train", "--image", net, "--data", pairs, "--text-array", "b", "--negative-array", "other",
                    "--batch", 32, "--steps", 3, "--loss", "sigmoid", "--dedup", "-o", run)
        self.assertTrue((run / "best/image.onnx").exists())
        self.assertFalse((run / "best/text.onnx").exists())
        self.data()
        run = self.train("--steps", 3, "--freeze", "image", "--project", 6, folder="frozen")
        shapes = {out.name: [d.dim_value for d in out.type.tensor_type.shape.dim] for out in
                  onnx.load(run / "best/text.onnx").graph.output}
        self.assertEqual(shapes, {"embedding_projected": [0, 6]})

    def test_texts_and_pictures(self):
        words = self.gen("--shapes", "words", "words.txt")
        rng = np.random.default_rng(2)
        texts = ["red circle", "blue star top", "green box", "small grey ring"] * 6
        with tarfile.open(self.folder / "shard.tar", "w") as shard, open(self.folder / "pairs.csv", "w") as table, \
                open(self.folder / "pairs.jsonl", "w") as lines:
            rows = csv.writer(table)
            rows.writerow(["image", "text", "label"])
            for i, text in enumerate(texts):
                content = harness.png(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8))
                (self.folder / f"{i}.png").write_bytes(content)
                for name, member in ((f"a/{i:04}.png", content), (f"a/{i:04}.txt", text.encode()),
                                     (f"a/{i:04}.cls", str(i % 4).encode())):
                    info = tarfile.TarInfo(name)
                    info.size = len(member)
                    shard.addfile(info, io.BytesIO(member))
                rows.writerow([f"{i}.png", text, i % 4])
                lines.write(json.dumps({"image": f"{i}.png", "text": text, "label": i % 4}) + "\n")
        found = []
        for name in ("shard.tar", "pairs.csv", "pairs.jsonl"):
            args = (*self.towers(), "--data", self.folder / name, "--tokenizer", f"vocab:{words}", "--json")
            found.append(json.loads(self.run_ok("contrast-train", "eval", *args).out)["retrieval"])
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])
        classes = self.folder / "classes.yaml"
        classes.write_text("classes: [red circle, blue star, green box, grey ring]\ntemplates: ['{}', 'a {} top']\n")
        out = json.loads(self.run_ok("contrast-train", "eval", *args, "--classes", classes).out)["zero_shot"]
        self.assertEqual(out["items"], 24)
        self.fails(64, "--tokenizer", "eval", *self.towers(), "--data", self.folder / "pairs.csv")
        damaged = bytearray((self.folder / "shard.tar").read_bytes())
        damaged[512 + 40:512 + 60] = bytes(20)  # within the first picture
        (self.folder / "damaged.tar").write_bytes(damaged)
        self.fails(65, r"damaged.tar: offset 0: a/0000", "eval", *self.towers(), "--data", self.folder / "damaged.tar",
                   "--tokenizer", f"vocab:{words}")
        self.run_ok("contrast-train", "eval", *self.towers(), "--data", self.folder / "damaged.tar", "--tokenizer",
                    f"vocab:{words}", "--keep-going")
        damaged[0:4] = b"abcd"
        (self.folder / "damaged.tar").write_bytes(damaged)
        self.fails(65, r"damaged.tar: offset 0: .*checksum", "eval", *self.towers(), "--data", self.folder / "damaged.tar",
                   "--tokenizer", f"vocab:{words}")

    @unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
    def test_ranks(self):
        self.data()
        self.text = self.gen("--net", "transformer:64x12-16-1-16,dropout=0.1", "text.onnx")

        def ranks(*args):
            command = ["mpirun", "--oversubscribe", "-n", "2", harness.BIN / "contrast-train", *args]
            root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # of tests in containers
            done = subprocess.run([str(each) for each in command], env={**os.environ, **root}, capture_output=True,
                                  text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.said = done.stdout

        def of_two(*args, folder):
            ranks(*self.command(*args, folder=folder))
            return self.folder / folder

        ranks("gradcheck", *self.towers(), "--batch", 23, "--micros", "5,full", "--tiles", 8, "--threads", 1, "--json")
        found = json.loads(self.said)  # of the first rank alone
        self.assertTrue(found["holds"])
        self.assertEqual([row["micro"] for row in found["rows"]], [5, 23])

        # Not Adam: it makes steps of one size of gradients that are nothing but rounding.
        short = ("--steps", 4, "--log-every", 1, "--threads", 1, "--optimizer.kind", "sgd", "--schedule.rate", 0.01)
        one, two = self.train(*short, folder="one"), of_two(*short, folder="two")
        for alone, together in zip(metrics(one), metrics(two), strict=True):
            for key in ("loss", "gradient_norm", "scale"):
                self.assertAlmostEqual(alone[key] / together[key], 1, delta=1e-6 if key == "loss" else 1e-5)
        first, second = (onnx.load(run / "best/text.onnx").graph.initializer for run in (one, two))
        for a, b in zip(first, second, strict=True):
            if a.name.startswith("w"):
                np.testing.assert_allclose(onnx.numpy_helper.to_array(a), onnx.numpy_helper.to_array(b), atol=1e-6)
        # Each rank keeps a part of the moments; what is stored does not tell, and one rank can go on from it.
        parts = ("--steps", 4, "--log-every", 1, "--threads", 1, "--json")
        whole, divided = of_two(*parts, folder="whole"), of_two(*parts, "--shard", "optimizer", folder="divided")
        self.assert_same_file(whole / "best/text.onnx", divided / "best/text.onnx")
        one, two = json.loads(self.said)["optimizer_bytes"]
        self.assertLess(max(one, two), 0.65 * (one + two))  # the text encoder's table is one tensor
        half = of_two(*parts, "--steps", 2, "--shard", "optimizer", folder="resumed")
        of_two(*parts, "--shard", "optimizer", "--resume", folder="resumed")
        self.assert_same_file(divided / "best/text.onnx", half / "best/text.onnx")
        shutil.copytree(divided, self.folder / "alone")
        stored = self.folder / "alone/checkpoint/state.safetensors"
        before, _ = harness.read_safetensors(stored)
        self.train(*parts, "--steps", 4, "--save-every", "0s", "--resume", "--shard", "optimizer", folder="alone")
        after, _ = harness.read_safetensors(stored)
        for key in before:
            if key.startswith(("optimizer.", "network.")):
                np.testing.assert_array_equal(before[key], after[key])
        # Weights are divided, too, and come together a segment at a time; the second rank has a micro-batch less.
        cut = (*parts, "--remat", 3, "--batch", 63, "--micro", 31, "--save-every", "0s")
        whole = of_two(*cut, folder="segments")
        bytes_of_all, _ = json.loads(self.said)["weight_bytes"]
        of_two(*cut, "--steps", 2, "--shard", "weights", folder="weights")
        divided = of_two(*cut, "--shard", "weights", "--resume", folder="weights")
        for side in ("image", "text"):
            self.assert_same_file(whole / f"best/{side}.onnx", divided / f"best/{side}.onnx")
        said = json.loads(self.said)
        self.assertEqual(sum(said["weight_bytes"]), bytes_of_all)
        self.assertLess(max(said["weight_bytes"]), 0.65 * bytes_of_all)
        self.assertLess(min(said["most_weight_bytes"]), bytes_of_all)  # the other has it with what brings the table
        # One group of gradients in both: its moments are no estimates. Embeddings are those that the first rank wrote.
        folded = (*short[:-4], "--accumulate", "moments", "--freeze", "image", "--cache-embeddings")
        alone = self.train(*folded, self.folder / "c1", "--micro", 32, folder="folded-one")
        together = of_two(*folded, self.folder / "c2", "--micro", 16, folder="folded-two")
        for a, b in zip(metrics(alone), metrics(together), strict=True):
            self.assertAlmostEqual(a["loss"] / b["loss"], 1, delta=1e-4)

    def test_bad_input(self):
        self.data()
        self.fails(64, "is no command", "fit")
        self.fails(64, "--image", "gradcheck")
        self.fails(78, "there are 324 pairs", *self.command("--batch", 100000))
        self.fails(78, "there are none.*--remat 8", *self.command("--shard", "weights"))
        self.fails(78, "sgd adds", *self.command("--shard", "weights", "--remat", 2, "--optimizer.kind", "sgd"))
        self.fails(78, "no more than 12 pairs of the data differ", *self.command("--distinct", "label"))
        norm = self.gen("--net", "conv:3x32x32-4-16,norm=batch", "norm.onnx")
        self.fails(1, "BatchNormalization.*--bn frozen", "gradcheck", "--image", norm, "--text", self.text)
        wide = self.gen("--net", "bag:64x12-16-24", "wide.onnx")
        self.fails(65, "embeds in 24 numbers.*--project 16", "gradcheck", "--image", self.image, "--text", wide)
        self.fails(66, "names no file", "eval", *self.towers(), "--data", self.folder / "none-*.npz")
        huge = self.folder / "huge.npz"
        with np.load(self.folder / "data.npz") as arrays:
            np.savez(huge, image=np.full((64, 3, 32, 32), np.nan, np.float32), text=arrays["text"][:64])
        outcome = harness.run("contrast-train", "train", *self.towers(), "--data", huge, "--batch", 64, "--steps", 30,
                              "-o", self.folder / "nan")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertRegex(outcome.err, "not a finite number")


if __name__ == "__main__":
    harness.main()
