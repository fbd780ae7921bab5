"""Detection as mmdetection computes it, slowly: loops over anchors, boxes and pixels in float64."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STRIDES = (4, 8, 16, 32, 64)
LARGEST = math.log(1000 / 16)  # by which the logarithm of a side may change
Box = tuple[float, float, float, float]


def anchors(height: int, width: int, stride: int) -> list[Box]:
    """Anchors around the top left corner of every cell: eight strides wide, at three ratios of the sides."""
    found = list[Box]()
    for row in range(height):
        for column in range(width):
            for ratio in (0.5, 1, 2):
                x, y = column * stride, row * stride
                h, w = 8 * stride * math.sqrt(ratio), 8 * stride / math.sqrt(ratio)
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    return found


def decode(box: Box, delta: list[float], deviations: Box, height: int, width: int) -> Box:
    """The box that a prediction moves and stretches, cut off at the picture's edges."""
    dx, dy, dw, dh = (d * s for d, s in zip(delta, deviations, strict=True))
    w, h = box[2] - box[0], box[3] - box[1]
    x, y = (box[0] + box[2]) / 2 + dx * w, (box[1] + box[3]) / 2 + dy * h
    w *= math.exp(min(max(dw, -LARGEST), LARGEST))
    h *= math.exp(min(max(dh, -LARGEST), LARGEST))

    def cut(value: float, side: int) -> float:
        return min(max(value, 0), side)

    return cut(x - w / 2, width), cut(y - h / 2, height), cut(x + w / 2, width), cut(y + h / 2, height)


def level(box: Box) -> int:
    """The level that a region is read from, 0 to 3."""
    side = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    return min(max(math.floor(math.log2(side / 56 + 1e-6)), 0), 3)


def bilinear(x: np.ndarray, row: float, column: float) -> np.ndarray:
    """A value between the positions of a map; zero more than a position outside, else that of the border."""
    height, width = x.shape[1:]
    if row < -1 or row > height or column < -1 or column > width:
        return np.zeros(len(x))
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    top, left = int(row), int(column)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    v, u = row - top, column - left
    upper = (1 - u) * x[:, top, left] + u * x[:, top, right]
    return (1 - v) * upper + v * ((1 - u) * x[:, bottom, left] + u * x[:, bottom, right])


def roi_align(x: np.ndarray, box: Box, stride: int, side: int) -> np.ndarray:
    """Means of a region's cells; positions are pixel centres, and a large cell takes more samples."""
    left, top, right, bottom = (edge / stride - 0.5 for edge in box)
    h, w = (bottom - top) / side, (right - left) / side
    rows, columns = math.ceil(h), math.ceil(w)
    found = np.zeros((len(x), side, side))
    for i in range(side):
        for j in range(side):
            for k in range(rows):
                for m in range(columns):
                    y, z = top + (i + (k + 0.5) / rows) * h, left + (j + (m + 0.5) / columns) * w
                    found[:, i, j] += bilinear(x, y, z) / (rows * columns)
    return found


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def suppress(boxes: list[Box], scores: list[float], groups: list[int], limit: float) -> list[int]:
    """Numbers of the boxes that no better one of their group overlaps, best first."""
    kept = list[int]()
    for k in sorted(range(len(boxes)), key=lambda k: -scores[k]):
        if all(groups[k] != groups[m] or iou(boxes[k], boxes[m]) <= limit for m in kept):
            kept.append(k)
    return kept


def paste(mask: np.ndarray, box: Box, height: int, width: int) -> np.ndarray:
    """The pixels whose centres reach one half in a mask that is stretched over a box, zero around it."""
    side = len(mask)
    wide = np.pad(mask.astype(float), 1)[None]
    found = np.zeros((height, width), bool)
    for row in range(height):
        for column in range(width):
            y = (row + 0.5 - box[1]) / (box[3] - box[1]) * side - 0.5
            x = (column + 0.5 - box[0]) / (box[2] - box[0]) * side - 0.5
            inside = -1 <= y <= side and -1 <= x <= side
            found[row, column] = inside and bilinear(wide, y + 1, x + 1)[0] >= 0.5
    return found


# --- Networks, from their published weights ---


class Found(NamedTuple):
    """What a network finds in a picture."""

    boxes: list[Box]
    scores: list[float]
    classes: list[int]
    masks: list[np.ndarray]
    semantic: Tensor | None


def neck(weights: Mapping[str, Tensor], maps: list[Tensor], upsamplers: list) -> list[Tensor]:
    """The levels, finest first; an upsampler takes a map and its guide."""

    def conv(name: str, x: Tensor, **options: int) -> Tensor:
        return F.conv2d(x, weights[f"neck.{name}.conv.weight"], weights[f"neck.{name}.conv.bias"], **options)

    laterals = [conv(f"lateral_convs.{k}", x) for k, x in enumerate(maps)]
    if len(upsamplers) == 4:
        laterals.append(conv("lateral_convs.4", maps[3], stride=2, padding=1))
    for k in range(len(laterals) - 1, 0, -1):
        large = upsamplers[k - 1](laterals[k], laterals[k - 1])
        height, width = laterals[k - 1].shape[2:]
        laterals[k - 1] = laterals[k - 1] + large[:, :, :height, :width]
    levels = [conv(f"fpn_convs.{k}", x, padding=1) for k, x in enumerate(laterals)]
    return levels if len(levels) == 5 else [*levels, levels[-1][:, :, ::2, ::2]]


