#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weak and strong views of 32x32 images by data_bench and by Pillow, in turn on one thread; prints JSON with ratios.

    data_bench.py PROGRAM      PROGRAM: build/release/bin/data_bench; needs Python with Pillow and NumPy

Pillow does what the strong view does: mirror, crop, two operations of RandAugment at magnitude 16, cutout, mirror and
crop, and float32 in [0, 1] with channels first.
"""
import json
import random
import subprocess
import sys
import time

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

SIZE, PAD, LEVEL = 32, 4, 1.6
ENHANCE = LEVEL * 1.8 + 0.1


def sign() -> int:
    return random.choice((-1, 1))


def moved(image: Image.Image, matrix: tuple) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=(128, 128, 128))


def cut(image: Image.Image, half: int) -> Image.Image:
    x, y = random.randrange(SIZE), random.randrange(SIZE)
    image = image.copy()
    ImageDraw.Draw(image).rectangle((x - half, y - half, x + half - 1, y + half - 1), fill=(128, 128, 128))
    return image


OPERATIONS = [
    ImageOps.autocontrast,
    ImageOps.equalize,
    ImageOps.invert,
    lambda image: image.rotate(sign() * LEVEL * 30, Image.Resampling.NEAREST, fillcolor=(128, 128, 128)),
    lambda image: ImageOps.posterize(image, 6),
    lambda image: ImageOps.solarize(image, 153),
    lambda image: ImageEnhance.Color(image).enhance(ENHANCE),
    lambda image: ImageEnhance.Contrast(image).enhance(ENHANCE),
    lambda image: ImageEnhance.Brightness(image).enhance(ENHANCE),
    lambda image: ImageEnhance.Sharpness(image).enhance(ENHANCE),
    lambda image: moved(image, (1, sign() * LEVEL * 0.3, 0, 0, 1, 0)),
    lambda image: moved(image, (1, 0, 0, sign() * LEVEL * 0.3, 1, 0)),
    lambda image: moved(image, (1, 0, sign() * LEVEL * SIZE / 8, 0, 1, 0)),
    lambda image: moved(image, (1, 0, 0, 0, 1, sign() * LEVEL * SIZE / 8)),
    lambda image: cut(image, int(LEVEL * SIZE / 8)),
]


def crop(image: Image.Image) -> Image.Image:
    x, y = random.randrange(2 * PAD + 1) - PAD, random.randrange(2 * PAD + 1) - PAD
    image = image.crop((x, y, x + SIZE, y + SIZE))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else image


def strong(image: Image.Image) -> Image.Image:
    image, probability = crop(image), random.uniform(0.2, 0.8)
    for operation in random.choices(OPERATIONS, k=2):
        if random.random() < probability:
            image = operation(image)
    return crop(cut(image, SIZE // 4))


def pillow_images_per_s(view) -> float:
    pixels = np.random.default_rng(1).integers(0, 256, (512, SIZE, SIZE, 3), dtype=np.uint8)
    start = time.process_time()
    for item in pixels:
        np.asarray(view(Image.fromarray(item)), np.float32).transpose(2, 0, 1) / 255
    return len(pixels) / (time.process_time() - start)


def main() -> None:
    rounds = 3
    ours, peer = [], {"weak 32x32x3": [], "strong 32x32x3": []}
    for _ in range(rounds):
        ours.append(json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout))
        peer["weak 32x32x3"].append(pillow_images_per_s(crop))
        peer["strong 32x32x3"].append(pillow_images_per_s(strong))
    best = max(ours, key=lambda result: sum(view["images_per_s"] for view in result["views"]))
    for view in best["views"]:
        if view["view"] in peer:
            view["pillow_images_per_s"] = max(peer[view["view"]])
            view["ratio_to_pillow"] = view["images_per_s"] / view["pillow_images_per_s"]
    print(json.dumps(best, indent=2))


main()
