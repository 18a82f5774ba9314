#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pillow_operations.txt: what Pillow makes of one image, for test/data/rand_augment_test.cpp. Needs Pillow 12.3."""
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

SIZE = 20
FACTOR = 1.6 * 1.8 + 0.1  # of enhancements at magnitude 16


def image() -> Image.Image:
    """Colourful and not quite smooth: the test makes the same one."""
    state, pixels = 1, bytearray()
    for i in range(SIZE * SIZE * 3):
        state = (state * 1103515245 + 12345) % 2**31
        pixels.append(40 + (i // 3 % SIZE) * 5 + i % 3 * 20 + (state >> 16) % 50)
    return Image.frombytes("RGB", (SIZE, SIZE), bytes(pixels))


def planes(picture: Image.Image) -> str:
    return b"".join(channel.tobytes() for channel in picture.split()).hex()


def main() -> None:
    source = image()
    operations = {
        "AutoContrast": ImageOps.autocontrast(source),
        "Equalize": ImageOps.equalize(source),
        "Invert": ImageOps.invert(source),
        "Posterize": ImageOps.posterize(source, 6),
        "Solarize": ImageOps.solarize(source, 153),
        "Color": ImageEnhance.Color(source).enhance(FACTOR),
        "Contrast": ImageEnhance.Contrast(source).enhance(FACTOR),
        "Brightness": ImageEnhance.Brightness(source).enhance(FACTOR),
        "Sharpness": ImageEnhance.Sharpness(source).enhance(FACTOR),
    }
    lines = [f"image {planes(source)}"] + [f"{name} {planes(result)}" for name, result in operations.items()]
    Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")


main()