def propose(weights: Mapping[str, Tensor], levels: list[Tensor], height: int, width: int) -> list[Box]:
    """The best thousand regions of a picture."""

    def conv(name: str, x: Tensor, padding: int = 0) -> Tensor:
        return F.conv2d(
            x, weights[f"rpn_head.{name}.weight"], weights[f"rpn_head.{name}.bias"], padding=padding
        )

    boxes, scores, groups = list[Box](), list[float](), list[int]()
    for k, x in enumerate(levels):
        hidden = conv("rpn_conv", x, padding=1).relu()
        score = conv("rpn_cls", hidden)[0].permute(1, 2, 0).flatten()
        delta = conv("rpn_reg", hidden)[0].permute(1, 2, 0).reshape(-1, 4)
        all_anchors = anchors(*x.shape[2:], STRIDES[k])
        for n in score.argsort(descending=True)[:1000].tolist():
            box = decode(all_anchors[n], delta[n].tolist(), (1, 1, 1, 1), height, width)
            if box[2] > box[0] and box[3] > box[1]:
                boxes.append(box)
                scores.append(score[n].item())
                groups.append(k)
    return [boxes[k] for k in suppress(boxes, scores, groups, 0.7)[:1000]]


def detect(
    weights: Mapping[str, Tensor],
    maps: list[Tensor],
    upsamplers: list,
    height: int,
    width: int,
    *,
    across_classes: bool = False,
) -> Found:
    """Find the objects of one picture, from the maps of its backbone."""
    levels = neck(weights, maps, upsamplers)
    plain = [x[0].double().numpy() for x in levels]

    def pool(regions: list[Box], side: int) -> Tensor:
        cells = [roi_align(plain[level(box)], box, STRIDES[level(box)], side) for box in regions]
        return torch.from_numpy(np.array(cells)).float().reshape(-1, len(plain[0]), side, side)

    def linear(name: str, x: Tensor) -> Tensor:
        key = f"roi_head.bbox_head.{name}"
        return F.linear(x, weights[f"{key}.weight"], weights[f"{key}.bias"])

    proposals = propose(weights, levels, height, width)
    x = pool(proposals, 7).flatten(1)
    x = linear("shared_fcs.1", linear("shared_fcs.0", x).relu()).relu()
    probabilities, deltas = linear("fc_cls", x).softmax(1), linear("fc_reg", x)
    boxes, scores, classes = list[Box](), list[float](), list[int]()
    for n, box in enumerate(proposals):
        for k in range(probabilities.shape[1] - 1):  # the last is the background
            if probabilities[n, k] > 0.05:
                delta = deltas[n, 4 * k : 4 * k + 4].tolist()
                boxes.append(decode(box, delta, (0.1, 0.1, 0.2, 0.2), height, width))
                scores.append(probabilities[n, k].item())
                classes.append(k)
    groups = [0] * len(classes) if across_classes else classes
    best = suppress(boxes, scores, groups, 0.5)[:100]
    boxes, scores, classes = ([values[k] for k in best] for values in (boxes, scores, classes))
    masks = []
    if "roi_head.mask_head.upsample.weight" in weights:
        probabilities = mask_head(weights, pool(boxes, 14)).numpy()
        masks = [
            paste(row[k], box, height, width)
            for row, k, box in zip(probabilities, classes, boxes, strict=True)
        ]
    semantic = None
    if "semantic_head.conv_logits.weight" in weights:
        coarse = semantic_head(weights, levels)
        semantic = F.interpolate(coarse, scale_factor=4, mode="bilinear")[:, :, :height, :width]
    return Found(boxes, scores, classes, masks, semantic)


def mask_head(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Probabilities of the cells of every class's mask."""
    head = {k.removeprefix("roi_head.mask_head."): v for k, v in weights.items() if ".mask_head." in k}
    for k in range(4):
        x = F.conv2d(x, head[f"convs.{k}.conv.weight"], head[f"convs.{k}.conv.bias"], padding=1).relu()
    x = F.conv_transpose2d(x, head["upsample.weight"], head["upsample.bias"], stride=2).relu()
    return F.conv2d(x, head["conv_logits.weight"], head["conv_logits.bias"]).sigmoid()


def semantic_head(weights: Mapping[str, Tensor], levels: list[Tensor]) -> Tensor:
    """Logits of stuff, and of all things together, at the size of the finest level."""
    total = torch.zeros(())
    for k in range(4):
        x = levels[k]
        for j in range(max(k, 1)):
            key = f"semantic_head.conv_upsample_layers.{k}.conv.{j}"
            x = F.conv2d(x, weights[f"{key}.conv.weight"], padding=1)
            x = F.group_norm(x, 32, weights[f"{key}.gn.weight"], weights[f"{key}.gn.bias"]).relu()
            if k:
                x = F.interpolate(x, scale_factor=2, mode="bilinear")
        total = total + x
    return F.conv2d(
        total, weights["semantic_head.conv_logits.weight"], weights["semantic_head.conv_logits.bias"]
    )
