"""Pictures reduced to what the memory suffices for, where they cannot be computed at the size that is wanted.

A visitor sees a picture at one size as long as the session lasts: what is computed takes memory itself, and a
size worked out anew would be another.
"""

from dataclasses import dataclass, replace
from typing import Literal

from app.memory import keep, kept
from app.settings import Source, Subject
from app.shared.cache import CACHE
from app.shared.engine import devices, memory
from app.shared.photos import manifest, photograph, reduced
from dysample.models.tasks import KINDS

LEAST_SIDE = 128  # pixels of the longer side, below which a job is refused
_FURTHER = 0.7  # factor by which a picture is reduced again after the memory ran out
_RECORDS = 100  # bytes for every pixel of what pages make of a network's steps
_SHARE = 2  # of the cache that one network's steps may take, so that they stay in it


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture at the size that a visitor wants.

    Attributes:
        source: The picture.
        task: Name of the task.
        longer_side: The longer side; 0 for the picture's own.
        purpose: What is done with it.
    """

    source: Source
    task: str
    longer_side: int
    purpose: Literal["compared", "explored"]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns.

        Raises:
            ImageError: The picture cannot be used.
        """
        height, width = photograph(self.source).image.shape[:2]
        return reduced((height, width), self.longer_side)

    @property
    def name(self) -> str:
        """Name under which the size that fits is remembered."""
        return f"fitted {self!r}"


def explored(subject: Subject) -> Subject:
    """Return a subject whose network can be run with all its steps kept.

    Raises:
        ImageError: The picture cannot be used.
    """
    task = manifest().task(subject.task)
    per_pixel = memory.tile_bytes(task) + _RECORDS
    steps = KINDS[task.kind].peak_bytes(task)
    room = min(free(), CACHE.budget // _SHARE * per_pixel // steps)
    return replace(subject, longer_side=fitted(wanted(subject), per_pixel=per_pixel, room=room))


def wanted(subject: Subject) -> Wanted:
    """Return the size that a visitor wants of a subject."""
    return Wanted(subject.source, subject.task, subject.longer_side, "explored")


def fitted(picture: Wanted, *, per_pixel: int, room: int) -> int:
    """Return the longer side that a picture is to be computed at: the wanted one, or a smaller one.

    Args:
        picture: The picture.
        per_pixel: Bytes that the job takes at its peak for every pixel.
        room: Bytes that it may take.

    Raises:
        ImageError: The picture cannot be used.
    """
    side = kept(picture.name, memory.fitting_side(picture.shape, per_pixel, room))
    return max(LEAST_SIDE, keep(picture.name, side)) if side else picture.longer_side


def reduce_further(picture: Wanted) -> bool:
    """Remember that a picture has to be smaller than it was, and return whether it can be."""
    side = round(_FURTHER * (kept(picture.name, 0) or max(picture.shape)))
    if side < LEAST_SIDE:
        return False
    keep(picture.name, side)
    return True


def sentence(computed: tuple[int, int], picture: Wanted) -> str:
    """Return a sentence on a picture that was reduced, with both sizes; empty if it was not."""
    if computed == picture.shape:
        return ""
    return (
        f"Computed at {memory.pixels(computed)} instead of {memory.pixels(picture.shape)}: more does not fit "
        "into the memory that is free."
    )


def free() -> int:
    """Return the bytes that a job may take, whose values are on the device first, and then on the CPU."""
    return min(memory.free_on(device) for device in (devices.CPU, devices.device()))
