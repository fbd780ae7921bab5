"""The engine: the one place where pages run trained networks, on one device, one job at a time."""

import copy
import functools
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import psutil
import streamlit as st
import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx
from torch import nn

from app.shared.turns import EngineError, Turns
from dysample.measure.memory import trim_heap

_T = TypeVar("_T")
_Module = TypeVar("_Module", bound=nn.Module)

_VARIABLE = "DYSAMPLE_DEVICE"
_LARGE_PIXELS = 1_500_000  # from here on a job is a large one
_GAPS = 1.3  # an allocator takes more than is asked of it, for it cannot use all the gaps
_NOBODY = "nobody"


# --- Device ---


@functools.cache
def device() -> torch.device:
    """Return the device that networks run on: `DYSAMPLE_DEVICE`, else CUDA or MPS where there is one.

    Raises:
        EngineError: The variable names a device that this machine lacks.
    """
    wanted = os.environ.get(_VARIABLE, "").strip()
    if not wanted:
        return torch.device(_found())
    try:
        chosen = torch.device(wanted)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(
            f"{_VARIABLE} is {wanted!r}, which this machine or this PyTorch lacks: unset it, or set it to "
            f"cpu or {_found()}"
        ) from error
    return chosen


def _found() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@dataclass(frozen=True, slots=True)
class Placed:
    """The device that networks run on, for people.

    Attributes:
        name: Name of the processor or accelerator.
        memory: Bytes of its memory; 0 where they are not known.
        free: Bytes that are free now.
    """

    name: str
    memory: int
    free: int


def placed() -> Placed:
    """Describe the device."""
    chosen = device()
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        return Placed(torch.cuda.get_device_name(chosen), total, free)
    memory = psutil.virtual_memory()
    name = "CPU" if chosen.type == "cpu" else f"GPU ({chosen.type.upper()})"
    return Placed(name, memory.total, memory.available)


def sentence() -> str:
    """Return on what the networks run, or why they cannot."""
    try:
        found = placed()
    except EngineError as error:
        return str(error)
    return f"Networks run on the {found.name}, with {gigabytes(found.memory)} of memory."


# --- Values on the device and off it ---


def to_device(encoder: _Module) -> _Module:
    """Place an encoder on the device, in the memory layout in which convolutions are fastest."""
    return encoder.to(device(), memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def on_device(head: _Module) -> _Module:
    """Return a head on the device: a copy, unless that is the CPU."""
    return head if device().type == "cpu" else copy.deepcopy(head).to(device())


def moved(value: _T, to: torch.device) -> _T:
    """Return a value with all tensors inside records, tuples and mappings on a device."""
    return cast(_T, _moved(value, to))


def _moved(value: Any, to: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(to)
    if isinstance(value, tuple):
        parts = [_moved(part, to) for part in cast(tuple[Any, ...], value)]
        return tuple(parts)
    if isinstance(value, Mapping):
        return {key: _moved(part, to) for key, part in cast(Mapping[Any, Any], value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.init]
        return replace(value, **{name: _moved(getattr(value, name), to) for name in names})
    return value


def finished() -> None:
    """Wait until the device has done all that it was asked for, so that a clock may be read."""
    if device().type == "cuda":
        torch.cuda.synchronize(device())
    elif device().type == "mps":
        torch.mps.synchronize()


# --- Turns ---

_TURNS = Turns()


@contextmanager
def turn(shape: tuple[int, ...], *, needs: int = 0) -> Generator[None]:
    """Hold the device while the block runs networks, without gradients.

    While others are before it, the page shows the place in the queue; a visitor who leaves gives it up.
    Nothing may be asked of the cache inside of the block.

    Args:
        shape: Rows and columns of the picture, first: small pictures pass large ones.
        needs: Bytes that the job allocates at its peak; 0 if they are not known.

    Raises:
        EngineError: The job needs more memory than is free, or ran out of it.
        BusyError: Too many jobs wait already.
    """
    what = f"{shape[1]}×{shape[0]} pixels"
    large = shape[0] * shape[1] >= _LARGE_PIXELS
    context = get_script_run_ctx(suppress_warning=True)
    visitor = _NOBODY if context is None else context.session_id
    with (
        _place_shown(drawn=context is not None) as report,
        _TURNS.turn(visitor, large=large, report=report),
        _memory_errors(what),
        torch.inference_mode(),
    ):
        _check_memory(needs, what)
        yield
    if large:
        trim_heap()


@contextmanager
def _memory_errors(what: str) -> Generator[None]:
    """Turn the errors of memory that ran out, of which there are several, into a sentence."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise EngineError(_ran_out(what)) from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise EngineError(_ran_out(what)) from error


@contextmanager
def _place_shown(*, drawn: bool) -> Generator[Callable[[int], None]]:
    """Show the place in the queue for as long as there is one."""
    spot = None

    def report(place: int) -> None:
        nonlocal spot
        if not drawn:
            return
        if spot is None:
            spot = st.empty()
        before = "next" if place == 1 else f"number {place}"
        spot.caption(f"Others are computing: you are {before} in the queue.")

    try:
        yield report
    finally:
        if spot is not None:
            spot.empty()


def _check_memory(needs: int, what: str) -> None:
    free, taken = placed().free, round(_GAPS * needs)
    if taken > free:
        raise EngineError(
            f"A picture of {what} takes about {gigabytes(taken)} of memory here, and {gigabytes(free)} are "
            "free now: choose a smaller working size."
        )


def _ran_out(what: str) -> str:
    return f"The memory ran out over a picture of {what}: choose a smaller working size."


def gigabytes(size: int) -> str:
    """Return a size in bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
