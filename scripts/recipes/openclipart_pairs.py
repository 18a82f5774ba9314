#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drawings with their titles and keywords as pairs for contrast-train, from Debian's package openclipart-svg.

  openclipart_pairs.py -o FOLDER [--root /] [--rsvg rsvg-convert] [--size 32] [--copies 4] [--most N]

Writes train.npz, valid.npz to choose settings by, and test.npz (image uint8 [n, 3, size, size], text int64 [n, 16]),
and words.txt for --tokenizer vocab:words.txt, of what is not for the test. A text is the words of title and keywords,
each once; where a folder has more than ten drawings of one title, which is their collection's, of the file's name, too.
Of a folder's drawings whose titles differ in digits alone, as of the package's stars, at most three are taken, and of
those that look alike one; all drawings of one title are in one part. Each drawing to train on is there `copies` times:
as it is, and moved, scaled and maybe mirrored.
--root: where the package is unpacked (apt-get download openclipart-svg; dpkg -x FILE.deb FOLDER). --most: so many drawings.
Drawing all takes about four minutes.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import html
import pathlib
import re
import shutil
import struct
import subprocess
import zlib

import numpy as np

PARTS = ("train", "valid", "test")
TOKENS, SERIES, LEAST, COLLECTION = 16, 3, 4, 10
# Words that say nothing.
STOP = set("a an the of and in on with for to by s clip art clipart svg image unsorted hash part collection wed aug".split())


def letters(text):
    return re.findall(r"[a-z]+", html.unescape(text).lower())


def described(path):
    """Words of a drawing's title and of its keywords; none where it has no title."""
    text = path.read_text(errors="replace")
    title = re.search(r"<dc:title>([^<]*)</dc:title>", text)
    if not title or not title[1].strip():
        return None
    subject = re.search(r"<dc:subject>(.*?)</dc:subject>", text, re.DOTALL)
    keywords = re.findall(r"<rdf:li>([^<]*)</rdf:li>", subject[1]) if subject else []
    return letters(title[1]), letters(" ".join(keywords))


def pixels(png):
    """[height, width, 3] of an 8-bit PNG without interlacing, on white."""
    place, width, height, kind, data = 8, 0, 0, 0, b""
    while place < len(png):
        size, name = struct.unpack_from(">I4s", png, place)
        body = png[place + 8:place + 8 + size]
        if name == b"IHDR":
            width, height, _, kind = struct.unpack_from(">IIBB", body)
        elif name == b"IDAT":
            data += body
        place += 12 + size
    channels = {2: 3, 6: 4}[kind]
    raw = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    rows = np.zeros((height, width * channels), np.int32)
    for y in range(height):
        above = rows[y - 1] if y else np.zeros(width * channels, np.int32)
        rows[y] = unfiltered(raw[y, 0], raw[y, 1:].astype(np.int32), above, channels)
    image = rows.reshape(height, width, channels).astype(np.float32)
    return image[..., :3] if channels == 3 else image[..., :3] * image[..., 3:] / 255 + 255 - image[..., 3:]


