"""Anatomies of the example and of a trained network's step, and what to follow in the latter."""

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from app.settings import Subject
from app.shared import networks, photos
from app.shared.cache import cached
from dysample.explain import anatomy
from dysample.explain.anatomy import Anatomy, dissect
from dysample.explain.offsets import offset_field
from dysample.ops.dysample import DySample, Style

_MARGIN = 6  # output pixels from the border of the map, so that the window around a point is whole


@cached
def of_example(style: Style, *, dynamic: bool) -> Anatomy:
    """Return the anatomy of the 4×4 example."""
    op, x = anatomy.example(style, dynamic=dynamic)
    return dissect(op, x)


@cached
def of_step(subject: Subject, name: str) -> Anatomy | None:
    """Return the anatomy of a step of a trained network; None where its upsampler is not DySample."""
    op = networks.operator(subject, name)
    if not isinstance(op, DySample):
        return None
    with torch.inference_mode():
        return dissect(op, networks.step(subject, name).input)


@cached
def liveliest_channel(subject: Subject, name: str) -> int:
    """Return the channel of a step's input that varies most."""
    return int(networks.step(subject, name).input[0].flatten(1).std(1).argmax())


@cached
def edge_pixel(subject: Subject, name: str, channel: int) -> tuple[int, int]:
    """Return row and column of an output pixel at an edge of the picture whose point moves far."""
    found = of_step(subject, name)
    if found is None:
        raise ValueError(f"{subject.upsampler} predicts no sampling points")
    channels, rows, columns = found.input_size
    group = channel * found.op.groups // channels
    lengths = offset_field(found.record, height=rows, width=columns).lengths[group]
    return liveliest_edge(photos.padded(subject), lengths)


def liveliest_edge(photo: UInt8[np.ndarray, "h w 3"], lengths: Float32[np.ndarray, "H W"]) -> tuple[int, int]:
    """Return row and column at which edge strength times length is greatest, away from the border.

    Args:
        photo: The picture over the whole map.
        lengths: Length of every point's offset.
    """
    rows, columns = lengths.shape
    grey = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (columns, rows), interpolation=cv2.INTER_AREA)
    down, across = np.gradient(cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32))
    score = np.hypot(down, across) * lengths
    margin = min(_MARGIN, (min(rows, columns) - 1) // 2)
    inner = score[margin : rows - margin, margin : columns - margin]
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    return int(row) + margin, int(column) + margin
