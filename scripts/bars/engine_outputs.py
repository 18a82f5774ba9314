# SPDX-License-Identifier: Apache-2.0
"""What the placement engine writes, as ONNX Runtime takes it: annotated files and sub-models."""

import os

import bar
from bar import Bar, Skipped


def honoured(*cases):
    def measure(quick):
        if quick and cases != ("silero",):
            raise Skipped("takes minutes on a software driver; run without --quick")
        python = os.environ.get("ALLOT_WEBGPU_PYTHON")
        if not python:
            raise Skipped("no second provider; run: scripts/setup.sh test")
        return bar.program("honoured.py", *(f"Honoured.test_{case}" for case in cases), python=python,
                           environment={"ALLOT_TEST_FULL": "1"})
    return measure


def submodels(quick):
    return bar.program("submodels.py", *(["SubModels.test_trained"] if quick else []))


BARS = [
    Bar("4a", "silero-vad on two providers", ">= 99 % where asked", honoured("silero")),
    Bar("4b", "PP-OCR detection on two providers, still read", ">= 99 % where asked", honoured("ocr")),
    Bar("4c", "ViT on two providers", ">= 99 % where asked", honoured("vit")),
    Bar("4d", "GPT-2 on two providers", ">= 99 % where asked", honoured("gpt2")),
    Bar("6", "chains of sub-models against the whole", "bit-identical", submodels),
]

if __name__ == "__main__":
    bar.main(BARS)
