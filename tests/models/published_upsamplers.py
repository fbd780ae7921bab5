"""The operators of the paper's necks as formulas on their authors' weights, of scale 2."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Parts = Mapping[str, Tensor]


def twice(x: Tensor) -> Tensor:
    """Every position four times."""
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def neighbours(x: Tensor) -> Tensor:
    """The 5x5 positions around every position, four times each: (b, c, 25, 2h, 2w), zero outside the map."""
    batch, channels, height, width = x.shape
    patches = F.unfold(x, 5, padding=2)
    return twice(patches.reshape(batch, channels * 25, height, width)).unflatten(1, (channels, 25))


def conv(parts: Parts, name: str, x: Tensor) -> Tensor:
    weight = parts[f"{name}.weight"]
    return F.conv2d(x, weight, parts.get(f"{name}.bias"), padding=weight.shape[2] // 2)


def deconv(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    return F.conv_transpose2d(x, parts["weight"], parts["bias"], stride=2, padding=1, output_padding=1)


def pixelshuffle(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    return F.pixel_shuffle(conv(parts, "0", x), 2)


def carafe(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    logits = F.pixel_shuffle(conv(parts, "content_encoder", conv(parts, "channel_compressor", x)), 2)
    return (neighbours(x) * logits.softmax(1)[:, None]).sum(2)


def fade(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    fine, coarse = (
        conv(parts, "ker_generator.content_encoder", conv(parts, f"ker_generator.compressor_{side}", y))
        for side, y in (("en", guide), ("de", x))
    )
    return (neighbours(x) * (fine + twice(coarse)).softmax(1)[:, None]).sum(2)


def sapa(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    query, key = (
        conv(parts, name, F.group_norm(y, 32, parts[f"norm_{side}.weight"], parts[f"norm_{side}.bias"]))
        for name, side, y in (("q", "y", guide), ("k", "x", x))
    )
    logits = (query[:, :, None] * neighbours(key)).sum(1)
    return (neighbours(x) * logits.softmax(1)[:, None]).sum(2)


def dysample(parts: Parts, x: Tensor, guide: Tensor) -> Tensor:
    """Offsets are predicted at the output's size by the weights of style "pl", else at the input's."""
    batch, _, height, width = x.shape
    fine = parts["offset.weight"].shape[1] < x.shape[1]
    source = F.pixel_shuffle(x, 2) if fine else x
    offset = conv(parts, "offset", source) * 0.25
    if "scope.weight" in parts:
        offset = conv(parts, "offset", source) * conv(parts, "scope", source).sigmoid() * 0.5
    offset = (F.pixel_unshuffle(offset, 2) if fine else offset) + parts["init_pos"]
    moved = F.pixel_shuffle(offset, 2).unflatten(1, (2, -1))  # axis, group
    columns = twice(torch.arange(width).expand(1, 1, height, width))
    rows = twice(torch.arange(height)[:, None].expand(1, 1, height, width))
    u = 2 * (columns + 0.5 + moved[:, 0]) / width - 1
    v = 2 * (rows + 0.5 + moved[:, 1]) / height - 1
    groups = u.shape[1]
    grid = torch.stack([u, v], dim=-1).flatten(0, 1)
    parted = x.reshape(batch * groups, -1, height, width)
    found = F.grid_sample(parted, grid, padding_mode="border", align_corners=False)
    return found.reshape(batch, -1, 2 * height, 2 * width)


FORMULAS: dict[str, Callable[[Parts, Tensor, Tensor], Tensor]] = {
    "nearest": lambda parts, x, guide: twice(x),
    "deconv": deconv,
    "pixelshuffle": pixelshuffle,
    "carafe": carafe,
    "fade": fade,
    "sapa": sapa,
    "dysample": dysample,
    "dysample-s": dysample,
}
