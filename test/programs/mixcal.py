# SPDX-License-Identifier: Apache-2.0
"""mixcal as it is used: preparing corpora, calibrating, resuming, laws from files, exports, and what it says when
something is wrong."""

import atexit
import ctypes
import functools
import gzip
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import harness

WORDS = "the quick brown fox jumps over a lazy dog while seven wizards brew potions near old stone bridges".split()
# Little work: constant numbers of everything.
SHORT = ["--steps", 8, "--batch", 8, "--length", 33, "--evaluation", 2, "--evaluate-every", 4, "--log-every", 4, "--max-epochs", 1000]


# Commands that train, on the smallest model unless a test names one.
TRAINING = {"calibrate", "reference", "proxy", "train"}


def text(seed, lines, words=WORDS):
    rng = np.random.default_rng(seed)
    return "".join(" ".join(rng.choice(words, 8)) + ".\n" for _ in range(lines))


def write_corpus(corpus):
    (corpus / "tales").mkdir(parents=True)
    for i in range(3):
        (corpus / f"tales/{i}.txt").write_text(text(i, 300))
    (corpus / "numbers.jsonl").write_text("".join(
        json.dumps({"text": text(100 + i, 4, "one two three four five six seven".split())}) + "\n" for i in range(200)))
    with gzip.open(corpus / "codes.txt.gz", "wt") as out:
        out.write(text(7, 900, "if else while return int char for { } ( ) ;".split()))


@functools.cache
def prepared():
    """The corpus as tokens, once for all tests that only read them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="allot-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_corpus(folder / "corpus")
    outcome = harness.run("mixcal", "prep", folder / "corpus", "-o", folder / "tokens", "--longest", 1024)
    assert outcome.code == 0, outcome.err
    return folder / "tokens"


def catches(pid, number):
    """Whether a process has a handler of a signal."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> number - 1 & 1)


def arguments(args):
    return [*args, "--model", "pico"] if args[0] in TRAINING and "--model" not in args else args


