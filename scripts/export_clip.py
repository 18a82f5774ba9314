#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports two small CLIPs of open_clip with PyTorch's gradients: what contrast-train is compared with.

    export_clip.py OUTPUT [NAME...]     (1 minute)

For each of vit and resnet (what encodes images) NAME.image.f64.onnx, NAME.text.f64.onnx and the same as f32: the same
weights in two precisions, in evaluation mode and with all parameters under PyTorch's names. NAME.npz holds 16 pairs, `image`
and `text`. NAME.safetensors holds, of the contrastive loss over all of them in float64,
    loss, log_scale, gradient.log_scale
    image.<name>, text.<name>     the gradient of parameter <name> of that encoder
"""

import argparse
import copy
import logging
import pathlib
import warnings

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

try:
    import torchvision  # noqa: F401
except RuntimeError:  # its wheel is for another build of PyTorch; open_clip needs none of its operators, but the names of two
    OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import open_clip

PAIRS, TOKENS, WORDS = 16, 12, 256
TEXT = {"context_length": TOKENS, "vocab_size": WORDS, "width": 64, "heads": 2, "layers": 2}
VISION = {
    "vit": {"image_size": 32, "patch_size": 8, "width": 64, "layers": 2, "head_width": 32},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32},
}


class ImageEncoder(nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.visual = clip.visual

    def forward(self, image):
        return self.visual(image)


class TextEncoder(nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip = copy.deepcopy(clip)
        del self.clip.visual

    def forward(self, text):
        return self.clip.encode_text(text)


def stir(model):
    """Statistics and constant parameters that a fresh model has are no test: all get random numbers."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.copy_(torch.rand_like(tensor) + 0.5 if "var" in name or "weight" in name else
                             0.2 * torch.randn_like(tensor))


def build(name):
    """The CLIP called `name`, in evaluation mode and float32: the same weights each time."""
    torch.manual_seed(sum(map(ord, name)))
    clip = open_clip.model.CLIP(64, vision_cfg=VISION[name], text_cfg=TEXT)
    stir(clip)
    for module in clip.modules():
        if hasattr(module, "eps"):
            module.eps = float(np.float32(module.eps))  # as ONNX stores it
    return clip.eval()


def pairs(name, count, seed=0):
    """Random images and texts; each text ends with the largest word, which is where open_clip reads its embedding."""
    rng = np.random.default_rng(seed)
    size = VISION[name]["image_size"]
    image = rng.standard_normal((count, 3, size, size), dtype=np.float32)
    text = rng.integers(1, WORDS - 1, (count, TOKENS))
    ends = rng.integers(3, TOKENS, count)
    text[np.arange(TOKENS) > ends[:, None]] = 0
    text[np.arange(count), ends] = WORDS - 1
    return image, text.astype(np.int64)


def loss_of(clip, image, text):
    """The contrastive loss over one graph."""
    from torch.nn.functional import cross_entropy, normalize
    scores = clip.logit_scale.exp() * normalize(clip.encode_image(image)) @ normalize(clip.encode_text(text)).T
    own = torch.arange(len(scores))
    return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2


def side_of(parameter):
    """Under which encoder and name its ONNX file has a parameter of the CLIP."""
    return f"image.{parameter}" if parameter.startswith("visual.") else f"text.clip.{parameter}"


def export(name, folder):
    clip = build(name)
    image, text = pairs(name, PAIRS)
    np.savez(folder / f"{name}.npz", image=image, text=text)
    for kind, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        clip.to(dtype)
        for side, encoder, items in (("image", ImageEncoder, torch.from_numpy(image).to(dtype)),
                                     ("text", TextEncoder, torch.from_numpy(text))):
            torch.onnx.export(encoder(clip).eval(), (items,), folder / f"{name}.{side}.{kind}.onnx", dynamo=True,
                              optimize=False, verbose=False, opset_version=20, external_data=False, input_names=[side],
                              output_names=["embedded"], dynamic_shapes=({0: torch.export.Dim("batch")},))
    loss = loss_of(clip, torch.from_numpy(image).double(), torch.from_numpy(text))
    loss.backward()
    tensors = {side_of(key): value.grad for key, value in clip.named_parameters() if key != "logit_scale"}
    tensors |= {"gradient.log_scale": clip.logit_scale.grad.reshape(1), "loss": loss.detach().reshape(1),
                "log_scale": clip.logit_scale.detach().reshape(1)}
    save_file({key: value.contiguous() for key, value in tensors.items() if value is not None}, folder / f"{name}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default both: " + " ".join(VISION))
    args = parser.parse_args()
    unknown = set(args.names) - set(VISION)
    if unknown:
        parser.error(f"no CLIP is called {', '.join(sorted(unknown))}; choose from {', '.join(VISION)}")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.backends.mha.set_fastpath_enabled(False)  # a kernel that is no ONNX
    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or VISION:
        export(name, args.output)
        print(name, flush=True)


if __name__ == "__main__":
    main()
