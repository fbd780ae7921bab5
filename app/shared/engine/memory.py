"""Memory of jobs: bytes worked out before one begins, and sentences for memory that is not there."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from app.shared.engine import devices
from app.shared.engine.devices import gigabytes
from app.shared.engine.turns import EngineError
from dysample.measure.memory import trim_heap
from dysample.models.encoder import STRIDES
from dysample.models.tasks import KINDS, Task

ENCODER_BYTES = 240  # for every pixel at the peak of the encoder, MobileNetV2, in float32 on a CPU
LARGE_PIXELS = 1_500_000  # from here on a job is a large one
_GAPS = 1.3  # an allocator takes more than is asked of it, for it cannot use all the gaps


def encoder_bytes(shape: tuple[int, ...]) -> int:
    """Return the bytes that the encoder takes at its peak on a picture of some rows and columns."""
    return ENCODER_BYTES * _padded_pixels(shape)


def head_bytes(task: Task, shape: tuple[int, ...]) -> int:
    """Return the bytes that a head takes at its peak on a picture of some rows and columns."""
    return KINDS[task.kind].peak_bytes(task) * _padded_pixels(shape)


def _padded_pixels(shape: tuple[int, ...]) -> int:
    height, width = (side + -side % STRIDES[-1] for side in shape[:2])
    return height * width


def is_large(shape: tuple[int, ...]) -> bool:
    """Return whether a job on a picture of some rows and columns is a large one."""
    return shape[0] * shape[1] >= LARGE_PIXELS


@contextmanager
def guarded(shape: tuple[int, ...], *, needs: int = 0) -> Generator[None]:
    """Run networks in the block, without gradients, if there is memory for it.

    Args:
        shape: Rows and columns of the picture, first.
        needs: Bytes that the job allocates at its peak; 0 if they are not known.

    Raises:
        EngineError: The job needs more memory than is free, or ran out of it.
    """
    what = f"{shape[1]}×{shape[0]} pixels"
    with _errors(what), torch.inference_mode():
        _check(needs, what)
        yield
    if is_large(shape):
        trim_heap()


@contextmanager
def _errors(what: str) -> Generator[None]:
    """Turn the errors of memory that ran out, of which there are several, into a sentence."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise EngineError(_ran_out(what)) from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise EngineError(_ran_out(what)) from error


def _check(needs: int, what: str) -> None:
    free, taken = devices.placed().free, round(_GAPS * needs)
    if taken > free:
        raise EngineError(
            f"A picture of {what} takes about {gigabytes(taken)} of memory here, and {gigabytes(free)} are "
            "free now: choose a smaller working size."
        )


def _ran_out(what: str) -> str:
    return f"The memory ran out over a picture of {what}: choose a smaller working size."
