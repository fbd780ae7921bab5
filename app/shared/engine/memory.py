"""Memory of jobs: bytes worked out before one begins, and sentences for memory that is not there."""

import math
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import psutil
import torch

from app.records import Route
from app.shared.engine import devices
from app.shared.engine.devices import gigabytes
from app.shared.engine.turns import EngineError
from dysample.heap import trim_heap
from dysample.models.encoder import STRIDES, Encoder
from dysample.models.tasks import KINDS, Task

_T = TypeVar("_T")

ENCODER_BYTES = 240  # for every pixel at the peak of the encoder, MobileNetV2, in float32 on a CPU
LARGE_PIXELS = 1_500_000  # from here on a job is a large one
_FLOAT = 4  # bytes
_CONTEXT_STRIDE = 16  # of the map that the context of an image is added to
_GAPS = 1.3  # an allocator takes more than is asked of it, for it cannot use all the gaps
_SIDE_STEP = 32  # pixels between the sizes that pictures are reduced to


class NoRoomError(EngineError):
    """Raised when a job needs more memory than is free, or ran out of it."""


# --- Bytes of a job ---


def encoder_bytes(shape: tuple[int, ...]) -> int:
    """Return the bytes that the encoder takes at its peak on a picture of some rows and columns."""
    return ENCODER_BYTES * padded_pixels(shape)


def maps_bytes(encoder: Encoder, shape: tuple[int, ...]) -> int:
    """Return the bytes of an encoder's maps while they are put together from those of tiles."""
    floats = sum(count / stride**2 for count, stride in zip(encoder.channels, encoder.strides, strict=True))
    if encoder.context is not None:  # beside its result lies the map that it is made of
        floats += encoder.context.local.in_channels / _CONTEXT_STRIDE**2
    return math.ceil(_FLOAT * floats * padded_pixels(shape))


def head_bytes(task: Task, shape: tuple[int, ...]) -> int:
    """Return the bytes that a head takes at its peak on a picture of some rows and columns."""
    return KINDS[task.kind].peak_bytes(task) * padded_pixels(shape)


def strips_bytes(task: Task, shape: tuple[int, ...]) -> int | None:
    """Return the same where values are computed strip by strip; None where a head computes none."""
    per_pixel = KINDS[task.kind].strips_bytes
    return None if per_pixel is None else per_pixel * padded_pixels(shape)


def annotation_bytes(task: Task, shape: tuple[int, ...]) -> int:
    """Return the bytes of what a head says of every pixel of a picture; objects take next to none."""
    return KINDS[task.kind].annotation_bytes(0) * shape[0] * shape[1]


def tile_bytes(task: Task) -> int:
    """Return the bytes that encoder and head take, one after the other, for every pixel of a tile."""
    return max(ENCODER_BYTES, KINDS[task.kind].peak_bytes(task))


def padded_pixels(shape: tuple[int, ...]) -> int:
    """Return the pixels of a picture once its sides are padded for the encoder."""
    height, width = (side + -side % STRIDES[-1] for side in shape[:2])
    return height * width


def is_large(shape: tuple[int, ...]) -> bool:
    """Return whether a job on a picture of some rows and columns is a large one."""
    return shape[0] * shape[1] >= LARGE_PIXELS


def fitting_side(shape: tuple[int, ...], per_pixel: int, room: int) -> int:
    """Return the longer side to which a picture has to be reduced for a job; 0 if it fits as it is.

    Args:
        shape: Rows and columns of the picture.
        per_pixel: Bytes that the job takes at its peak for every pixel.
        room: Bytes that it may take.

    Returns:
        A multiple of 32 pixels, and no less than 32.
    """
    if taken(per_pixel * padded_pixels(shape)) <= room:
        return 0
    room = max(0, room)
    longer = max(shape[:2])
    side = math.floor(longer * math.sqrt(room / taken(per_pixel * shape[0] * shape[1])))
    side -= side % _SIDE_STEP
    while side > _SIDE_STEP:
        reduced = [max(1, round(side * length / longer)) for length in shape[:2]]
        if taken(per_pixel * padded_pixels(tuple(reduced))) <= room:
            break
        side -= _SIDE_STEP
    return max(_SIDE_STEP, side)


# --- Memory that is there ---


def free_on(device: torch.device) -> int:
    """Return the bytes that are free on a device now."""
    if device == devices.device():
        return devices.placed().free
    return psutil.virtual_memory().available


def taken(needs: int) -> int:
    """Return the bytes that an allocator takes for a job that needs some."""
    return round(_GAPS * needs)


@contextmanager
def guarded(shape: tuple[int, ...], *, needs: int = 0) -> Generator[None]:
    """Run networks in the block, without gradients, if there is memory for it.

    Args:
        shape: Rows and columns of the picture, first.
        needs: Bytes that the job allocates at its peak; 0 if they are not known.

    Raises:
        NoRoomError: The job needs more memory than is free, or ran out of it.
    """
    with room_for(needs, devices.device(), pixels(shape)), torch.inference_mode():
        yield
    if is_large(shape):
        trim_heap()


@contextmanager
def room_for(needs: int, device: torch.device, what: str) -> Generator[None]:
    """Run a block if there is memory for it, and turn the errors of memory that ran out into a sentence.

    Raises:
        NoRoomError: The block needs more memory than is free, or ran out of it.
    """
    if needs:
        _check(needs, device, what)
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NoRoomError(_ran_out(what)) from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise NoRoomError(_ran_out(what)) from error


def pixels(shape: tuple[int, ...]) -> str:
    """Return the size of a picture of some rows and columns in words."""
    return f"{shape[1]}×{shape[0]} pixels"


def _check(needs: int, device: torch.device, what: str) -> None:
    free = free_on(device)
    if taken(needs) > free:
        raise NoRoomError(
            f"A picture of {what} takes about {gigabytes(taken(needs))} of memory here, and "
            f"{gigabytes(free)} are free now: choose a smaller working size."
        )


def _ran_out(what: str) -> str:
    return f"The memory ran out over a picture of {what}: choose a smaller working size."


# --- Ways to do a job ---


@dataclass(frozen=True, slots=True)
class Attempt(Generic[_T]):
    """A way to do a job.

    Attributes:
        needs: Bytes that it allocates at its peak.
        device: The device that it allocates them on.
        way: What is to be said of it.
        run: Does the job.
    """

    needs: int
    device: torch.device
    way: Route
    run: Callable[[], _T]


def first_that_fits(attempts: Iterable[Attempt[_T]], shape: tuple[int, ...]) -> tuple[_T, Route]:
    """Do a job in the first way that the free memory suffices for, beforehand and in the midst of it.

    Returns:
        What the job makes, and the way that it was done.

    Raises:
        NoRoomError: The memory suffices for none; the message is that of the last way.
    """
    refusal = "There is no way to compute this."
    for attempt in attempts:
        try:
            with room_for(attempt.needs, attempt.device, pixels(shape)):
                return attempt.run(), attempt.way
        except NoRoomError as error:
            refusal = str(error)  # alone: the error itself would hold on to what was computed
        _release(attempt.device)
    raise NoRoomError(refusal)


def _release(device: torch.device) -> None:
    """Give back what an attempt has left behind."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    trim_heap()
