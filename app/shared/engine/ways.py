"""Ways to run a network on a picture, from the usual one to those that need the least memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from app.records import Route
from app.shared.engine import devices, memory, tiles
from app.shared.engine.memory import Attempt
from app.shared.engine.tiles import Encoded, Tile
from dysample.models.encoder import Encoder
from dysample.models.heads import DenseHead, Head
from dysample.models.tasks import KINDS, Task


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A network on a device.

    Attributes:
        device: The device.
        encoder: The encoder, on it.
        head: The head, on it.
    """

    device: torch.device
    encoder: Encoder
    head: Head


def encodings(
    task: Task, image: UInt8[np.ndarray, "h w 3"], networks: Sequence[Placed], *, kept: int
) -> Iterator[Attempt[Encoded]]:
    """Return the ways to compute the encoder's maps.

    They are: in one pass; in tiles that are put together; or not at all, so that each tile is encoded when a
    head reads it, which takes the least memory and, with several heads, the most time. Objects may reach from
    tile to tile: their maps are computed in one pass alone.

    Args:
        task: The task.
        image: The picture.
        networks: The network on each device, the usual one first.
        kept: Bytes of maps, put together, that can be kept for other heads.
    """
    shape = image.shape[:2]
    for network in networks:
        encoder, device = network.encoder, network.device
        way = Route(on_cpu=network is not networks[0])
        yield Attempt(memory.encoder_bytes(shape), device, way, partial(tiles.encode_whole, encoder, image))
        if KINDS[task.kind].joined is None:
            continue
        whole = memory.maps_bytes(encoder, shape)
        beside = whole if device == devices.CPU else 0
        runs = [(partial(tiles.encode_mean, encoder, image), 0)]
        if whole <= min(kept, memory.free_on(devices.CPU)):
            runs.insert(0, (partial(tiles.encode_tiles, encoder, image), beside))
        for run, more in runs:
            for parts, needs in _tilings(memory.ENCODER_BYTES, shape, device, tiles.OVERLAP):
                tiled = replace(way, tiles=len(parts))
                yield Attempt(needs + more, device, tiled, partial(run, parts))


def annotations(
    task: Task, image: UInt8[np.ndarray, "h w 3"], encoded: Encoded, way: Route, networks: Sequence[Placed]
) -> Iterator[Attempt[Any]]:
    """Return the ways to run a head: in one pass, with its values in strips, and in tiles.

    Args:
        task: The task.
        image: The picture.
        encoded: What the encoder has computed of it.
        way: How the encoder was run.
        networks: The network on each device, the usual one first.
    """
    shape, kind = image.shape[:2], KINDS[task.kind]
    said = memory.annotation_bytes(task, shape)
    for network in networks:
        head, device = network.head, network.device
        here = replace(way, on_cpu=way.on_cpu or network is not networks[0])
        if encoded.maps is None:
            maps_of, overlap = tiles.encoded_anew(network.encoder, image, encoded.mean), tiles.OVERLAP
            per_pixel = memory.tile_bytes(task)
        else:
            maps_of, overlap = tiles.cut(encoded.maps, shape, device), tiles.HEAD_OVERLAP
            per_pixel = kind.peak_bytes(task)
            whole = partial(tiles.annotate_whole, task, head, shape, encoded.maps)
            yield Attempt(memory.head_bytes(task, shape) + said, device, here, whole)
            strips_bytes = memory.strips_bytes(task, shape)
            if isinstance(head, DenseHead) and strips_bytes is not None:
                strips = partial(tiles.annotate_strips, task, head, shape, encoded.maps)
                yield Attempt(strips_bytes + said, device, here, strips)
        if kind.joined is None:
            continue
        for parts, needs in _tilings(per_pixel, shape, device, overlap):
            tiled = replace(here, tiles=max(here.tiles, len(parts)))
            run = partial(tiles.annotate_tiles, task, head, shape, parts, maps_of)
            yield Attempt(needs + said, device, tiled, run)


def _tilings(
    per_pixel: int, shape: tuple[int, int], device: torch.device, overlap: int
) -> Iterator[tuple[tuple[Tile, ...], int]]:
    """Return tiles by falling size, with the bytes that the largest of them takes."""
    for side in tiles.sides(per_pixel, memory.free_on(device)):
        parts = tiles.tiling(shape, side, overlap)
        yield parts, per_pixel * max(memory.padded_pixels(tile.shape) for tile in parts)
