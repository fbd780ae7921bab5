"""The device that networks run on, and values on it and off it."""

import copy
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import psutil
import torch
from torch import nn

from app.shared.engine.turns import EngineError

_T = TypeVar("_T")
_Module = TypeVar("_Module", bound=nn.Module)

CPU = torch.device("cpu")
_VARIABLE = "DYSAMPLE_DEVICE"


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


def gigabytes(size: int) -> str:
    """Return a size in bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


# --- Values ---


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
