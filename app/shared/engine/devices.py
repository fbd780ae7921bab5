"""The device that networks run on, their precision there, and values on it and off it."""

import copy
import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast, get_args

import psutil
import torch
from torch import Tensor, nn

from app.shared.engine.turns import EngineError
from dysample.models.computing import ChosenPrecision, Precision, precision_on

_T = TypeVar("_T")
_Module = TypeVar("_Module", bound=nn.Module)

CPU = torch.device("cpu")
_VARIABLE, _PRECISION = "DYSAMPLE_DEVICE", "DYSAMPLE_PRECISION"
_STAGED = 64 << 20  # bytes; page-locked memory is never given back, so larger tensors do without


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
        reason = next(iter(str(error).splitlines()), "").partition(". ")[0]
        raise EngineError(
            f"{_VARIABLE} is {wanted!r}, which this machine or this PyTorch lacks ({reason}): unset it, or "
            f"set it to cpu or {_found()}"
        ) from error
    return chosen


@functools.cache
def precision() -> ChosenPrecision:
    """Return the precision of networks: `DYSAMPLE_PRECISION`, else bfloat16 on CUDA devices that have it.

    Raises:
        EngineError: The variable is no precision, or none of the device.
    """
    wanted: Any = os.environ.get(_PRECISION, "").strip() or "auto"
    if wanted not in get_args(Precision):
        known = ", ".join(get_args(Precision))
        raise EngineError(f"{_PRECISION} is {wanted!r}, which is none of {known}: unset it, or set it to one")
    try:
        return precision_on(device(), wanted)
    except ValueError as error:
        raise EngineError(
            f"{_PRECISION} is {wanted!r}, which the device {device()} does not compute in: unset it, or set "
            "it to float32"
        ) from error


def _found() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The device that networks run on, for people.

    Attributes:
        name: Name of the processor or accelerator.
        memory: Bytes of its memory; 0 where they are not known.
        free: Bytes that are free now, for networks.
    """

    name: str
    memory: int
    free: int


def placed() -> DeviceFacts:
    """Describe the device."""
    chosen = device()
    if chosen.type == "cuda":
        free, total = torch.cuda.mem_get_info(chosen)
        # PyTorch keeps what it has freed, for tensors to come.
        kept = torch.cuda.memory_reserved(chosen) - torch.cuda.memory_allocated(chosen)
        return DeviceFacts(torch.cuda.get_device_name(chosen), total, free + kept)
    memory = psutil.virtual_memory()
    name = "CPU" if chosen.type == "cpu" else f"GPU ({chosen.type.upper()})"
    return DeviceFacts(name, memory.total, memory.available)


def sentence() -> str:
    """Return on what the networks run and how precisely, or why they cannot."""
    try:
        found, how = placed(), precision()
    except EngineError as error:
        return str(error)
    return f"Networks run on the {found.name}, with {gigabytes(found.memory)} of memory, in {how}."


def gigabytes(size: int) -> str:
    """Return a size in bytes for people."""
    if size >= 1e11:
        return f"{size / 1e9:.0f} GB"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


# --- Values ---


def to_device(encoder: _Module) -> _Module:
    """Place an encoder on the device, in the memory layout in which convolutions are fastest."""
    return encoder.to(device(), memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def on_device(head: _Module) -> _Module:
    """Return a head on the device: a copy, unless that is the CPU; on CUDA with its channels last."""
    if device().type == "cpu":
        return head
    placed_head = copy.deepcopy(head).to(device())
    return placed_head.to(memory_format=layout()) if device().type == "cuda" else placed_head  # pyright: ignore[reportCallIssue]


def layout() -> torch.memory_format:
    """Return the memory layout in which heads read maps fastest.

    On the CPU that is the samplers' choice. Tensor cores want the channels of a pixel side by side.
    """
    return torch.channels_last if device().type == "cuda" else torch.contiguous_format


def uploaded(x: Tensor, to: torch.device | None = None) -> Tensor:
    """Return a tensor of the CPU on a device; a GPU fetches it while the CPU goes on.

    Args:
        x: The tensor.
        to: The device; by default the one that networks run on.
    """
    to = to or device()
    return x.pin_memory().to(to, non_blocking=True) if to.type == "cuda" else x.to(to)


def moved(value: _T, to: torch.device) -> _T:
    """Return a value with all tensors inside records, tuples and mappings on a device.

    On the CPU, where neither NumPy nor every operator knows half types, they become float32.
    """
    if to.type != "cpu":
        return mapped(value, lambda x: x.to(to))
    if device().type == "cuda":
        return fetched(value)
    return mapped(value, lambda x: _wide(x.to(to)))


def fetched(
    value: _T, *, pinned: Callable[[Tensor], Tensor] | None = None, wait: Callable[[], None] | None = None
) -> _T:
    """Return a value of a GPU on the CPU: all its tensors are on their way before one is waited for.

    Args:
        value: The value.
        pinned: Returns page-locked memory for a tensor.
        wait: Waits until the device is done.
    """
    staged: dict[int, Tensor] = {}

    def begin(x: Tensor) -> Tensor:
        if x.nbytes > _STAGED:
            return x.to(CPU)
        buffer = (pinned or _pinned)(x).copy_(x, non_blocking=True)
        staged[id(buffer)] = buffer
        return buffer

    begun = mapped(value, begin)
    (wait or finished)()
    # What is kept is in ordinary memory, so that the page-locked one serves the next.
    return mapped(begun, lambda x: _wide(x.clone() if id(x) in staged else x))


def _pinned(x: Tensor) -> Tensor:
    return torch.empty_like(x, device=CPU, pin_memory=True)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def mapped(value: _T, change: Callable[[Tensor], Tensor]) -> _T:
    """Return a value with all tensors inside records, tuples and mappings changed, each once."""
    changed: dict[int, Tensor] = {}

    def once(x: Tensor) -> Tensor:
        if id(x) not in changed:
            changed[id(x)] = change(x)
        return changed[id(x)]

    return cast(_T, _mapped(value, once))


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in cast(tuple[Any, ...], value)]
        return tuple(parts)
    if isinstance(value, Mapping):
        return {key: _mapped(part, change) for key, part in cast(Mapping[Any, Any], value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.init]
        return replace(value, **{name: _mapped(getattr(value, name), change) for name in names})
    return value


def finished() -> None:
    """Wait until the device has done all that it was asked for, so that a clock may be read."""
    if device().type == "cuda":
        torch.cuda.synchronize(device())
    elif device().type == "mps":
        torch.mps.synchronize()
