"""Offsets as arrays: how far each sampling point moved, and in which direction.

Offsets are (x, y) in low-res pixels, x to the right and y downwards. Arrays are ordered (group, row,
column) of the output grid; by cell they are ordered (group, row, column) of the low-res map, then
(sub-row, sub-column) within its pixel.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from dysample.types import SamplingRecord


@dataclass(frozen=True, slots=True)
class OffsetField:
    """The offsets of one image, float32.

    Attributes:
        scale: Enlargement s.
        vectors: Displacement (x, y) of every point in low-res pixels, scope included.
        lengths: Their lengths in low-res pixels.
        directions: Their angles in radians, -pi to pi: 0 is right, pi / 2 is down. NaN where a
            point did not move.
        scopes: What was multiplied onto the raw offset, (x, y); the same everywhere if it is static.
    """

    scale: int
    vectors: Float32[np.ndarray, "g H W 2"]
    lengths: Float32[np.ndarray, "g H W"]
    directions: Float32[np.ndarray, "g H W"]
    scopes: Float32[np.ndarray, "g H W 2"]

    @property
    def by_cell(self) -> Float32[np.ndarray, "g h w s s 2"]:
        """The vectors, indexed [group, row, column, sub-row, sub-column, axis]."""
        groups, rows, columns, _ = self.vectors.shape
        s = self.scale
        return self.vectors.reshape(groups, rows // s, s, columns // s, s, 2).swapaxes(2, 3)


def offset_field(record: SamplingRecord, *, height: int, width: int) -> OffsetField:
    """The offsets of one image, of every group.

    Args:
        record: What an operator planned for one image.
        height: Rows of the low-res map.
        width: Columns of the low-res map.

    Raises:
        ValueError: The record does not belong to one such map; see `record_scale`.
    """
    scale = record_scale(record, height=height, width=width)
    offset = record.offset[0].detach()
    scopes = torch.as_tensor(record.scope, device=offset.device).detach().expand_as(offset[None])[0]
    x, y = offset.unbind(1)
    lengths = torch.hypot(x, y)
    directions = torch.where(lengths > 0, torch.atan2(y, x), torch.nan)
    return OffsetField(
        scale=scale,
        vectors=as_array(offset.movedim(1, -1)),
        lengths=as_array(lengths),
        directions=as_array(directions),
        scopes=as_array(scopes.movedim(1, -1)),
    )


def one_image(record: SamplingRecord, index: int) -> SamplingRecord:
    """The record of one image of a batch.

    Raises:
        ValueError: The batch has no image of that index.
    """
    if not 0 <= index < record.offset.shape[0]:
        raise ValueError(f"index must be from 0 to {record.offset.shape[0] - 1}, got {index}")
    kept = slice(index, index + 1)
    scope = record.scope[kept] if isinstance(record.scope, Tensor) else record.scope
    return SamplingRecord(initial=record.initial, offset=record.offset[kept], scope=scope)


def record_scale(record: SamplingRecord, *, height: int, width: int) -> int:
    """The enlargement of a record that belongs to one image's map of `height` x `width`.

    Raises:
        ValueError: The record holds several images, does not have s * height rows and s * width
            columns, or contains an offset that is not a finite number.
    """
    check_one_image(record)
    rows, columns = record.offset.shape[3:]
    scale = rows // max(height, 1)
    if height < 1 or width < 1 or scale < 1 or (rows, columns) != (scale * height, scale * width):
        raise ValueError(f"{rows} x {columns} points are no whole multiple of a {height} x {width} map")
    if not torch.isfinite(record.offset).all():
        raise ValueError("offsets must be finite numbers, and some are infinite or not a number")
    return scale


def check_one_image(record: SamplingRecord) -> None:
    """Refuse the record of a batch.

    Raises:
        ValueError: The record holds several images.
    """
    if record.offset.shape[0] != 1:
        raise ValueError(
            f"the record must hold one image, got {record.offset.shape[0]}: choose one with one_image()"
        )


def as_array(values: Tensor) -> Float32[np.ndarray, "..."]:
    """A tensor of any device and dtype as a float32 array, in C order."""
    return np.ascontiguousarray(values.detach().to("cpu", torch.float32).numpy())
