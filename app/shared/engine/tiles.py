"""Large pictures in tiles: each is computed with a border of its surroundings, which is thrown away.

A tile's values near its edges depend on what lies beyond, where the network sees zeros. With a border of
`OVERLAP` pixels, 99.99 % of the labels are those of the whole picture in one pass. The context of
an image is no matter of borders: its mean is taken over the whole picture, from the tiles without borders.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from app.shared.engine import devices, passes
from app.shared.engine.memory import taken
from dysample.models.annotations import Annotation
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.heads import DenseHead, Head
from dysample.models.tasks import KINDS, AnnotatedPart, Task

Maps = tuple[Tensor, ...]
# Pixels of a tile's border: networks read farther, but hardly anything from there. At 256, one depth in a
# hundred was off by more than one per cent.
OVERLAP = 320
HEAD_OVERLAP = 192  # the same for the head alone
SIDES = (3072, 2560, 2048, 1536, 1280, 1024, 768)  # of tiles with their borders
_SHARE = 0.75  # of the free memory that a tile may take, if smaller ones are possible
_STRIP_ROWS = 128


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, in its pixels.

    Attributes:
        rows: Rows that are kept; they begin at a multiple of the coarsest stride.
        columns: Columns that are kept.
        seen_rows: Rows that are computed: with a border, as far as the picture reaches.
        seen_columns: Columns that are computed.
    """

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are computed."""
        return self.seen_rows.stop - self.seen_rows.start, self.seen_columns.stop - self.seen_columns.start

    @property
    def seen(self) -> tuple[slice, slice]:
        """Index of what is computed in an array of the whole picture."""
        return self.seen_rows, self.seen_columns

    @property
    def within(self) -> tuple[slice, slice]:
        """Index of what is kept in an array of what is computed."""
        return _less(self.rows, self.seen_rows.start), _less(self.columns, self.seen_columns.start)


def tiling(shape: tuple[int, ...], side: int, overlap: int = OVERLAP) -> tuple[Tile, ...]:
    """Return tiles that cover a picture of some rows and columns, about equally large.

    Args:
        shape: Rows and columns of the picture.
        side: Most rows and columns of a tile with its border.
        overlap: Width of the border in pixels.

    Raises:
        ValueError: Side or overlap is no multiple of the coarsest stride, or the border leaves nothing.
    """
    if side % STRIDES[-1] or overlap % STRIDES[-1] or side <= 2 * overlap:
        raise ValueError(
            f"side and overlap must be multiples of {STRIDES[-1]} pixels, and the side larger than two "
            f"overlaps, got {side} and {overlap}"
        )
    rows, columns = (_spans(length, side, overlap) for length in shape[:2])
    return tuple(Tile(y, x, seen_y, seen_x) for y, seen_y in rows for x, seen_x in columns)


def _spans(length: int, side: int, overlap: int) -> list[tuple[slice, slice]]:
    """Return what is kept and what is computed along one side of a picture."""
    count = 1 if length <= side else math.ceil(length / (side - 2 * overlap))
    step = math.ceil(length / count)
    step += -step % STRIDES[-1]
    return [
        (
            slice(start, min(start + step, length)),
            slice(max(0, start - overlap), min(start + step + overlap, length)),
        )
        for start in range(0, length, step)
    ]


def sides(per_pixel: int, free: int) -> Iterator[int]:
    """Return sides of tiles by falling size: those that leave room for others, and the least one.

    Args:
        per_pixel: Bytes that a tile takes for every pixel.
        free: Bytes that are free.
    """
    for side in SIDES:
        if side == SIDES[-1] or taken(per_pixel * side**2) <= _SHARE * free:
            yield side


def _less(span: slice, start: int) -> slice:
    return slice(span.start - start, span.stop - start)


def _on_map(span: slice, stride: int) -> slice:
    """Return the part of a map that belongs to rows or columns; the last ones are padded."""
    stop = span.stop + -span.stop % STRIDES[-1]
    return slice(span.start // stride, stop // stride)


# --- Encoder ---


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What the encoder has computed of a picture.

    Attributes:
        maps: Its maps: on its device, or on the CPU if they were computed in tiles; None where they take more
            memory than there is, and each tile's are to be computed when they are needed.
        mean: Mean of the coarsest map for the context of the image, where there are no maps; None where the
            encoder needs none.
    """

    maps: Maps | None
    mean: Tensor | None = None


def encode_whole(encoder: Encoder, image: UInt8[np.ndarray, "h w 3"]) -> Encoded:
    """Compute the encoder's maps in one pass."""
    return Encoded(passes.encode(encoder, passes.to_device(image, encoder.mean.device)))


