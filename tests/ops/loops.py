"""Slow float64 loops over the paper's equations of DySample; shares no code with the package."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def read(plane: Array, x: float, y: float) -> float:
    """Read one channel at one point (Eq. 1): four neighbours weighted by area, repeated at the border."""
    rows, columns = plane.shape
    left, top = math.floor(x - 0.5), math.floor(y - 0.5)
    value = 0.0
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        weight = (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
        value += weight * plane[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)]
    return value


def sample(maps: Array, points: Array) -> Array:
    """Read maps (b, c, h, w) at points (b, g, 2, H, W), channel by channel."""
    batch, channels = maps.shape[:2]
    groups, _, rows, columns = points.shape[1:]
    output = np.zeros((batch, channels, rows, columns))
    for b, c, p, q in np.ndindex(output.shape):
        group = c // (channels // groups)
        output[b, c, p, q] = read(maps[b, c], *points[b, group, :, p, q])
    return output


def raw_offset(maps: Array, weight: Array, bias: Array | None, style: str, scale: int, groups: int) -> Array:
    """Apply a 1x1 convolution for every output point, giving (b, g, 2, H, W); Figure 6.

    Its channels are ordered (x before y)(group)(sub-row)(sub-column) for "lp", (x before y)(group) for "pl".
    """
    batch, channels, height, width = maps.shape
    output = np.zeros((batch, groups, 2, height * scale, width * scale))
    for b, group, axis, p, q in np.ndindex(output.shape):
        pixel = maps[b, :, p // scale, q // scale]
        place = (p % scale) * scale + q % scale
        if style == "lp":
            row, features = (axis * groups + group) * scale**2 + place, pixel
        else:
            row = axis * groups + group
            features = np.array([pixel[k * scale**2 + place] for k in range(channels // scale**2)])
        output[b, group, axis, p, q] = weight[row] @ features + (0 if bias is None else bias[row])
    return output


def points(offset: Array, scale: int, initial: str) -> Array:
    """Add offsets to the initial grid of Figure 3 (Eq. 3)."""
    moved = offset.copy()
    for b, group, p, q in np.ndindex(offset.shape[0], offset.shape[1], *offset.shape[3:]):
        for axis, index in enumerate((q, p)):
            within = ((index % scale) - (scale - 1) / 2) / scale if initial == "bilinear" else 0.0
            moved[b, group, axis, p, q] += index // scale + 0.5 + within
    return moved


def sample_gradients(slope: Array, maps: Array, points: Array) -> tuple[Array, Array]:
    """Return the gradients of `sample` with respect to the map and the points.

    Points beyond the outermost pixel centres have no gradient: moving them does not change what they read.
    """
    of_maps, of_points = np.zeros(maps.shape), np.zeros(points.shape)
    rows, columns = maps.shape[2:]
    for b, c, p, q in np.ndindex(slope.shape):
        group = c // (maps.shape[1] // points.shape[1])
        x, y = points[b, group, :, p, q]
        left, top = math.floor(x - 0.5), math.floor(y - 0.5)
        for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            near_x, near_y = 1 - abs(x - 0.5 - column), 1 - abs(y - 0.5 - row)
            pixel = (b, c, min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))
            of_maps[pixel] += slope[b, c, p, q] * near_x * near_y
            rightwards, downwards = (1 if column > left else -1), (1 if row > top else -1)
            of_points[b, group, 0, p, q] += slope[b, c, p, q] * rightwards * near_y * maps[pixel]
            of_points[b, group, 1, p, q] += slope[b, c, p, q] * downwards * near_x * maps[pixel]
    return of_maps, of_points
