"""One run of a private copy of a model, in which every enlargement is written down."""

import copy
import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaxtyping
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dysample.swap.flow import Flow, Origin, arguments, tensors_in
from dysample.swap.modules import Enlargement, held, redirectable, release
from dysample.swap.site import Kind

# The functions that enlarge, and what their arguments say.


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call says of itself.

    Attributes:
        mode: As `Site.mode`.
        interpolates: Whether it is an interpolation.
        align_corners: Whether it aligns corners.
        factor: The scale it asks for, of all sides or of each; None where it asks for a size.
    """

    mode: str
    interpolates: bool = False
    align_corners: bool = False
    factor: tuple[int | float, ...] | None = None


def _interpolation(
    input: Tensor,
    size: object = None,
    scale_factor: int | float | Sequence[int | float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    **_others: object,
) -> Asked:
    factor = (scale_factor,) if isinstance(scale_factor, int | float) else scale_factor
    return Asked(mode, True, bool(align_corners), tuple(factor) if factor else None)


DESCRIBED: dict[Callable[..., Any], Callable[..., Asked]] = {
    F.interpolate: _interpolation,
    F.conv_transpose1d: lambda *_args, **_kwargs: Asked("learned"),
    F.conv_transpose2d: lambda *_args, **_kwargs: Asked("learned"),
    F.conv_transpose3d: lambda *_args, **_kwargs: Asked("learned"),
    F.max_unpool2d: lambda *_args, **_kwargs: Asked("unpool"),
    F.pixel_shuffle: lambda *_args, **_kwargs: Asked("shuffle"),
}


def kind_of(module: nn.Module, asked: Asked) -> Kind:
    """What a site is called whose module made the call."""
    if asked.interpolates:
        return "nn.Upsample" if isinstance(module, nn.Upsample) else "functional"
    if asked.mode == "learned" and isinstance(module, nn.ConvTranspose2d):
        return "ConvTranspose2d"
    return "PixelShuffle" if isinstance(module, nn.PixelShuffle) else "functional"


# Whose frames lie between the line of a model that enlarges and the recorder; "<" begins made-up files.
_BETWEEN = (*(str(Path(str(each.__file__)).parent) + os.sep for each in (torch, jaxtyping)), __file__, "<")


@dataclass(frozen=True, slots=True)
class Call:
    """One enlargement; `Site` says what the common names mean.

    Attributes:
        interpolates: Whether it is an interpolation: those are counted apart from the others.
        held: Whether an upsampler of an earlier swap answers it.
        fixed: Whether its module has a `forward` that cannot be redirected.
        factor: The `scale_factor` that was asked for; None where a size was.
        origin: What went into its input.
    """

    path: str
    index: int
    interpolates: bool
    held: bool
    fixed: bool
    source: str
    kind: Kind
    mode: str
    align_corners: bool
    input: tuple[int, ...]
    output: tuple[int, ...]
    factor: tuple[int | float, ...] | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Trace:
    """All calls of one run, in their order.

    Attributes:
        calls: What was called.
        counts: How many calls the runs of a module's own `forward` made, by its path.
        followed: Numbers of the calls whose output met a weight afterwards.
    """

    calls: tuple[Call, ...]
    counts: dict[str, set[int]]
    followed: frozenset[int]


def trace(model: nn.Module, example_inputs: object) -> Trace:
    """Run a model once, in eval mode and without gradients, and write down what it enlarges.

    The model itself is not touched: a copy runs, which shares the weights and nothing else.
    """
    shared = {id(parameter): parameter for parameter in model.parameters()}
    private = copy.deepcopy(model, shared).eval()  # pyright: ignore[reportArgumentType]
    recorder = _Recorder()
    for path, module in list(private.named_modules()):
        _watch(path, module, recorder)
    args, kwargs = arguments(example_inputs)
    for tensor in (*tensors_in(args), *tensors_in(kwargs)):
        recorder.flow.mark(tensor, Origin(of_input=True))
    with torch.no_grad(), recorder:
        private(*args, **kwargs)
    return Trace(tuple(recorder.calls), recorder.counts, frozenset(recorder.flow.followed))


@dataclass(slots=True)
class _Frame:
    """One `forward` that is running, and how many interpolations and other enlargements it made itself."""

    path: str
    module: nn.Module
    held: frozenset[int]
    fixed: bool
    calls: int = 0
    others: int = 0


def _watch(path: str, module: nn.Module, recorder: "_Recorder") -> None:
    """Let the recorder know when the module's `forward` runs. Calls of `forward` itself are seen too."""
    before, fixed = held(module), not redirectable(module)
    release(module)
    forward = module.forward

    @functools.wraps(forward)
    def watched(*args: Any, **kwargs: Any) -> Any:
        frame = _Frame(path, module, before, fixed)
        recorder.frames.append(frame)
        try:
            return forward(*args, **kwargs)
        finally:
            recorder.frames.pop()
            recorder.counts.setdefault(path, set()).add(frame.calls)

    module.forward = watched


class _Recorder(TorchFunctionMode):
    """Writes enlargements down, and follows what tensors are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.counts: dict[str, set[int]] = {}
        self.frames: list[_Frame] = []
        self.flow = Flow()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Carry one operation out and take note of it."""
        result = func(*args, **(kwargs or {}))
        inputs = (*tensors_in(args), *tensors_in(kwargs or {}))
        if not inputs:
            return result
        origin = self.flow.follow(inputs, result)
        described = DESCRIBED.get(func)
        if described and not any(isinstance(frame.module, Enlargement) for frame in self.frames):
            self._write(described(*args, **(kwargs or {})), inputs[0], result, origin)
        return result

    def _write(self, asked: Asked, x: Tensor, result: Tensor, origin: Origin) -> None:
        frame = self.frames[-1]
        kind = kind_of(frame.module, asked)
        self.calls.append(
            Call(
                path=frame.path,
                # The redirecting mode counts interpolations alone.
                index=frame.calls if asked.interpolates else frame.others,
                interpolates=asked.interpolates,
                held=asked.interpolates and frame.calls in frame.held,
                fixed=asked.interpolates and frame.fixed,
                source=_source(),
                kind=kind,
                mode=asked.mode,
                align_corners=asked.align_corners,
                input=tuple(x.shape),
                output=tuple(result.shape),
                factor=asked.factor,
                origin=origin,
            )
        )
        frame.calls += asked.interpolates
        frame.others += not asked.interpolates
        number = frozenset({len(self.calls) - 1})
        self.flow.mark(result, Origin(origin.of_input, origin.learned, origin.calls | number))


def _source() -> str:
    """The line outside torch and this file that is being run, as ``folder/file.py:line``."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and frame.f_code.co_filename.startswith(_BETWEEN):
        frame = frame.f_back
    file = Path(frame.f_code.co_filename)
    return f"{file.parent.name}/{file.name}:{frame.f_lineno}"
