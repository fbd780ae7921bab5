"""Run a private copy of a model once and record every enlargement."""

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
from dysample.swap.site import SiteKind


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options of a call that enlarges, read from its arguments.

    Attributes:
        mode: See `Site.mode`.
        interpolates: Whether it is an interpolation.
        align_corners: Whether it aligns corners.
        factor: The requested scale, one for all sides or one for each; None if a size was requested.
    """

    mode: str
    interpolates: bool = False
    align_corners: bool = False
    factor: tuple[int | float, ...] | None = None


def _interpolation_options(
    input: Tensor,
    size: object = None,
    scale_factor: int | float | Sequence[int | float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    **_others: object,
) -> CallOptions:
    factor = (scale_factor,) if isinstance(scale_factor, int | float) else scale_factor
    return CallOptions(mode, True, bool(align_corners), tuple(factor) if factor else None)


_OPTIONS_OF: dict[Callable[..., Any], Callable[..., CallOptions]] = {
    F.interpolate: _interpolation_options,
    F.conv_transpose1d: lambda *_args, **_kwargs: CallOptions("learned"),
    F.conv_transpose2d: lambda *_args, **_kwargs: CallOptions("learned"),
    F.conv_transpose3d: lambda *_args, **_kwargs: CallOptions("learned"),
    F.max_unpool2d: lambda *_args, **_kwargs: CallOptions("unpool"),
    F.pixel_shuffle: lambda *_args, **_kwargs: CallOptions("shuffle"),
}
# Frames of these files lie between the recorder and the line of the model; "<" begins generated code.
_PACKAGES = tuple(str(Path(str(package.__file__)).parent) + os.sep for package in (torch, jaxtyping))
_BETWEEN = (*_PACKAGES, __file__, "<")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that enlarges a map. Fields not listed here are those of `Site`.

    Attributes:
        interpolates: Whether it is an interpolation; those have indices of their own.
        held: Whether an upsampler of an earlier swap handles it.
        fixed: Whether its module has a `forward` that cannot be redirected.
        factor: The requested `scale_factor`; None if a size was requested.
        origin: What went into its input.
    """

    path: str
    index: int
    interpolates: bool
    held: bool
    fixed: bool
    source: str
    kind: SiteKind
    mode: str
    align_corners: bool
    input: tuple[int, ...]
    output: tuple[int, ...]
    factor: tuple[int | float, ...] | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class CallLog:
    """All calls of one run, in order.

    Attributes:
        calls: The calls.
        counts: By path of a module, the numbers of interpolations that runs of its own `forward` made.
        followed: Indices of the calls whose output met a weight afterwards.
    """

    calls: tuple[Call, ...]
    counts: dict[str, set[int]]
    followed: frozenset[int]


def trace(model: nn.Module, example_inputs: object) -> CallLog:
    """Run a model once, in eval mode and without gradients, and record what it enlarges.

    A copy runs that shares only the weights, so the model itself is not touched.
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
    return CallLog(tuple(recorder.calls), recorder.counts, frozenset(recorder.flow.followed))


@dataclass(slots=True)
class _Frame:
    """A running `forward`, and the numbers of interpolations and other enlargements it has made itself."""

    path: str
    module: nn.Module
    held: frozenset[int]
    fixed: bool
    calls: int = 0
    others: int = 0


def _watch(path: str, module: nn.Module, recorder: "_Recorder") -> None:
    """Record when the module's `forward` runs, also where it is called directly, without hooks."""
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
    """Record enlargements, and follow what tensors are made of."""

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
        """Execute one operation and record it."""
        result = func(*args, **(kwargs or {}))
        inputs = (*tensors_in(args), *tensors_in(kwargs or {}))
        if not inputs:
            return result
        origin = self.flow.follow(inputs, result)
        options_of = _OPTIONS_OF.get(func)
        if options_of and not any(isinstance(frame.module, Enlargement) for frame in self.frames):
            self._record(options_of(*args, **(kwargs or {})), inputs[0], result, origin)
        return result

    def _record(self, options: CallOptions, x: Tensor, result: Tensor, origin: Origin) -> None:
        frame = self.frames[-1]
        kind = _kind(frame.module, options)
        self.calls.append(
            Call(
                path=frame.path,
                # `Redirect` counts only interpolations, so they are numbered apart.
                index=frame.calls if options.interpolates else frame.others,
                interpolates=options.interpolates,
                held=options.interpolates and frame.calls in frame.held,
                fixed=options.interpolates and frame.fixed,
                source=_source(),
                kind=kind,
                mode=options.mode,
                align_corners=options.align_corners,
                input=tuple(x.shape),
                output=tuple(result.shape),
                factor=options.factor,
                origin=origin,
            )
        )
        frame.calls += options.interpolates
        frame.others += not options.interpolates
        number = frozenset({len(self.calls) - 1})
        self.flow.mark(result, Origin(origin.of_input, origin.learned, origin.calls | number))


def _kind(module: nn.Module, options: CallOptions) -> SiteKind:
    """Return the kind of a site whose module made the call."""
    if options.interpolates:
        return "nn.Upsample" if isinstance(module, nn.Upsample) else "functional"
    if options.mode == "learned" and isinstance(module, nn.ConvTranspose2d):
        return "ConvTranspose2d"
    return "PixelShuffle" if isinstance(module, nn.PixelShuffle) else "functional"


def _source() -> str:
    """Return the running line of the model, outside torch and this file, as ``folder/file.py:line``."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and frame.f_code.co_filename.startswith(_BETWEEN):
        frame = frame.f_back
    file = Path(frame.f_code.co_filename)
    return f"{file.parent.name}/{file.name}:{frame.f_lineno}"