def encode_tiles(encoder: Encoder, image: UInt8[np.ndarray, "h w 3"], tiles: tuple[Tile, ...]) -> Encoded:
    """Compute the encoder's maps tile by tile, and put them together on the CPU."""
    height, width = (side + -side % STRIDES[-1] for side in image.shape[:2])
    whole: list[Tensor] = []
    for tile in tiles:
        maps = _local(encoder, image, tile)
        strides = _strides(maps, tile)
        whole = whole or [
            torch.empty(1, x.shape[1], height // stride, width // stride, dtype=x.dtype)
            for x, stride in zip(maps, strides, strict=True)
        ]
        for target, x, stride in zip(whole, maps, strides, strict=True):
            rows, columns = (_on_map(span, stride) for span in (tile.rows, tile.columns))
            kept = (_on_map(span, stride) for span in tile.within)
            target[:, :, rows, columns] = x[(..., *kept)].to(devices.CPU)
    return Encoded((*whole[:-1], _in_context(encoder, whole[-1])))


def encode_mean(encoder: Encoder, image: UInt8[np.ndarray, "h w 3"], tiles: tuple[Tile, ...]) -> Encoded:
    """Compute only what a tile's maps need of the rest of the picture."""
    return Encoded(None, _context_mean(encoder, image, tiles))


def _in_context(encoder: Encoder, coarsest: Tensor) -> Tensor:
    """Return the coarsest map with the context of the image, computed in strips: it is as wide as others."""
    if encoder.context is None:
        return coarsest
    device = encoder.mean.device
    mean = coarsest.mean(dim=(2, 3), keepdim=True).to(device)
    strips = coarsest.split(_STRIP_ROWS, dim=2)  # of an even number of rows, which the context halves
    return torch.cat([encoder.in_context((x.to(device),), mean)[-1].to(devices.CPU) for x in strips], dim=2)


def _context_mean(
    encoder: Encoder, image: UInt8[np.ndarray, "h w 3"], tiles: tuple[Tile, ...]
) -> Tensor | None:
    """Return the mean of the coarsest local map over the whole picture; None where there is no context."""
    if encoder.context is None:
        return None
    total, positions = torch.zeros(()), 0
    for tile in tiles:
        x = _local(encoder, image, tile)[-1]
        (stride,) = _strides((x,), tile)
        kept = x[(..., *(_on_map(span, stride) for span in tile.within))]
        total = total.to(kept.device) + kept.sum(dim=(2, 3), keepdim=True)
        positions += kept.shape[2] * kept.shape[3]
    return total / positions


def encoded_anew(
    encoder: Encoder, image: UInt8[np.ndarray, "h w 3"], mean: Tensor | None
) -> Callable[[Tile], Maps]:
    """Return a function that computes the maps of a tile, where those of the picture are not kept."""
    here = None if mean is None else mean.to(encoder.mean.device)
    return lambda tile: contiguous(encoder.in_context(_local(encoder, image, tile), here))


def cut(maps: Maps, shape: tuple[int, ...], device: torch.device) -> Callable[[Tile], Maps]:
    """Return a function that cuts the maps of a tile out of those of a picture, onto a device."""
    height = shape[0] + -shape[0] % STRIDES[-1]
    strides = [height // x.shape[2] for x in maps]

    def of(tile: Tile) -> Maps:
        parts = (
            x[(..., *(_on_map(span, stride) for span in tile.seen))]
            for x, stride in zip(maps, strides, strict=True)
        )
        return contiguous(tuple(part.to(device) for part in parts))

    return of


def contiguous(maps: Maps) -> Maps:
    """Return maps contiguous in memory, since samplers are fastest so."""
    return tuple(x.contiguous() for x in maps)


def _local(encoder: Encoder, image: UInt8[np.ndarray, "h w 3"], tile: Tile) -> Maps:
    return passes.local(encoder, passes.to_device(image[tile.seen], encoder.mean.device))


def _strides(maps: Maps, tile: Tile) -> list[int]:
    height = tile.shape[0] + -tile.shape[0] % STRIDES[-1]
    return [height // x.shape[2] for x in maps]


# --- Head ---


def annotate_whole(task: Task, head: Head, shape: tuple[int, ...], maps: Maps) -> Any:
    """Run a head on a picture in one pass."""
    kind = KINDS[task.kind]
    output = passes.decode(head, _beside(head, maps), shape).output
    return kind.annotation(task, output) if kind.above is None else devices.moved(output, devices.CPU)


def annotate_tiles(
    task: Task, head: Head, shape: tuple[int, ...], tiles: tuple[Tile, ...], maps_of: Callable[[Tile], Maps]
) -> Annotation:
    """Run a head tile by tile; of each tile only the annotation is kept.

    Raises:
        ValueError: Annotations of the task's kind cannot be joined.
    """
    join = _joins(task)

    def part(tile: Tile) -> AnnotatedPart:
        output = passes.decode(head, maps_of(tile), tile.shape).output
        return tile.rows, tile.columns, KINDS[task.kind].annotation(task, output).part(*tile.within)

    return join(shape[0], shape[1], map(part, tiles))


def annotate_strips(task: Task, head: DenseHead, shape: tuple[int, ...], maps: Maps) -> Annotation:
    """Run a head once, and take its values strip by strip; no value is another than in one pass.

    Raises:
        ValueError: Annotations of the task's kind cannot be joined.
    """
    kind, join = KINDS[task.kind], _joins(task)
    height, width = shape[:2]

    def parts() -> Iterator[AnnotatedPart]:
        for rows, values in head.strips(_beside(head, maps), height, width, rows=_STRIP_ROWS):
            yield rows, slice(0, width), kind.annotation(task, values)

    return join(height, width, parts())


def _joins(task: Task) -> Callable[[int, int, Iterable[AnnotatedPart]], Annotation]:
    joined = KINDS[task.kind].joined
    if joined is None:
        raise ValueError(f"parts of a picture cannot be annotated by themselves for {task.title}")
    return joined


def _beside(head: Head, maps: Maps) -> Maps:
    return devices.moved(maps, next(head.parameters()).device)