def unfiltered(kind, line, above, step):
    """A row of a PNG: what its filter of bytes before and above stands for."""
    if kind in (0, 2):
        return line if kind == 0 else (line + above) & 255
    result = np.zeros_like(line)
    for i, value in enumerate(line):
        left = result[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            estimate = left + above[i] - corner
            guess = min((left, above[i], corner), key=lambda each: abs(estimate - each))
        result[i] = (value + guess) & 255
    return result


def drawn(rsvg, path, size):
    """A square picture [size, size, 3] with the drawing in its middle on white; none where it cannot be drawn in time."""
    try:
        done = subprocess.run([rsvg, "--keep-aspect-ratio", "-w", str(size), "-h", str(size), "-b", "white", path],
                              capture_output=True, timeout=10)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0 or not done.stdout:
        return None
    image = pixels(done.stdout)
    high, wide = image.shape[:2]
    if high > size or wide > size or image.std() < 4:
        return None
    square = np.full((size, size, 3), 255, np.float32)
    top, left = (size - high) // 2, (size - wide) // 2
    square[top:top + high, left:left + wide] = image
    return square


def changed(image, rng):
    """The picture moved and scaled by up to an eighth, and mirrored every other time."""
    size = len(image)
    scale, (down, right) = rng.uniform(0.9, 1.2), rng.uniform(-size / 10, size / 10, 2)
    where = (np.arange(size) - size / 2) * scale + size / 2
    rows, columns = (np.rint(where + shift).astype(int) for shift in (down, right))
    result = np.full_like(image, 255)
    inside_rows, inside_columns = ((each >= 0) & (each < size) for each in (rows, columns))
    result[np.ix_(inside_rows, inside_columns)] = image[np.ix_(rows[inside_rows], columns[inside_columns])]
    return result[:, ::-1] if rng.random() < 0.5 else result


def halved(image):
    """Means of squares of four."""
    size = len(image) // 2
    return image.reshape(size, 2, size, 2, 3).mean((1, 3))


def chosen(folder):
    """Drawings with two words or more: (path, words, title), of a series as many as are taken."""
    told = {path: described(path) for path in sorted(folder.rglob("*.svg")) if "duplicates" not in path.parts}
    told = {path: text for path, text in told.items() if text}
    titles = collections.Counter((path.parent, *title) for path, (title, _) in told.items())
    counts, found = collections.Counter(), []
    for path, (title, keywords) in told.items():
        if titles[path.parent, *title] > COLLECTION:
            title = letters(path.stem) + title
        words = [word for word in dict.fromkeys(title + keywords) if word not in STOP]
        counts[path.parent, *title] += 1
        if counts[path.parent, *title] <= SERIES and len(words) >= 2:
            found.append((path, words, title))
    return found


def part_of(title):
    """A fifth is for the test, a tenth to choose by."""
    place = hashlib.sha256(" ".join(title).encode()).digest()[0] / 256
    return "test" if place < 0.2 else "valid" if place < 0.3 else "train"


def split(items, pictures):
    """Indices by part; of drawings that look alike only the first is kept."""
    parts, seen = {part: [] for part in PARTS}, set()
    for i, (_, _, title) in enumerate(items):
        if pictures[i] is None:
            continue
        look = (halved(halved(halved(pictures[i]))) / 16).astype(np.uint8).tobytes()
        if look not in seen:
            seen.add(look)
            parts[part_of(title)].append(i)
    return parts


def arrays(indices, items, pictures, number, copies):
    rng = np.random.default_rng(0)
    image, text = [], []
    for i in indices:
        ids = [number[word] for word in items[i][1] if word in number][:TOKENS]
        for copy in range(copies):
            picture = pictures[i] if copy == 0 else changed(pictures[i], rng)
            image.append(halved(picture).transpose(2, 0, 1).round().astype(np.uint8))
            text.append(ids + [0] * (TOKENS - len(ids)))
    return {"image": np.stack(image), "text": np.array(text, np.int64)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("/"), help="where the package is unpacked")
    parser.add_argument("--rsvg", default="rsvg-convert", help="of Debian's package librsvg2-bin")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--most", type=int, default=None, help="drawings that are looked at, spread over all")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    folder = arguments.root / "usr/share/openclipart/svg"
    if not folder.is_dir():
        parser.error(f"there is no {folder}: install openclipart-svg, or give --root")
    if not shutil.which(arguments.rsvg):
        parser.error(f"there is no {arguments.rsvg}: install librsvg2-bin, or give --rsvg")
    items = chosen(folder)
    if arguments.most:
        items = items[::max(1, len(items) // arguments.most)][:arguments.most]
    with concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        pictures = list(pool.map(lambda item: drawn(arguments.rsvg, item[0], 2 * arguments.size), items))
    parts = split(items, pictures)
    counts = collections.Counter(word for i in parts["train"] + parts["valid"] for word in items[i][1])
    words = ["<pad>"] + sorted(word for word, count in counts.items() if count >= LEAST)
    number = {word: i for i, word in enumerate(words)}
    for part, indices in parts.items():
        parts[part] = [i for i in indices if any(word in number for word in items[i][1])]
    arguments.output.mkdir(parents=True, exist_ok=True)
    for part, indices in parts.items():
        np.savez(arguments.output / f"{part}.npz",
                 **arrays(indices, items, pictures, number, arguments.copies if part == "train" else 1))
    (arguments.output / "words.txt").write_text("\n".join(words) + "\n")
    print(f"{len(parts['train'])} drawings to train on, {len(parts['valid'])} to choose by, {len(parts['test'])} to "
          f"test with, {len(words)} words; {sum(each is None for each in pictures)} of {len(items)} could not be drawn")


if __name__ == "__main__":
    main()
