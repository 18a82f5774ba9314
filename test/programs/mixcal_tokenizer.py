# SPDX-License-Identifier: Apache-2.0
"""Tokens that `mixcal prep --tokenizer` makes are those of Hugging Face's tokenizers, whose file it reads. Runs with
the environment of PyTorch and transformers."""

import collections
import hashlib
import json

import numpy as np
import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

import harness

GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
HEADER = 64
WORDS = ("the quick brown fox isn't Über größer Быстрая лиса 素早い茶色の狐 1234 ２３ x=4; don'T he'LL été ـسريع 🦊🦊 ½ Ⅻ it'ſ "
         "lower newest widest").split()


def byte_level(blank=False, regex=True):
    return pre_tokenizers.ByteLevel(add_prefix_space=blank, use_regex=regex)


def after(*steps):
    return pre_tokenizers.Sequence([*steps, byte_level(regex=False)])


KINDS = {
    "gpt2": byte_level(),
    "blank": byte_level(blank=True),
    "gpt4": after(pre_tokenizers.Split(Regex(GPT4), "isolated")),
    "qwen": after(pre_tokenizers.Split(Regex(GPT4.replace("{1,3}", "")), "removed", invert=True)),
    "digits": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()]),
    "runs": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_level()]),
    "bytes": byte_level(regex=False),
}


def texts(seed, count):
    """Words, all kinds of white space, signs, and characters from all planes."""
    rng = np.random.default_rng(seed)
    between = [" ", " ", "  ", "\n", "\r\n\n", "\t", " \u00a0", "\u3000", "\u2028 ", "", ", ", "!?\n",
               "<mask>", " <mask>  ", "<|endoftext|>", "<new>"]
    points = [*range(1, 0x250), *range(0x370, 0x530), 0x1680, 0x200b, 0x1c89, 0x10d40, 0xe000, 0x10ffff]

    def one():
        if rng.random() < 0.3:
            return "".join(chr(points[i]) for i in rng.integers(len(points), size=rng.integers(1, 20)))
        if rng.random() < 0.2:
            return "".join(chr(c) for c in rng.integers(1, 0x110000, 8) if not 0xd800 <= c < 0xe000)
        return str(rng.choice(WORDS))
    return ["".join(one() + str(rng.choice(between)) for _ in range(rng.integers(1, 12))) for _ in range(count)]


class Tokenizers(harness.TestCase):
    def trained(self, kind):
        made = tokenizers.Tokenizer(models.BPE(ignore_merges=kind == "gpt4"))
        made.pre_tokenizer, made.decoder = KINDS[kind], decoders.ByteLevel()
        made.train_from_iterator(texts(1, 400), trainers.BpeTrainer(
            vocab_size=700, show_progress=False, special_tokens=["<|endoftext|>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
        made.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True, rstrip=True)])
        made.add_tokens([tokenizers.AddedToken("<new>", normalized=True)])
        made.save(str(self.folder / f"{kind}.json"))
        return made

    def prep(self, kind, *args):
        return self.run_ok("mixcal", "prep", self.folder / "corpus", "--tokenizer", self.folder / f"{kind}.json", "-o",
                           self.folder / kind, *args)

    def documents(self, kind, end):
        """All that a store holds, whatever part it is in."""
        found = []
        for path in self.folder.glob(f"{kind}/*/*.tokens"):
            ids = np.frombuffer(path.read_bytes()[HEADER:], np.uint16)
            ends = np.flatnonzero(ids == end)
            found += [tuple(ids[begin:stop]) for begin, stop in zip([0, *ends[:-1] + 1], ends)]
        return found

    def test_tokens_are_those_of_tokenizers(self):
        (self.folder / "corpus").mkdir()
        lines = texts(2, 1500)
        (self.folder / "corpus/all.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
        for kind in KINDS:
            peer = self.trained(kind)
            end = peer.token_to_id("</s>")  # no text has it, so it tells documents apart
            self.prep(kind, "--end-of-document", end)
            expected = [tuple(each.ids) for each in peer.encode_batch(lines)]
            self.assertEqual(collections.Counter(self.documents(kind, end)), collections.Counter(expected), kind)
            harness.CHECKED["documents"] += len(expected)

    def test_a_store_knows_its_tokenizer(self):
        (self.folder / "corpus").mkdir()
        for name in ("one", "two"):
            (self.folder / f"corpus/{name}.txt").write_text("\n".join(texts(3, 2000)))
        peer = self.trained("gpt2")
        self.trained("qwen")
        self.prep("gpt2", "--longest", 512)
        manifest = json.loads((self.folder / "gpt2/manifest.json").read_text())["tokenizer"]
        self.assertEqual([manifest[key] for key in ("kind", "vocabulary", "end_of_document")],
                         ["bpe", peer.get_vocab_size(), peer.token_to_id("<|endoftext|>")])
        self.assertEqual(manifest["file"], hashlib.sha256((self.folder / "gpt2.json").read_bytes()).hexdigest())
        told = json.loads(self.run_ok("mixcal", "inspect", self.folder / "gpt2", "--json").out)["domains"]
        for domain in told:
            self.assertAlmostEqual(domain["bytes_per_token"], domain["bytes"] / domain["tokens"])
            self.assertGreater(domain["bytes_per_token"], 1.2)
        self.run_ok("mixcal", "inspect", self.folder / "gpt2", "--tokenizer", self.folder / "gpt2.json")
        other = self.folder / "qwen.json"
        for args in (["inspect", self.folder / "gpt2", "--tokenizer", other],
                     ["calibrate", self.folder / "gpt2", "--tokenizer", other, "-o", self.folder / "run"]):
            outcome = harness.run("mixcal", *args)
            self.assertEqual(outcome.code, 1, outcome.err)
            self.assertIn("another tokenizer", outcome.err)
        # Models of one tokenizer are none of another's.
        self.run_ok("mixcal", "reference", self.folder / "gpt2", "--model", "pico", "--steps", 2, "--length", 17,
                    "--batch", 4, "--max-epochs", 1000, "-o", self.folder / "model")
        self.prep("qwen", "--longest", 512)
        outcome = harness.run("mixcal", "eval", self.folder / "qwen", "--model", self.folder / "model/model.onnx")
        self.assertEqual(outcome.code, 1, outcome.err)
        self.assertIn("another tokenizer", outcome.err)

    def test_where_a_tokenizer_is_wrong(self):
        (self.folder / "corpus").mkdir()
        (self.folder / "corpus/a.txt").write_text("\n".join(texts(3, 100)))
        self.trained("gpt2")
        file = json.loads((self.folder / "gpt2.json").read_text())
        file["normalizer"] = {"type": "NFC"}
        (self.folder / "nfc.json").write_text(json.dumps(file))
        for code, told, args in ((69, "nfc.json:1: key /normalizer", ["--tokenizer", self.folder / "nfc.json"]),
                                 (66, "none.json", ["--tokenizer", self.folder / "none.json"]),
                                 (64, "beyond a vocabulary", ["--tokenizer", self.folder / "gpt2.json",
                                                              "--end-of-document", 9999]),
                                 (64, "is for text", ["--tokenizer", self.folder / "gpt2.json", "--task", "classify"])):
            outcome = harness.run("mixcal", "prep", self.folder / "corpus", "-o", self.folder / "out", *args)
            self.assertEqual(outcome.code, code, outcome.err)
            self.assertIn(told, outcome.err)
            self.assertFalse((self.folder / "out/manifest.json").exists())


if __name__ == "__main__":
    harness.main()