class Mixcal(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.corpus = self.folder / "corpus"
        write_corpus(self.corpus)

    def mixcal(self, *args, **options):
        return self.run_ok("mixcal", *arguments(args), **options)

    def fails(self, code, pattern, *args, **options):
        outcome = harness.run("mixcal", *arguments(args), **options)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)
        errors = [line for line in outcome.err.splitlines() if line.startswith("mixcal: ") and "warning" not in line]
        self.assertEqual(len(errors), 1, outcome.err)

    def prep(self, name="", *args):
        if not name:
            return prepared()
        self.mixcal("prep", self.corpus, "-o", self.folder / name, "--longest", 1024, *args)
        return self.folder / name

    def test_prep_and_inspect(self):
        tokens = self.prep("tokens")
        found = json.loads(self.mixcal("inspect", tokens, "--json").out)
        by_name = {domain["name"]: domain for domain in found["domains"]}
        self.assertEqual(sorted(by_name), ["codes", "numbers", "tales"])
        self.assertEqual(by_name["tales"]["bytes"], sum(p.stat().st_size for p in (self.corpus / "tales").iterdir()))
        self.assertEqual(by_name["numbers"]["documents"], 200)
        for domain in by_name.values():
            self.assertEqual(domain["tokens"], domain["bytes"] + domain["documents"])
        self.assertIn("codes", self.mixcal("inspect", tokens).out)
        again = self.prep("again", "--threads", 1)
        for part in ("reference", "proxy", "validation", "test"):
            for path in tokens.glob(f"*/{part}.*"):
                self.assert_same_file(path, again / path.relative_to(tokens))
        self.assertIn("swarm", self.mixcal("plan", tokens, "--steps", 100).out)

    def test_zstandard(self):
        """The same tokens from packed text, in one frame or several, as from plain; archives that are cut are refused."""
        try:
            library = ctypes.CDLL("libzstd.so.1")
        except OSError:
            self.skipTest("there is no libzstd.so.1")
        library.ZSTD_compress.restype = library.ZSTD_compressBound.restype = ctypes.c_size_t

        def pack(data):
            out = ctypes.create_string_buffer(library.ZSTD_compressBound(ctypes.c_size_t(len(data))))
            size = library.ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 3)
            return out.raw[:size]
        plain, packed, out = self.folder / "plain", self.folder / "packed", self.folder / "out"
        lines = (self.corpus / "numbers.jsonl").read_bytes()
        zeros = b"".join(b"0" * 3500 + b"%d\n" % i for i in range(900))  # more than any buffer, of few packed bytes
        for folder, name, data in ((plain, "a.jsonl", lines), (packed, "a.jsonl.zst", pack(lines[:5000]) + pack(lines[5000:])),
                                   (plain, "b.txt", zeros), (packed, "b.txt.zst", pack(zeros))):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        for folder in (plain, packed):
            self.mixcal("prep", folder, "-o", self.folder / f"of-{folder.name}", "--longest", 4000)
        for path in (self.folder / "of-plain").glob("*/*.tokens"):
            self.assert_same_file(path, self.folder / "of-packed" / path.relative_to(self.folder / "of-plain"))
        whole = (packed / "a.jsonl.zst").read_bytes()
        for damaged in (whole[:-7], whole[:-1], b"no archive"):
            (packed / "a.jsonl.zst").write_bytes(damaged)
            self.fails(65, "is damaged, cut short", "prep", packed, "-o", out)

    def test_duplicate_domains_are_told(self):
        (self.corpus / "copy.txt").write_text((self.corpus / "tales/0.txt").read_text())
        outcome = self.mixcal("prep", self.corpus, "-o", self.folder / "tokens", "--longest", 256)
        self.assertRegex(outcome.err, "'copy' and 'tales' share")

    def test_calibrate_without_any_option_but_size(self):
        run = self.folder / "run"
        out = self.mixcal("calibrate", self.corpus, "--longest", 1024, *SHORT, "-o", run).out
        for name in ("codes", "numbers", "tales", "uniform", "natural", "doremi"):
            self.assertIn(name, out)
        mixture = json.loads((run / "mixture.json").read_text())
        self.assertAlmostEqual(sum(domain["weight"] for domain in mixture["domains"]), 1, places=9)
        result = json.loads((run / "result.json").read_text())
        self.assertEqual([arm["name"] for arm in result["arms"]], ["natural", "uniform", "doremi"])
        if not result["better_than_uniform"]:
            self.assertIn("not better than uniform", out.splitlines()[0])
            self.assertTrue(any("not better than uniform" in warning for warning in mixture["warnings"]))
        page = (run / "report.html").read_text()
        self.assertIn("uniform", page)
        rows = np.genfromtxt(run / "trajectory.csv", delimiter=",", names=True)
        alphas = np.stack([rows[name] for name in rows.dtype.names if name.startswith("alpha")], 1)
        np.testing.assert_allclose(alphas.sum(1), 1, atol=1e-9)
        np.testing.assert_allclose(alphas.mean(0), result["weights"], atol=1e-9)
        self.check_model(run / "on-found/model.onnx")

    def check_model(self, path):
        """Any length and batch, in ONNX Runtime, and what comes later changes nothing before."""
        onnx.checker.check_model(path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        ids = np.arange(3 * 20).reshape(3, 20) % 250
        logits = session.run(None, {"input_ids": ids})[0]
        self.assertEqual(logits.shape, (3, 20, 258))
        ids[:, 10:] = 1
        np.testing.assert_allclose(session.run(None, {"input_ids": ids})[0][:, :10], logits[:, :10], atol=1e-5)

    def test_resumed_calibration_is_the_uninterrupted_one(self):
        tokens = self.prep()
        whole, parts = self.folder / "whole", self.folder / "parts"
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "-o", whole)
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "-o", parts)
        for lost in ("mixture.json", "trajectory.csv", "proxy/model.onnx"):
            (parts / lost).unlink()
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--resume", "-o", parts)
        self.assert_same_file(whole / "trajectory.csv", parts / "trajectory.csv")
        self.assertEqual(json.loads((whole / "mixture.json").read_text())["domains"],
                         json.loads((parts / "mixture.json").read_text())["domains"])
        self.fails(78, "steps", "calibrate", tokens, *SHORT, "--steps", 9, "--compare=false", "--resume", "-o", parts)

    def test_stages_make_the_calibration(self):
        tokens = self.prep()
        whole, reference, proxy = (self.folder / name for name in ("whole", "reference", "proxy"))
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--reference", "uniform", "-o", whole)
        told = json.loads(self.mixcal("reference", tokens, *SHORT, "--reference", "uniform", "--json", "-o", reference).out)
        self.assertEqual(sorted(told["domains"]), ["codes", "numbers", "tales"])
        self.assert_same_file(whole / "reference/model.onnx", reference / "model.onnx")
        stage = ["proxy", tokens, *SHORT, "--reference-model"]
        self.mixcal(*stage, reference / "model.onnx", "--reference", "uniform", "-o", proxy)
        self.assert_same_file(whole / "trajectory.csv", proxy / "trajectory.csv")
        one, other = (json.loads((run / "mixture.json").read_text()) for run in (whole, proxy))
        self.assertEqual(one["domains"], other["domains"])
        self.assertEqual((list(one["flops"]), list(other["flops"])), (["proxy", "reference"], ["proxy"]))
        self.mixcal(*stage, self.free_net(5000), "-o", self.folder / "another")
        self.assertNotEqual((self.folder / "another/trajectory.csv").read_text(), (proxy / "trajectory.csv").read_text())
        # The run is of the reference model that it began with.
        (proxy / "mixture.json").unlink()
        self.fails(78, "reference_model was", *stage, self.free_net(5000), "--reference", "uniform", "--resume", "-o", proxy)
        out = self.folder / "out"
        self.fails(64, "needs a reference model", "proxy", tokens, *SHORT, "-o", out)
        self.fails(64, "no ONNX file", *stage, "nano", "-o", out)
        self.fails(66, "none.onnx", *stage, self.folder / "none.onnx", "-o", out)
        self.fails(64, "of one round", *stage, reference / "model.onnx", "--rounds", 2, "-o", out)

    def test_report_of_several_methods(self):
        tokens = self.prep()
        runs = [self.folder / method for method in ("doremi", "doge", "unimax")]
        for run in runs:
            self.mixcal("calibrate", tokens, *SHORT, "--method", run.name, "--seeds", 2, "-o", run)
        told = json.loads(self.mixcal("report", *runs, "--json", "-o", self.folder / "all").out)
        self.assertEqual([run["name"] for run in told["runs"]], ["doremi", "doge", "unimax"])
        for run, found in zip(runs, told["runs"]):
            result = json.loads((run / "result.json").read_text())
            arms = {arm["name"]: arm["average"] for arm in result["arms"]}
            self.assertEqual(found["average"], arms)
            self.assertEqual(found["better_than_uniform"], result["better_than_uniform"])
        out = self.mixcal("report", *runs, "--force", "-o", self.folder / "all").out
        for found in told["runs"]:
            self.assertEqual(f"{found['name']} is not better than uniform" in out, not found["better_than_uniform"])
        page = (self.folder / "all/report.html").read_text()
        for name in ("natural", "uniform", "doremi", "doge", "unimax", "tales"):
            self.assertIn(name, page)
        weights = (self.folder / "all/weights.csv").read_text().splitlines()
        self.assertEqual(len(weights), 1 + 3 * 3)
        self.assertEqual(len((self.folder / "all/losses.csv").read_text().splitlines()), 1 + 3 * 3 * 2 * 3)
        # One run gives its page again.
        self.mixcal("report", runs[0], "-o", self.folder / "again")
        self.assert_same_file(runs[0] / "report.html", self.folder / "again/report.html")
        self.wrong_reports(runs, tokens)

    def wrong_reports(self, runs, tokens):
        out = self.folder / "out"
        self.fails(64, "needs a run", "report", "-o", out)
        self.fails(66, "mixture.json", "report", self.folder / "none", "-o", out)
        self.mixcal("calibrate", tokens, *SHORT, "--method", "unimax", "--over", "tales", "-o", self.folder / "tale")
        self.fails(1, "averages over other domains", "report", runs[0], self.folder / "tale", "-o", out)
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--method", "unimax", "-o", self.folder / "plain")
        self.fails(1, "trained nothing", "report", runs[0], self.folder / "plain", "-o", out)
        self.mixcal("calibrate", self.prep("others", "--seed", 9), *SHORT, "--method", "unimax", "-o", self.folder / "other")
        self.fails(1, "is of other data", "report", runs[0], self.folder / "other", "-o", out)
        path = runs[2] / "result.json"
        text = path.read_text()
        path.write_text(text.replace('"losses": [', '"losses": [[1], '))
        self.fails(65, "arms.*is not what mixcal writes", "report", runs[2], "-o", out)
        path.write_text(text.replace('"unimax"', '"doge"', 1))
        self.fails(1, "not of the same search", "report", runs[2], "-o", out)
        path = runs[0] / "trajectory.csv"
        path.write_text(path.read_text().replace("\n2,", "\ntwo,"))
        self.fails(65, "trajectory.csv:3.*'two' is no number", "report", runs[0], "-o", out)

    def test_models_of_another_tokenizer_are_refused(self):
        tokens, out = self.prep(), self.folder / "out"
        (self.folder / "ids").mkdir()
        for i in range(2):
            np.random.default_rng(i).integers(0, 258, 20000).astype(np.uint16).tofile(self.folder / f"ids/{i}.bin")
        self.mixcal("prep", self.folder / "ids", "-o", self.folder / "given", "--longest", 512, "--vocabulary", 258)
        self.mixcal("reference", self.folder / "given", *SHORT, "-o", self.folder / "ref")
        model = self.folder / "ref/model.onnx"
        self.fails(1, "another tokenizer's tokens", "proxy", tokens, *SHORT, "--reference-model", model, "-o", out)
        self.fails(1, "another tokenizer's tokens", "eval", tokens, "--model", model, "--length", 33)
        self.fails(1, "another tokenizer's tokens", "train", tokens, *SHORT, "--weights", "uniform", "--model", model, "--init",
                   "keep", "-o", out)
        self.mixcal("train", tokens, *SHORT, "--weights", "uniform", "--model", model, "--init", "fresh", "-o", self.folder / "fresh")

    def test_seeds_and_rounds(self):
        tokens = self.prep()
        run = self.folder / "run"
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--seeds", 2, "--rounds", 2, "--tolerance", 0, "-o", run)
        result = json.loads((run / "result.json").read_text())
        self.assertEqual(len(result["by_seed"]), 2)
        self.assertNotEqual(result["by_seed"][0], result["by_seed"][1])
        self.assertTrue((run / "seed-1/round-2/proxy/model.onnx").exists())
        self.assertTrue(any(domain["deviation"] > 0 for domain in json.loads((run / "mixture.json").read_text())["domains"]))

    def test_every_method(self):
        tokens = self.prep()
        for method in ("uniform", "natural", "temperature", "unimax"):
            self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--method", method, "-o", self.folder / method)
        for method, score in (("doge", "alignment"), ("aioli", "effect")):
            run = self.folder / method
            self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--method", method, "-o", run)
            rows = np.genfromtxt(run / "trajectory.csv", delimiter=",", names=True)
            self.assertIn(f"{score}tales", rows.dtype.names)
            mixture = json.loads((run / "mixture.json").read_text())
            self.assertEqual(list(mixture["flops"]), ["proxy"])
            self.assertTrue(any(abs(domain["weight"] - 1 / 3) > 1e-4 for domain in mixture["domains"]))
        out = self.folder / "out"
        self.fails(78, "no domain 'tale'.*tales", "calibrate", tokens, *SHORT, "--method", "doge", "--doge.over", "tale", "-o", out)
        self.fails(78, "leave no time", "calibrate", tokens, *SHORT, "--method", "aioli", "--aioli.rounds", 3, "-o", out)
        for method in ("mixing-law", "regmix"):
            run = self.folder / method
            self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--method", method, "--swarm.runs", 6, "--swarm.steps", 4,
                        "--law.least-rank", -1, "--law.replicates", 3, "--law.draws", 500, "-o", run)
            ratios, metrics = run / "swarm/ratios.csv", run / "swarm/metrics.csv"
            self.assertIn("tales", self.mixcal("fit", "--ratios", ratios, "--metrics", metrics).out)

    def test_train_eval_and_export(self):
        tokens = self.prep()
        run = self.folder / "run"
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "-o", run)
        told = json.loads(self.mixcal("train", tokens, "--weights", run / "mixture.json", *SHORT, "--json", "-o", self.folder / "model").out)
        found = json.loads(self.mixcal("eval", tokens, "--model", self.folder / "model/model.onnx", "--length", 33,
                                       "--evaluation", 8, "--json").out)
        for name, loss in told["domains"].items():
            self.assertAlmostEqual(found["domains"][name], loss, places=4)
        self.assertRegex(self.mixcal("export", run / "mixture.json", "--to", "megatron").out, r"^--data-path 0\.\d+ codes ")
        self.mixcal("export", run / "mixture.json", "--to", "nanotron", "-o", self.folder / "nanotron.yaml")

    def test_training_while_weights_follow(self):
        """The same proxy, weights and order as calibrate's, on the model that is wanted: it ends with a model and its weights."""
        tokens, run = self.prep(), self.folder / "online"
        losses = json.loads(self.mixcal("train", tokens, *SHORT, "--steps", 16, "--online", "aioli", "--json", "-o", run).out)["domains"]
        self.assertEqual(sorted(losses), ["codes", "numbers", "tales"])
        rows = np.genfromtxt(run / "trajectory.csv", delimiter=",", names=True)
        self.assertEqual(len(rows), 16)
        weights = dict(line.split(",") for line in (run / "weights.csv").read_text().splitlines()[1:])
        self.assertAlmostEqual(sum(map(float, weights.values())), 1, places=9)
        self.assertTrue(any(abs(float(weight) - 1 / 3) > 1e-4 for weight in weights.values()))
        self.check_model(run / "model.onnx")
        # What it ends with can be trained on.
        self.mixcal("train", tokens, *SHORT, "--weights", run / "weights.csv", "-o", self.folder / "again")
        self.fails(64, "needs weights", "train", tokens, *SHORT, "-o", self.folder / "none")
        self.fails(64, "needs weights", "train", tokens, *SHORT, "--online", "aioli", "--weights", "uniform", "-o", self.folder / "two")

    def test_onnx_model_is_the_built_in_one(self):
        """The same network from a file, with its weights kept: the same trajectory."""
        tokens = self.prep()
        net = self.folder / "net.onnx"
        self.mixcal("gen", "--net", "nano", "--seed", 5, "-o", net)
        run = self.folder / "run"
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--model", net, "--init", "keep", "-o", run)
        self.mixcal("calibrate", tokens, *SHORT, "--compare=false", "--model", net, "--init", "fresh", "-o", self.folder / "fresh")
        self.check_model(run / "proxy/model.onnx")

    def test_law_from_files(self):
        rng = np.random.default_rng(3)
        ratios = rng.dirichlet([1, 1, 1], 40)
        losses = np.stack([1 + np.exp(-2 * ratios[:, 0]), 0.5 + np.exp(-ratios[:, 1]), 2 + np.exp(-3 * ratios[:, 2])], 1)
        for name, rows in (("ratios", ratios), ("metrics", losses)):
            lines = ["run,a,b,c"] + [f"r{i}," + ",".join(map(repr, map(float, row))) for i, row in enumerate(rows)]
            (self.folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        files = ["--ratios", self.folder / "ratios.csv", "--metrics", self.folder / "metrics.csv"]
        law = json.loads(self.mixcal("fit", *files, "--json").out)
        self.assertTrue(all(metric["spearman"] > 0.98 for metric in law["metrics"]))
        found = json.loads(self.mixcal("optimize", *files, "--law.kl", 0, "--law.replicates", 3, "--json", "-o",
                                       self.folder / "mixture.json").out)
        grid = np.array([(a, b, 100 - a - b) for a in range(101) for b in range(101 - a)]) / 100
        true = np.exp(-2 * grid[:, 0]) + np.exp(-grid[:, 1]) + np.exp(-3 * grid[:, 2])
        np.testing.assert_allclose(found["weights"], grid[true.argmin()], atol=0.03)
        capped = json.loads(self.mixcal("optimize", *files, "--law.kl", 0, "--law.replicates", 0, "--cap", "a=0.1", "--json").out)
        self.assertLessEqual(capped["weights"][0], 0.1 + 1e-9)
        self.fails(78, "no metric 'd'", "optimize", *files, "--law.objective", "d")

    def test_swarm_is_drawn(self):
        self.mixcal("swarm", self.prep(), "--swarm.runs", 30, "-o", self.folder / "ratios.csv")
        rows = np.genfromtxt(self.folder / "ratios.csv", delimiter=",", names=True)
        self.assertEqual(len(rows), 30)
        np.testing.assert_allclose(rows["codes"] + rows["numbers"] + rows["tales"], 1, atol=1e-9)

    def test_tokens_of_other_trainers(self):
        corpus = self.folder / "given"
        corpus.mkdir()
        rng = np.random.default_rng(1)
        ids = lambda: rng.integers(0, 50, 20000).astype(np.uint16)
        ids().tofile(corpus / "nano.bin")
        np.save(corpus / "numpy.npy", ids())
        with open(corpus / "llmc.bin", "wb") as out:
            out.write(struct.pack("<256i", 20240520, 1, 20000, *[0] * 253) + ids().tobytes())
        lengths = [1000] * 20
        with open(corpus / "megatron.idx", "wb") as out:
            out.write(b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 20, 21) + np.array(lengths, np.int32).tobytes() +
                      (np.arange(20) * 2000).astype(np.int64).tobytes() + np.arange(21).astype(np.int64).tobytes())
        ids().tofile(corpus / "megatron.bin")
        self.mixcal("prep", corpus, "-o", self.folder / "tokens", "--longest", 100)
        found = json.loads(self.mixcal("inspect", self.folder / "tokens", "--json").out)
        self.assertEqual(found["vocabulary"], 50)
        self.assertEqual({domain["name"]: domain["tokens"] for domain in found["domains"]},
                         {name: 20000 for name in ("nano", "numpy", "llmc", "megatron")})

    def test_what_is_wrong_is_said(self):
        tokens, out = self.prep(), self.folder / "out"
        self.fails(64, "no command", "calibrat", tokens)
        self.fails(64, "needs data", "calibrate", "-o", out)
        self.fails(66, "does not exist|cannot open|holds no", "inspect", self.folder / "none")
        (self.folder / "one").mkdir()
        (self.folder / "one/alone.txt").write_text(text(1, 2000))
        self.fails(65, "one domain only", "calibrate", self.folder / "one", "--longest", 512, *SHORT, "-o", out)
        (self.corpus / "empty").mkdir()
        self.fails(65, "without any file", "prep", self.corpus, "-o", out)
        (self.corpus / "empty/none.txt").write_text("")
        self.fails(65, "without any text", "prep", self.corpus, "-o", out)
        (self.corpus / "empty/none.txt").write_text("short")
        self.fails(65, "too few", "prep", self.corpus, "-o", out)
        (self.corpus / "empty/none.txt").write_text(text(1, 200))
        (self.corpus / "empty/tokens.bin").write_bytes(b"12345678")
        self.fails(65, "text and tokens", "prep", self.corpus, "-o", out)
        self.fails(65, "no sequence of 5000", "train", tokens, "--weights", "uniform", "--model", self.free_net(5000),
                   "--length", 5000, "-o", self.folder / "long")
        self.fails(78, "takes 65", "calibrate", tokens, "--length", 100, "-o", self.folder / "long2")
        self.fails(78, "raise it", "calibrate", tokens, *SHORT, "--max-epochs", 1e-3, "-o", self.folder / "few")
        self.fails(65, "not the file of", "inspect", self.damaged())

    def free_net(self, length):
        """A network that takes any length: a table."""
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Gather", ["table", "input_ids"], ["logits"])], "bigram",
            [onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["b", "s"])],
            [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["b", "s", 258])],
            [onnx.numpy_helper.from_array(np.zeros((258, 258), np.float32), "table")])
        path = self.folder / "bigram.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    def test_networks_that_are_no_language_models(self):
        tokens = self.prep()
        table = onnx.numpy_helper.from_array(np.random.default_rng(1).normal(size=(258, 258)).astype(np.float32), "table")
        ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["b", "s"])
        logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["b", "s", 258])

        def save(name, nodes, inputs=(ids,), tables=(table,)):
            graph = onnx.helper.make_graph(nodes, name, list(inputs), [logits], list(tables))
            onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
                      self.folder / name)
            return self.folder / name
        node = onnx.helper.make_node
        sees_all = save("all.onnx", [node("Gather", ["table", "input_ids"], ["x"]),
                                     node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1), node("Add", ["x", "m"], ["logits"])])
        self.fails(1, "not causal", "calibrate", tokens, *SHORT, "--model", sees_all, "--init", "keep", "-o", self.folder / "a")
        mixes = save("rows.onnx", [node("Gather", ["table", "input_ids"], ["x"]), node("Slice", ["x", "0", "1"], ["first"]),
                                   node("Slice", ["first", "0", "1", "1"], ["start"]), node("Add", ["x", "start"], ["logits"])],
                     tables=[table, *(onnx.numpy_helper.from_array(np.array([i], np.int64), str(i)) for i in (0, 1))])
        self.fails(1, "mixes the rows", "calibrate", tokens, *SHORT, "--model", mixes, "--init", "keep", "-o", self.folder / "b")
        cache = onnx.helper.make_tensor_value_info("past_key_values.0.key", onnx.TensorProto.FLOAT, ["b", 1, 0, 4])
        cached = save("cache.onnx", [node("Gather", ["table", "input_ids"], ["logits"])], inputs=(ids, cache))
        self.fails(78, "without a cache", "calibrate", tokens, *SHORT, "--model", cached, "-o", self.folder / "c")
        small = onnx.numpy_helper.from_array(np.zeros((258, 100), np.float32), "table")
        logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["b", "s", 100])
        few = save("few.onnx", [node("Gather", ["table", "input_ids"], ["logits"])], tables=(small,))
        self.fails(78, "tells 100 tokens apart", "calibrate", tokens, *SHORT, "--model", few, "-o", self.folder / "d")

    def causal_net(self, name, nodes, inputs=("input_ids",), numbers=None):
        """`nodes` make "logits" of "x", the rows of a table."""
        table = np.random.default_rng(1).normal(size=(258, 258)).astype(np.float32)
        stored = {"table": table} | {key: np.asarray(value, np.int64 if np.asarray(value).dtype.kind == "i" else np.float32)
                                     for key, value in (numbers or {}).items()}
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Gather", ["table", "input_ids"], ["x"]), *nodes], name,
            [onnx.helper.make_tensor_value_info(each, onnx.TensorProto.INT64, ["b", "s"]) for each in inputs],
            [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["b", "s", 258])],
            [onnx.numpy_helper.from_array(value, key) for key, value in stored.items()])
        path = self.folder / f"{name}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
        return path

    def test_networks_are_checked_before_they_are_trained(self):
        tokens, node = self.prep(), onnx.helper.make_node
        train = ["train", tokens, "--weights", "uniform", *SHORT, "--model"]
        masked = ["input_ids", "attention_mask"]
        sums = lambda x: [node("CumSum", [x, "one"], ["sum"]), node("Mul", ["sum", "small"], ["logits"])]
        hides = [node("Cast", ["attention_mask"], ["m"], to=1), node("Unsqueeze", ["m", "last"], ["column"]),
                 node("Mul", ["x", "column"], ["seen"])]
        numbers = {"one": 1, "small": 1.0}
        ignores = self.causal_net("ignores", sums("x"), masked, numbers)
        self.fails(1, "sees tokens that attention_mask hides", *train, ignores, "-o", self.folder / "a")
        self.mixcal(*train, ignores, "--verify=false", "-o", self.folder / "unchecked")
        numbers["last"] = [-1]
        masks = self.causal_net("masks", hides + sums("seen"), masked, numbers)
        self.mixcal(*train, masks, "-o", self.folder / "masked")
        shape = [node("Shape", ["input_ids"], ["dims"]), node("Gather", ["dims", "one"], ["s"]), node("Cast", ["s"], ["length"], to=1),
                 node("Mul", ["x", "length"], ["logits"])]
        self.fails(1, "other logits where a sequence is shorter", *train, self.causal_net("length", shape, numbers={"one": 1}), "-o",
                   self.folder / "b")
        faint = self.causal_net("faint", [node("Mul", ["x", "tiny"], ["logits"])], numbers={"tiny": 1e-6})
        self.fails(1, "does not learn: 50 steps", *train, faint, "-o", self.folder / "c")
        # Rounding has no gradient, and follows what it rounds.
        steps = [node("Mul", ["x", "fine"], ["scaled"]), node("Round", ["scaled"], ["whole"]), node("Div", ["whole", "fine"], ["stairs"]),
                 node("Add", ["x", "stairs"], ["logits"])]
        self.fails(1, "where the gradient of 'table' says", *train, self.causal_net("stairs", steps, numbers={"fine": 1e5}), "-o",
                   self.folder / "d")

    def test_a_full_disk(self):
        """Nothing is left that looks whole, and with room it works."""
        tokens, out = self.prep(), self.folder / "out"
        full = {"file_size": 10_000}
        self.fails(74, "File too large", "prep", self.corpus, "-o", out, "--longest", 1024, **full)
        self.assertFalse((out / "manifest.json").exists())
        for command in (["calibrate", tokens, "--compare=false"], ["reference", tokens], ["train", tokens, "--weights", "uniform"],
                        ["calibrate", tokens, "--compare=false", "--method", "mixing-law", "--swarm.runs", 6]):
            run = self.folder / f"full-{command[0]}-{len(command)}"
            self.fails(74, "File too large", *command, *SHORT, "-o", run, **full)
            self.assertEqual([*run.rglob("model.onnx"), *run.rglob("mixture.json"), *run.rglob("*.safetensors")], [])
        self.fails(74, "File too large", "gen", "--net", "nano", "-o", self.folder / "net.onnx", **full)
        self.fails(74, "File too large", "gen", "--task", "five", "-o", self.folder / "five", **full)
        self.fails(74, "File too large", "swarm", tokens, "-o", self.folder / "ratios.csv", file_size=100)
        self.assertFalse((self.folder / "ratios.csv").exists())
        self.mixcal("prep", self.corpus, "-o", out, "--longest", 1024)

    def interrupted(self, args, begun):
        """Runs a command, sends it a signal when begun() is true, and gives what it said."""
        process = subprocess.Popen([harness.BIN / "mixcal", *map(str, arguments(args))], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (catches(process.pid, signal.SIGTERM) and begun()):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll(), f"{args} ended before it could be stopped")
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143, err)
        return err

    def test_signals_save_and_end_every_long_command(self):
        tokens = self.prep()
        long = [*SHORT, "--steps", 100_000]  # until the signal
        for name, args in (("reference", ["reference", tokens]), ("train", ["train", tokens, "--weights", "natural"]),
                           ("doge", ["calibrate", tokens, "--method", "doge"]),
                           ("regmix", ["calibrate", tokens, "--method", "regmix"]),
                           ("bench", ["bench", tokens, "--tier", 2, "--model", "pico"])):
            run = self.folder / name
            err = self.interrupted([*args, *long, "-o", run], lambda: any(
                path.stat().st_size > 0 for path in run.rglob("metrics.jsonl")))
            self.assertIn("stopped early; --resume goes on", err)
            self.assertEqual(len([*run.rglob("state.safetensors")]), 1)
            self.assertEqual([*run.rglob("mixture.json"), *run.rglob("bench.json")], [])

    def test_a_signal_while_a_law_is_fitted(self):
        rng = np.random.default_rng(4)
        ratios = rng.dirichlet(np.ones(8), 200)
        for name, values in (("ratios", ratios), ("metrics", 2 + np.exp(-ratios))):
            lines = [f"{i}," + ",".join(f"{value:.6f}" for value in row) for i, row in enumerate(values)]
            (self.folder / f"{name}.csv").write_text("run," + ",".join("abcdefgh") + "\n" + "\n".join(lines) + "\n")
        err = self.interrupted(["optimize", "--ratios", self.folder / "ratios.csv", "--metrics", self.folder / "metrics.csv",
                                "--law.replicates", 10_000, "-o", self.folder / "mixture.json"], lambda: True)
        self.assertIn("stopped before there was anything to write", err)
        self.assertFalse((self.folder / "mixture.json").exists())

    def test_a_signal_while_a_corpus_is_prepared(self):
        """What is left is no store; the same command makes it anew."""
        pipe, tokens = self.folder / "endless.txt", self.folder / "tokens"
        os.mkfifo(pipe)
        args = ["prep", self.corpus, "--domain", f"endless={pipe}", "-o", tokens, "--longest", 1024, "--threads", 1]
        process = subprocess.Popen([harness.BIN / "mixcal", *map(str, args)], stderr=subprocess.PIPE, text=True)
        lines = text(5, 300).encode()
        with open(pipe, "wb", buffering=0) as out:  # when it is read from
            for _ in range(100):
                out.write(lines)
            process.send_signal(signal.SIGINT)
            with self.assertRaises(BrokenPipeError):
                while True:
                    out.write(lines)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("stopped before", err)
        self.assertFalse((tokens / "manifest.json").exists())
        self.assertEqual([path for path in tokens.rglob("*.*") if path.suffix not in (".tokens", ".documents")], [])
        pipe.unlink()
        pipe.write_text(text(6, 900))
        self.mixcal(*args)

    def test_bench(self):
        exact = json.loads(self.mixcal("bench", "--json").out)
        self.assertEqual(len(exact["criteria"]), 9)
        self.assertTrue(exact["all_hold"] and all(each["holds"] for each in exact["criteria"]))
        self.assertIn("holds", self.mixcal("bench", "-o", self.folder / "exact").out)
        self.assertEqual(json.loads((self.folder / "exact/bench.json").read_text()), exact)
        # Eight steps teach nothing: criteria fall short, and are the figures of the run beside them.
        run = self.folder / "text"
        outcome = harness.run("mixcal", "bench", self.prep(), "--tier", 2, *SHORT, "--model", "pico", "--seeds", 2, "--over", "tales",
                              "--over", "codes", "--json", "-o", run)
        told = json.loads(outcome.out)
        self.assertEqual(outcome.code, 0 if told["all_hold"] else 1, outcome.err)
        result = json.loads((run / "result.json").read_text())
        by_name = {each["what"]: each for each in told["criteria"]}
        arms = {arm["name"]: arm for arm in result["arms"]}
        share = arms["natural"]["weights"][result["domains"].index("numbers")]
        ratio = np.mean([weights[result["domains"].index("numbers")] for weights in result["by_seed"]]) / share
        self.assertEqual(by_name["weight of numbers over its share"]["figure"].split(",")[0], f"{ratio:.2f}")
        rise = np.subtract(arms["doremi"]["losses"], arms["natural"]["losses"])[:, [result["domains"].index(name) for name in
                                                                                  result["over"]]].max()
        self.assertEqual(by_name["largest rise of a domain over natural's"]["figure"], f"{rise:+.3f}")
        self.fails(64, "takes no data", "bench", self.prep())
        self.fails(64, "needs data", "bench", "--tier", 2, "-o", self.folder / "none")
        self.fails(64, "--output", "bench", "--tier", 1)

    def damaged(self):
        tokens = self.folder / "damaged"
        shutil.copytree(prepared(), tokens)
        shard = next(tokens.glob("*/proxy.tokens"))
        shard.write_bytes(shard.read_bytes()[:-2])
        return tokens


if __name__ == "__main__":
    harness.main()
