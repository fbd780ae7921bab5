"""Slow float64 loops for all learned upsamplers except DySample; shares no code with the package.

Maps are (batch, channels, rows, columns). `state` holds an operator's parameters under their keys.
Kernels are (batch, kernel row, kernel column, rows, columns).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = Mapping[str, Array]


def value(plane: Array, row: int, column: int) -> float:
    """Return one pixel; pixels outside the map are zero."""
    inside = 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]
    return plane[row, column] if inside else 0.0


def reassemble(maps: Array, kernels: Array, scale: int) -> Array:
    """Sum the weighted pixels around the low-res pixel of every output pixel."""
    batch, size, _, rows, columns = kernels.shape
    output = np.zeros((batch, maps.shape[1], rows, columns))
    for b, c, p, q in np.ndindex(output.shape):
        for i, j in np.ndindex(size, size):
            pixel = value(maps[b, c], p // scale + i - size // 2, q // scale + j - size // 2)
            output[b, c, p, q] += kernels[b, i, j, p, q] * pixel
    return output


def neighbour_products(queries: Array, keys: Array, size: int, scale: int) -> Array:
    """Return the products of every output pixel's query with the keys around its low-res pixel."""
    batch, dimensions, rows, columns = queries.shape
    output = np.zeros((batch, size, size, rows, columns))
    for b, i, j, p, q in np.ndindex(output.shape):
        for d in range(dimensions):
            key = value(keys[b, d], p // scale + i - size // 2, q // scale + j - size // 2)
            output[b, i, j, p, q] += queries[b, d, p, q] * key
    return output


def convolve(maps: Array, weight: Array, bias: Array | None, stride: int = 1, padding: int = 0) -> Array:
    """Convolve as networks do (a cross-correlation), with zeros around the map."""
    rows, columns = weight.shape[2:]
    padded = np.pad(maps, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    height = (padded.shape[2] - rows) // stride + 1
    width = (padded.shape[3] - columns) // stride + 1
    output = np.zeros((len(maps), len(weight), height, width))
    for b, c, p, q in np.ndindex(output.shape):
        patch = padded[b, :, stride * p : stride * p + rows, stride * q : stride * q + columns]
        output[b, c, p, q] = np.sum(patch * weight[c]) + (0 if bias is None else bias[c])
    return output


def shuffle(maps: Array, scale: int) -> Array:
    """Move channel c s^2 + row s + column to sub-pixel (row, column) of channel c."""
    batch, channels, height, width = maps.shape
    output = np.zeros((batch, channels // scale**2, scale * height, scale * width))
    for b, c, p, q in np.ndindex(output.shape):
        place = (p % scale) * scale + q % scale
        output[b, c, p, q] = maps[b, c * scale**2 + place, p // scale, q // scale]
    return output


def repeat(maps: Array, scale: int) -> Array:
    """Interpolate with the nearest neighbour."""
    return maps.repeat(scale, axis=2).repeat(scale, axis=3)


def softmax(logits: Array) -> Array:
    """Turn (batch, k^2, rows, columns) into kernels: positive weights that sum to 1 over the k^2 taps."""
    size = round(logits.shape[1] ** 0.5)
    powers = np.exp(logits)
    weights = powers / powers.sum(axis=1, keepdims=True)
    return weights.reshape(len(logits), size, size, *logits.shape[2:])


def sigmoid(numbers: Array) -> Array:
    return 1 / (1 + np.exp(-numbers))


def group_norm(maps: Array, weight: Array, bias: Array, groups: int = 32) -> Array:
    """Normalise groups of channels to mean 0 and variance 1, picture by picture; then scale and shift."""
    output = np.zeros(maps.shape)
    size = maps.shape[1] // groups
    for b, c in np.ndindex(maps.shape[:2]):
        first = c // size * size
        group = maps[b, first : first + size]
        variance = np.mean((group - group.mean()) ** 2)
        output[b, c] = (maps[b, c] - group.mean()) / np.sqrt(variance + 1e-5) * weight[c] + bias[c]
    return output


def average_pool(maps: Array, size: int) -> Array:
    """Average over size x size tiles, which overlap if the sides are not multiples of `size`."""
    height, width = maps.shape[2:]
    output = np.zeros((*maps.shape[:2], size, size))
    for b, c, i, j in np.ndindex(output.shape):
        top, bottom = i * height // size, -(-(i + 1) * height // size)
        left, right = j * width // size, -(-(j + 1) * width // size)
        output[b, c, i, j] = maps[b, c, top:bottom, left:right].mean()
    return output


def deconvolution(state: State, x: Array) -> Array:
    """Add the 3 x 3 stamp of every pixel to the output, centred on output pixel (2 row, 2 column)."""
    weight, bias = state["conv.weight"], state["conv.bias"]
    height, width = x.shape[2:]
    canvas = np.zeros((len(x), weight.shape[1], 2 * height + 2, 2 * width + 2))
    for b, c, row, column in np.ndindex(x.shape):
        for i, j in np.ndindex(3, 3):
            canvas[b, :, 2 * row + i, 2 * column + j] += x[b, c, row, column] * weight[c, :, i, j]
    return canvas[:, :, 1 : 2 * height + 1, 1 : 2 * width + 1] + bias[:, None, None]


def pixel_shuffle(state: State, x: Array, scale: int) -> Array:
    return shuffle(convolve(x, state["conv.weight"], state["conv.bias"], padding=1), scale)


def carafe_kernels(state: State, x: Array, scale: int) -> Array:
    compressed = convolve(x, state["compress.weight"], state["compress.bias"])
    encoded = convolve(compressed, state["encode.weight"], state["encode.bias"], padding=1)
    return softmax(shuffle(encoded, scale))


def indexnet_kernels(state: State, guide: Array) -> Array:
    """Return the index map as kernels of one pixel; batch norm uses its running statistics."""
    encoded = convolve(guide, state["encode.weight"], None, stride=2, padding=1)
    for c in range(encoded.shape[1]):
        deviation = np.sqrt(state["norm.running_var"][c] + 1e-5)
        normal = (encoded[:, c] - state["norm.running_mean"][c]) / deviation
        encoded[:, c] = normal * state["norm.weight"][c] + state["norm.bias"][c]
    index = shuffle(sigmoid(convolve(np.clip(encoded, 0, 6), state["predict.weight"], None)), 2)
    return index[:, :, None]


def a2u_kernels(state: State, guide: Array) -> Array:
    """Predict two filters per picture, apply each to all channels, and scale one kernel by their affinity."""
    batch, channels, rows, columns = guide.shape
    filters = convolve(average_pool(guide, 6), state["filters.weight"], state["filters.bias"])
    features: list[Array] = []
    for k, name in enumerate(("norm_u", "norm_v")):
        filtered = np.zeros((batch, channels, rows // 2, columns // 2))
        for b, c in np.ndindex(batch, channels):
            plane, dynamic = guide[b : b + 1, c : c + 1], filters[b, k][None, None]
            filtered[b, c] = convolve(plane, dynamic, None, stride=2, padding=2)[0, 0]
        normal = group_norm(filtered, state[f"{name}.weight"], state[f"{name}.bias"])
        features.append(np.where(normal > 0, normal, 0.01 * normal))
    affinity = (features[0] * features[1]).sum(axis=1, keepdims=True) / np.sqrt(channels)
    per_picture = convolve(average_pool(guide, 1), state["kernel.weight"], state["kernel.bias"])
    return softmax(sigmoid(shuffle(per_picture * affinity, 2)))


def fade_kernels(state: State, x: Array, guide: Array, scale: int) -> Array:
    """Apply one encoder to both maps, so that its bias counts twice."""
    weight, bias = state["encode.weight"], state["encode.bias"]
    fine = convolve(guide, state["compress_guide.weight"], state["compress_guide.bias"])
    coarse = convolve(x, state["compress.weight"], None)
    from_coarse = repeat(convolve(coarse, weight, bias, padding=1), scale)
    return softmax(convolve(fine, weight, bias, padding=1) + from_coarse)


def sapa_kernels(state: State, x: Array, guide: Array, scale: int) -> Array:
    """Compare the guide's pixel with the map's pixels; outside the map the logit is zero."""
    normal_guide = group_norm(guide, state["norm_guide.weight"], state["norm_guide.bias"])
    normal = group_norm(x, state["norm.weight"], state["norm.bias"])
    queries = convolve(normal_guide, state["query.weight"], state["query.bias"])
    keys = convolve(normal, state["key.weight"], state["key.bias"])
    logits = neighbour_products(queries, keys, 5, scale)
    return softmax(logits.reshape(len(x), 25, *logits.shape[3:]))
