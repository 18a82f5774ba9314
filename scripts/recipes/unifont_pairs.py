#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Glyphs and their Unicode names as pairs for contrast-train, from Debian's packages xfonts-unifont and unicode-data.

  unifont_pairs.py -o FOLDER [--root /]

Writes train.npz, valid.npz to choose settings by, and test.npz (image uint8 [n, 1, 16, 16], text int64 [n, 8], y: the
script's number), words.txt for --tokenizer vocab:words.txt, of what is not for the test, and classes.yaml with a prompt
or more a script. Of each script a fifth of the glyphs is for the test, and a tenth to choose by; scripts with fewer
than 40 glyphs are left out, of larger ones 400 are taken, and composed Hangul and Han, whose names are formulas, not at
all.
"""

import argparse
import collections
import gzip
import pathlib
import struct

import numpy as np

TOKENS, LEAST, MOST = 8, 40, 400
LEFT_OUT = {"Han", "Hangul", "Common", "Inherited", "Tangut", "Khitan_Small_Script", "Nushu"}


def tables_of(data):
    """A PCF file's tables by type: (format, content)."""
    if data[:4] != b"\x01fcp":
        raise SystemExit("unifont.pcf.gz is no PCF file")
    count = struct.unpack_from("<I", data, 4)[0]
    tables = {}
    for i in range(count):
        kind, layout, size, offset = struct.unpack_from("<4I", data, 8 + 16 * i)
        tables[kind] = (layout, data[offset:offset + size])
    return tables


def glyphs(path):
    """Bitmaps [16, 16] by code point."""
    tables = tables_of(gzip.decompress(path.read_bytes()))
    metrics_kind, bitmaps_kind, encodings_kind = 4, 8, 32

    def order(layout):
        return ">" if layout & 4 else "<"

    layout, table = tables[metrics_kind]
    if layout & 0x100:  # compressed: five bytes a glyph
        count = struct.unpack_from(order(layout) + "H", table, 4)[0]
        metrics = [[byte - 0x80 for byte in table[6 + 5 * i:11 + 5 * i]] for i in range(count)]
    else:
        count = struct.unpack_from(order(layout) + "I", table, 4)[0]
        metrics = [struct.unpack_from(order(layout) + "5h", table, 8 + 12 * i) for i in range(count)]
    layout, table = tables[bitmaps_kind]
    count = struct.unpack_from(order(layout) + "I", table, 4)[0]
    offsets = struct.unpack_from(f"{order(layout)}{count}I", table, 8)
    pad = 1 << (layout & 3)
    bits = table[8 + 4 * count + 16:]
    layout_e, encodings = tables[encodings_kind]
    first, last, first_row, last_row, _ = struct.unpack_from(order(layout_e) + "5H", encodings, 4)
    width = last - first + 1
    result = {}
    for row in range(first_row, last_row + 1):
        for column in range(first, last + 1):
            at = 14 + 2 * ((row - first_row) * width + column - first)
            index = struct.unpack_from(order(layout_e) + "H", encodings, at)[0]
            if index == 0xFFFF:
                continue
            left, right, _, ascent, descent = metrics[index]
            wide, high = right - left, ascent + descent
            stride = (wide + 8 * pad - 1) // (8 * pad) * pad
            image = np.zeros((16, 16), np.uint8)
            for y in range(min(16, high)):
                line = bits[offsets[index] + y * stride:offsets[index] + (y + 1) * stride]
                values = np.unpackbits(np.frombuffer(line, np.uint8), bitorder="big" if layout & 8 else "little")[:min(wide, 16)]
                place = 14 - ascent + y  # of a baseline at row 14
                if 0 <= place < 16:
                    start = max(0, left)
                    kept = values[:16 - start]
                    image[place, start:start + len(kept)] = 255 * kept
            if image.any():
                result[row << 8 | column] = image
    return result


def names(path):
    """Words of the names of code points."""
    found = {}
    for line in path.read_text().splitlines():
        code, name, *_ = line.split(";")
        if not name.startswith("<"):
            found[int(code, 16)] = name.lower().replace("-", " ").split()
    return found


def scripts(path):
    found = {}
    for line in path.read_text().splitlines():
        body = line.split("#")[0].strip()
        if not body:
            continue
        codes, script = (part.strip() for part in body.split(";"))
        first, _, last = codes.partition("..")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            found[code] = script
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where the packages are unpacked")
    arguments = parser.parse_args()
    share = arguments.root / "usr/share"
    bitmaps = glyphs(share / "fonts/X11/misc/unifont.pcf.gz")
    name_of, script_of = names(share / "unicode/UnicodeData.txt"), scripts(share / "unicode/Scripts.txt")
    members = collections.defaultdict(list)
    for code in sorted(bitmaps):
        if code in name_of and script_of.get(code, "Common") not in LEFT_OUT:
            members[script_of[code]].append(code)
    rng = np.random.default_rng(0)
    kept = {script: rng.permutation(codes)[:MOST] for script, codes in sorted(members.items()) if len(codes) >= LEAST}
    parts = {"train": [], "valid": [], "test": []}
    for label, codes in enumerate(kept.values()):
        of_test, of_valid = len(codes) // 5, len(codes) // 10
        parts["test"] += [(code, label) for code in codes[:of_test]]
        parts["valid"] += [(code, label) for code in codes[of_test:of_test + of_valid]]
        parts["train"] += [(code, label) for code in codes[of_test + of_valid:]]
    counts = collections.Counter(word for code, _ in parts["train"] + parts["valid"] for word in name_of[code])
    words = ["<pad>", "<unk>"] + [word for word, count in counts.most_common() if count >= 3]
    number = {word: i for i, word in enumerate(words)}
    arguments.output.mkdir(parents=True, exist_ok=True)
    for part, items in parts.items():
        image = np.stack([bitmaps[code] for code, _ in items])[:, None]
        text = np.zeros((len(items), TOKENS), np.int64)
        for i, (code, _) in enumerate(items):
            ids = [number.get(word, 1) for word in name_of[code]][:TOKENS]
            text[i, :len(ids)] = ids
        np.savez(arguments.output / f"{part}.npz", image=image, text=text, y=np.array([label for _, label in items]))
    (arguments.output / "words.txt").write_text("\n".join(words) + "\n")
    lines = [f"  - {script.lower().replace('_', ' ')}" for script in kept]
    (arguments.output / "classes.yaml").write_text(
        "classes:\n" + "\n".join(lines) + "\ntemplates: ['{} letter', '{} small letter', '{} syllable', '{} sign', '{} digit']\n")
    print(f"{len(kept)} scripts, {len(parts['train'])} pairs to train on, {len(parts['valid'])} to choose by, "
          f"{len(parts['test'])} to test with, {len(words)} words")


if __name__ == "__main__":
    main()
