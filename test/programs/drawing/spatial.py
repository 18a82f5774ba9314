# SPDX-License-Identifier: Apache-2.0
"""Images: convolutions, pools, resizing, sampling."""

import numpy as np

from .registry import draws


def image(g, dtypes=("float32",), rank=(3, 5)):
    return g.pick(dtypes, rank=rank, where=lambda a: a.size > 0)


def window(g, sizes, most=3):
    """(kernel, strides, dilations, pads) that leave at least one position along each axis."""
    kernel, strides, dilations, begins, ends = [], [], [], [], []
    dilated, stretched, padded = g.chance(0.3), g.chance(0.5), g.chance(0.5)
    for size in sizes:
        extent = g.integer(1, most)
        dilation = g.integer(1, 2) if dilated else 1
        before, after = (g.integer(0, extent - 1), g.integer(0, extent - 1)) if padded else (0, 0)
        while (extent - 1) * dilation + 1 > size + before + after:
            extent = max(1, extent - 1)
            dilation, before, after = 1, min(before, extent - 1), min(after, extent - 1)
        kernel.append(extent)
        dilations.append(dilation)
        strides.append(g.integer(1, 3) if stretched else 1)
        begins.append(before)
        ends.append(after)
    return kernel, strides, dilations, begins + ends


def same(kernel, strides):
    """Automatic paddings; ONNX does not say what is left out of windows farther apart than they are wide."""
    return ["SAME_UPPER", "SAME_LOWER"] if all(k >= s for k, s in zip(kernel, strides)) else []


def window_attributes(g, sizes, dilate=True):
    kernel, strides, dilations, pads = window(g, sizes)
    attributes = {}
    if max(strides) > 1 or g.chance(0.5):
        attributes["strides"] = strides
    if g.chance(0.25):
        attributes["auto_pad"] = g.choice(same(kernel, strides) + ["VALID"])
        if attributes["auto_pad"] == "VALID":
            kernel = [min(extent, size) for extent, size in zip(kernel, sizes)]
        return kernel, attributes
    if dilate and max(dilations) > 1:
        attributes["dilations"] = dilations
    elif max(dilations) > 1:
        pads = [0] * len(pads)
        kernel = [min(extent, size) for extent, size in zip(kernel, sizes)]
    if max(pads) > 0 or g.chance(0.5):
        attributes["pads"] = pads
    return kernel, attributes


