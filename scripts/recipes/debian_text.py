#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real text in nine domains for mixcal, from Debian packages: manpages, manpages-dev, manpages-de, manpages-fr,
manpages-ru, linux-libc-dev, libc6-dev, libpython3.11-stdlib, wamerican, wngerman, iso-codes.

  debian_text.py -o FOLDER [--root /] [--bytes 8000000]

Writes a folder for each domain: manual pages in four languages (man_en, man_de, man_fr, man_ru), C headers (c_hdr),
Python (python), word lists (words), tables of ISO codes (iso_json) and random bytes (noise), which no model can learn.
Shares of --bytes are 10, 10, 5, 5, 10, 10, 15, 15 and 20 %, so that natural weights are those of mixcal's specification,
6.4; a package that has less gives what it has. Files are taken in a shuffled order of fixed seed; what holds a NUL byte
or fewer than 200 bytes is left out. --root: where packages are unpacked (apt-get download PACKAGES; dpkg -x FILE.deb FOLDER).
"""

import argparse
import gzip
import pathlib

import numpy as np

# Domain, share, where its files are below usr/, and what they are called.
DOMAINS = [
    ("man_en", 0.10, ["share/man"], "man[1-8]/*.gz"),
    ("man_de", 0.10, ["share/man/de"], "man[1-8]/*.gz"),
    ("man_fr", 0.05, ["share/man/fr"], "man[1-8]/*.gz"),
    ("man_ru", 0.05, ["share/man/ru"], "man[1-8]/*.gz"),
    ("c_hdr", 0.10, ["include"], "**/*.h"),
    ("python", 0.10, ["lib/python3.11"], "**/*.py"),
    ("words", 0.15, ["share/dict"], "*"),
    ("iso_json", 0.15, ["share/iso-codes/json", "share/xml/iso-codes"], "*"),
]
NOISE = 0.20
LEAST = 200


def files_of(root, folders, pattern, rng):
    """Regular files, each once, shuffled."""
    found = {path.resolve() for folder in folders for path in (root / "usr" / folder).glob(pattern) if path.is_file()}
    ordered = sorted(found)
    return [ordered[i] for i in rng.permutation(len(ordered))]


def content(path):
    """Text of a file, unpacked; None if it is no text to learn from."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return data if len(data) >= LEAST and b"\0" not in data else None


def write_domain(name, wanted, files, output):
    """Up to `wanted` bytes, a file of its own for each source; of a file too long, its beginning up to a line's end."""
    (output / name).mkdir(parents=True)
    left = wanted
    for number, path in enumerate(files):
        if left < LEAST:
            break
        data = content(path)
        if data is None:
            continue
        if len(data) > left:
            data = data[:data.rfind(b"\n", 0, left) + 1]
            if len(data) < LEAST:
                continue
        (output / name / f"{number:05}.txt").write_bytes(data)
        left -= len(data)
    return wanted - left


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where the packages are unpacked")
    parser.add_argument("--bytes", type=int, default=8_000_000, help="of all domains")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    for name, share, folders, pattern in DOMAINS:
        written = write_domain(name, int(share * arguments.bytes), files_of(arguments.root, folders, pattern, rng),
                               arguments.output)
        if written == 0:
            places = ", ".join(str(arguments.root / "usr" / each) for each in folders)
            raise SystemExit(f"{name}: there is nothing in {places}: install or unpack the packages")
        print(f"{name},{written}")
    noise = int(NOISE * arguments.bytes)
    (arguments.output / "noise").mkdir()
    (arguments.output / "noise/00000.txt").write_bytes(rng.integers(0, 256, noise, dtype=np.uint8).tobytes())
    print(f"noise,{noise}")


if __name__ == "__main__":
    main()