def ceiling(g, sizes, kernel, attributes):
    """ceil_mode, unless a window would start in the padding behind: ONNX's text and its inference differ there."""
    strides, dilations = (attributes.get(name, [1] * len(sizes)) for name in ("strides", "dilations"))
    pads = attributes.get("pads", [0] * 2 * len(sizes))
    for i, size in enumerate(sizes):
        extent = (kernel[i] - 1) * dilations[i] + 1
        last = -(-(size + pads[i] + pads[i + len(sizes)] - extent) // strides[i]) * strides[i]
        if "auto_pad" in attributes or last >= size + pads[i]:
            return {}
    return g.some(ceil_mode=1)


def groups(g, channels):
    return g.choice([n for n in range(1, channels + 1) if channels % n == 0]) if g.chance(0.4) else 1


@draws(6)
def conv(g):
    x = image(g, ("float32", "float32", "float16"))
    kernel, attributes = window_attributes(g, x.shape[2:])
    group = groups(g, x.shape[1])
    filters = group * g.integer(1, 3)
    bias = [g.weight(x.dtype, (filters,))] if g.chance(0.6) else []
    g.add("Conv", [x, g.weight(x.dtype, (filters, x.shape[1] // group, *kernel)), *bias], **attributes,
          **({
              "group": group
          } if group > 1 or g.chance(0.3) else {}), **g.some(kernel_shape=kernel))


@draws(3)
def conv_transpose(g):
    x = image(g)
    spatial = x.rank - 2
    kernel = [g.integer(1, 3) for _ in range(spatial)]
    strides = [g.integer(1, 3) if g.chance(0.5) else 1 for _ in range(spatial)]
    dilations = [g.integer(1, 2) if g.chance(0.2) else 1 for _ in range(spatial)]
    group = groups(g, x.shape[1])
    filters = g.integer(1, 3)
    attributes = {"strides": strides, **g.some(dilations=dilations, kernel_shape=kernel)}
    dilations = attributes.get("dilations", [1] * spatial)
    full = [(size - 1) * s + (k - 1) * d + 1 for size, s, k, d in zip(x.shape[2:], strides, kernel, dilations)]
    how = g.integer(0, 3)
    if how == 0:
        attributes["auto_pad"] = g.choice(same(kernel, strides) + ["VALID"])
    elif how == 1:
        pads = [g.integer(0, min(2, (size - 1) // 2)) for size in full]
        attributes["pads"] = pads + [g.integer(0, min(1, p)) for p in pads]
        attributes |= g.some(output_padding=[g.integer(0, max(0, s - 1)) for s in strides])
    elif how == 2:
        attributes["output_shape"] = [max(old, size - g.integer(0, 2)) for old, size in zip(x.shape[2:], full)]
        attributes |= g.some(auto_pad=g.choice(["SAME_UPPER", "SAME_LOWER"]))
    bias = [g.weight(x.dtype, (filters * group,))] if g.chance(0.5) else []
    g.add("ConvTranspose", [x, g.weight(x.dtype, (x.shape[1], filters, *kernel)), *bias], **attributes,
          **({
              "group": group
          } if group > 1 else {}))


@draws(3)
def max_pool(g):
    x = image(g, ("float32", "float32", "float64", "uint8", "int8"))
    kernel, attributes = window_attributes(g, x.shape[2:])
    attributes |= ceiling(g, x.shape[2:], kernel, attributes)
    if x.dtype in ("float32", "float64") and g.chance(0.4):
        g.add("MaxPool", [x], 2, kernel_shape=kernel, **attributes, **g.some(storage_order=1))
    else:
        g.add("MaxPool", [x], kernel_shape=kernel, **attributes)


@draws(3)
def average_pool(g):
    x = image(g, ("float32", "float32", "float16"))
    kernel, attributes = window_attributes(g, x.shape[2:], dilate=g.opset >= 19)
    attributes |= ceiling(g, x.shape[2:], kernel, attributes)
    g.add("AveragePool", [x], kernel_shape=kernel, **attributes, **g.some(count_include_pad=1))


@draws(1)
def lp_pool(g):
    x = image(g)
    kernel, attributes = window_attributes(g, x.shape[2:], dilate=g.opset >= 18)
    g.add("LpPool", [x], kernel_shape=kernel, **attributes, **g.some(p=g.integer(1, 3)))


@draws(2)
def global_pool(g):
    op_type = g.choice(["GlobalAveragePool", "GlobalMaxPool"] + (["GlobalLpPool"] if g.opset < 22 else []))
    g.add(op_type, [image(g)], **(g.some(p=1) if op_type == "GlobalLpPool" else {}))


@draws(0.7)
def max_unpool(g):
    """Even sizes alone: ONNX's case counts indices in the smallest size that fits, ONNX Runtime in output_shape."""
    x = g.pick(("float32",), rank=4, where=lambda a: a.size > 0 and a.shape[2] % 2 == 0 == a.shape[3] % 2)
    pooled, chosen = g.add("MaxPool", [x], 2, kernel_shape=[2, 2], strides=[2, 2])
    g.add("MaxUnpool", [pooled, chosen] + ([g.ints(list(x.shape))] if g.chance(0.5) else []),
          kernel_shape=[2, 2],
          strides=[2, 2])


@draws(0.7)
def local_response(g):
    g.add("LRN", [image(g, rank=4)], size=g.choice([1, 3, 5]), **g.some(alpha=0.01, beta=0.6, bias=1.5))


@draws(3)
def resize(g):
    x = image(g, ("float32", "float32", "uint8", "int32"), rank=4)
    mode = g.choice(["nearest", "linear", "cubic"] if x.dtype == "float32" else ["nearest"])
    attributes = {
        "mode":
            mode,
        "coordinate_transformation_mode":
            g.choice(["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"] +
                     (["half_pixel_symmetric"] if g.opset >= 19 else []))
    }
    if mode == "nearest":
        attributes |= g.some(nearest_mode=g.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]))
    if mode == "cubic":
        attributes |= g.some(cubic_coeff_a=-0.5, exclude_outside=1)
    if mode == "linear" and g.opset >= 18 and g.chance(0.3):
        attributes["antialias"] = 1
    scales = [g.choice([0.5, 0.75, 1.0, 1.5, 2.0, 3.0] if size > 1 else [1.0, 1.5, 2.0, 3.0]) for size in x.shape[2:]]
    sizes = [int(size * scale) for size, scale in zip(x.shape[2:], scales)]
    axes = g.opset >= 18 and g.chance(0.4)
    leading = [] if axes else list(x.shape[:2])
    attributes |= {"axes": g.choice([[2, 3], [-2, -1]])} if axes else {}
    if g.chance(0.5):
        inputs = [None, None, g.ints(leading + sizes)]
        if g.opset >= 18 and axes and g.chance(0.3):
            attributes["keep_aspect_ratio_policy"] = g.choice(["not_larger", "not_smaller"])
            attributes["axes"] = [2, 3]  # ONNX Runtime keeps no ratio of axes counted from the end
    else:
        if attributes[
                "coordinate_transformation_mode"] == "align_corners":  # ONNX's cases count fractions of an element
            scales = [float(int(scale)) or 1.0 for scale in scales]  # here, its text and ONNX Runtime do not
        inputs = [None, g.leaf(np.array([1.0] * len(leading) + scales, np.float32), fixed=True)]
    g.add("Resize", [x, *inputs], **attributes)


@draws(1)
def resize_region(g):
    """Crop and resize: the region of interest in parts of each axis. ONNX Runtime forgets it where the size stays."""
    x = image(g, rank=4)
    region = [0, 0, *np.round(g.random.uniform(0, 0.4, 2), 2), 1, 1, *np.round(g.random.uniform(0.6, 1.2, 2), 2)]
    g.add("Resize", [
        x,
        g.leaf(np.array(region, np.float32), fixed=True), None,
        g.ints([*x.shape[:2], *(g.choice([n for n in range(1, 7) if n != size]) for size in x.shape[2:])])
    ],
          mode="linear",
          coordinate_transformation_mode="tf_crop_and_resize",
          **g.some(extrapolation_value=0.5))


@draws(1, since=16)
def grid_sample(g):
    x = image(g, rank=4)
    grid = g.pick(("float32",), shape=(x.shape[0], g.integer(1, 4), g.integer(1, 4), 2), least=-1.2, most=1.2, new=0.5)
    new = g.opset >= 20
    mode = g.choice([None, "nearest", "linear" if new else "bilinear", "cubic" if new else "bicubic"])
    g.add("GridSample", [x, grid], **({
        "mode": mode
    } if mode else {}), **g.some(padding_mode=g.choice(["border", "reflection", "zeros"]), align_corners=1))


@draws(0.5, since=20)
def affine_grid(g):
    spatial = g.integer(2, 3)
    theta = g.pick(("float32",), shape=(g.integer(1, 2), spatial, spatial + 1), least=-1, most=1, new=0.5)
    sizes = [g.integer(1, 4) for _ in range(spatial)]
    g.add("AffineGrid", [theta, g.ints([theta.shape[0], g.integer(1, 3), *sizes])],
          **(g.some(align_corners=1) if min(sizes) > 1 else {}))  # one position alone is at no corner


@draws(0.5, since=16, until=21)
def roi_align(g):
    x = image(g, rank=4)
    count = g.integer(1, 3)
    corners = g.random.uniform(0, 2, (count, 4)) + [0, 0, 2, 2]
    which = g.ints([g.integer(0, x.shape[0] - 1) for _ in range(count)])
    g.add("RoiAlign", [x, g.weight("float32", (0,)) if count == 0 else g.leaf(corners.astype(np.float32)), which],
          output_height=g.integer(1, 3),
          output_width=g.integer(1, 3),
          sampling_ratio=g.integer(1, 2),
          **g.some(spatial_scale=0.5, coordinate_transformation_mode=g.choice(["half_pixel", "output_half_pixel"])))


@draws(0.5, since=18)
def columns_to_image(g):
    height, width = g.integer(2, 5), g.integer(2, 5)
    block = [g.integer(1, 2), g.integer(1, 2)]
    positions = (height - block[0] + 1) * (width - block[1] + 1)
    x = g.pick(("float32",), shape=(g.integer(1, 2), g.integer(1, 2) * block[0] * block[1], positions))
    g.add("Col2Im", [x, g.ints([height, width]), g.ints(block)])


@draws(0.5, since=19)
def deformed_conv(g):
    x = image(g, rank=4)
    kernel = [min(2, size) for size in x.shape[2:]]
    out = [size - k + 1 for size, k in zip(x.shape[2:], kernel)]
    filters = g.integer(1, 2)
    offsets = g.weight("float32", (x.shape[0], 2 * kernel[0] * kernel[1], *out))
    g.add("DeformConv", [x, g.weight("float32", (filters, x.shape[1], *kernel)), offsets], kernel_shape=kernel)


@draws(0.4, until=21)
def pooled_regions(g):
    x = image(g, rank=4)
    start = g.random.integers(0, 2, (2, 2))
    region = np.concatenate([g.random.integers(0, x.shape[0], (2, 1)), start, start + 2], 1).astype(np.float32)
    g.add("MaxRoiPool", [x, g.leaf(region)], pooled_shape=[g.integer(1, 2), g.integer(1, 2)])
