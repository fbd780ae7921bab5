"""Run a private copy of a model once and record every enlargement."""

import functools
import os
import random
import re
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import jaxtyping
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from dysample.swap.copies import private_copy
from dysample.swap.flow import Digest, Flow, Origin
from dysample.swap.inputs import all_tensors, arguments, own_copy, tensors_in
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
        operation: Name of the operation, if neither a module nor a function that a swap knows calls it.
    """

    mode: str
    interpolates: bool = False
    align_corners: bool = False
    factor: tuple[int | float, ...] | None = None
    operation: str = ""


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
_UPSAMPLE = re.compile(r"_?upsample_(nearest_exact|[a-z]+?)[123]d(_aa)?")
_OPERATIONS = {"pixel_shuffle": "shuffle", "max_unpool2d": "unpool", "max_unpool3d": "unpool"}
# Of other namespaces, an operation that makes a map larger is somebody's upsampler.
_KNOWN_NAMESPACES = ("aten", "prims", "dysample", "torchvision")
# What turns tensors into something that is not followed, and what makes tensors of it.
_LEAVING = (Tensor.numpy, Tensor.__array__, Tensor.tolist, Tensor.__dlpack__)
_ARRIVING = (
    torch.tensor,
    torch.as_tensor,
    torch.asarray,
    torch.from_numpy,
    torch.frombuffer,
    torch.from_dlpack,
)


def _operation_options(
    func: Any, args: Sequence[Any], kwargs: dict[str, Any], x: Tensor, result: object
) -> CallOptions | None:
    """Return the options of an operation of the dispatcher on a map `x`, or None if it enlarges nothing."""
    namespace, _, name = func._schema.name.partition("::")
    values = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | kwargs
    operation = f"{namespace}.{name}"
    if namespace not in _KNOWN_NAMESPACES and isinstance(result, Tensor) and _enlarges(x, result):
        return CallOptions("custom", operation=operation)
    if namespace != "aten":
        return None
    if match := _UPSAMPLE.fullmatch(name):
        mode = match[1].replace("_", "-")
        return CallOptions(mode, align_corners=bool(values.get("align_corners")), operation=operation)
    if name == "convolution" and values.get("transposed"):
        return CallOptions("learned", operation=operation)
    return CallOptions(_OPERATIONS[name], operation=operation) if name in _OPERATIONS else None


def _enlarges(x: Tensor, result: Tensor) -> bool:
    maps = x.ndim == result.ndim == 4 and x.shape[0] == result.shape[0]
    return maps and result.shape[2] > x.shape[2] and result.shape[3] > x.shape[3]


# Frames of these files lie between the recorder and the line of the model; "<" begins generated code.
_PACKAGES = tuple(str(Path(str(package.__file__)).parent) + os.sep for package in (torch, jaxtyping))
_BETWEEN = (*_PACKAGES, __file__, "<")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that enlarges a map. Fields not listed here are those of `Site`.

    Attributes:
        interpolates: Whether it is an interpolation; those have indices of their own.
        held: Whether an upsampler of an earlier swap handles it.
        hooked: Whether a hook of the model makes it, before or after its `forward`.
        obstacle: A sentence on why its call cannot be replaced; empty if it can.
        factor: The requested `scale_factor`; None if a size was requested.
        origin: What went into its input.
    """

    path: str
    index: int
    interpolates: bool
    held: bool
    hooked: bool
    obstacle: str
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
        strays: Digests of the tensors from outside of torch; see `Flow`.
        left: Whether tensors were turned into arrays or lists.
    """

    calls: tuple[Call, ...]
    counts: dict[str, set[int]]
    followed: frozenset[int]
    strays: tuple[Digest, ...]
    left: bool


def trace(model: nn.Module, example_inputs: object, settled: tuple[bool, ...] = ()) -> CallLog:
    """Run a model once, in eval mode and without gradients, and record what it enlarges.

    A copy runs that shares only the weights, on a copy of the inputs, so neither is touched; nor are the
    states of random generators on the CPU.

    Args:
        model: Any module.
        example_inputs: Its arguments, as for `audit`.
        settled: Of each tensor from outside of torch, whether the input is in it; empty if not known.

    Raises:
        ValueError: The model holds something that cannot be copied.
    """
    private = private_copy(model)
    _to_eval(private)
    recorder = _Recorder(Flow(settled))
    for path, module in list(private.named_modules()):
        for held_tensor in all_tensors(list(vars(module).values())):
            recorder.flow.mark(held_tensor, Origin())
        _watch(path, module, recorder)
    inputs = own_copy(example_inputs)
    for tensor in all_tensors(inputs):
        recorder.flow.mark(tensor, Origin(of_input=True))
    args, kwargs = arguments(inputs)
    with torch.no_grad(), _same_chance(), _nothing_compiled(), _Dispatched(recorder), recorder:
        private(*args, **kwargs)
    flow = recorder.flow
    return CallLog(
        tuple(recorder.calls),
        recorder.counts,
        frozenset(flow.followed),
        tuple(flow.strays),
        flow.left is not None,
    )


def _to_eval(model: nn.Module) -> None:
    try:
        model.eval()
    except NotImplementedError:  # a program by torch.export has the mode that it was exported in
        return


@contextmanager
def _same_chance() -> Generator[None, None, None]:
    """Draw the same random numbers each time, and restore the generators of the CPU afterwards."""
    torch_state = torch.default_generator.get_state()
    numpy_state = np.random.get_state()
    python_state = random.getstate()
    try:
        torch.default_generator.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        yield
    finally:
        torch.default_generator.set_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _nothing_compiled() -> Any:
    """Run compiled functions as they were written; they can exist only if the compiler was imported."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


@dataclass(slots=True)
class _Frame:
    """A running `forward`, and the numbers of interpolations and other enlargements it has made itself."""

    path: str
    module: nn.Module
    held: frozenset[int]
    obstacle: str
    calls: int = 0
    others: int = 0


_FIXED = "Its `forward` belongs to this one object (torch.fx, accelerate): swap before that is set."
_HOOKED = "A hook calls it before or after the model's own `forward`, which is all that a swap can change."


def _watch(path: str, module: nn.Module, recorder: "_Recorder") -> None:
    """Record when the module's `forward` runs, also where it is called directly, without hooks."""
    before, obstacle = held(module), "" if redirectable(module) else _FIXED
    release(module)
    forward = module.forward
    if not path:
        recorder.frames.append(_Frame(path, module, frozenset(), _HOOKED))

    @functools.wraps(forward)
    def watched(*args: Any, **kwargs: Any) -> Any:
        frame = _Frame(path, module, before, obstacle)
        recorder.frames.append(frame)
        try:
            return forward(*args, **kwargs)
        finally:
            recorder.frames.pop()
            recorder.counts.setdefault(path, set()).add(frame.calls)

    module.forward = watched


class _Recorder(TorchFunctionMode):
    """Record enlargements, and follow what tensors are made of."""

    def __init__(self, flow: Flow) -> None:
        """Start without a call.

        Args:
            flow: Origins of the tensors that exist already.
        """
        super().__init__()
        self.calls: list[Call] = []
        self.counts: dict[str, set[int]] = {}
        self.frames: list[_Frame] = []
        self.flow = flow
        # Functions of torch that are running, and how many of them are known to enlarge.
        self.running = 0
        self.enlarging = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Execute one operation and record it."""
        options_of, before = _OPTIONS_OF.get(func), len(self.calls)
        self.running += 1
        self.enlarging += options_of is not None
        try:
            result: Any = func(*args, **(kwargs or {}))
            if func is Tensor.__iter__:
                result = tuple(result)
            inputs = (*tensors_in(args), *tensors_in(kwargs or {}))
            if inputs:
                origin = self._follow(inputs, result, before)
                if func in _LEAVING:
                    self.flow.leave(inputs)
                if options_of:
                    self.record(options_of(*args, **(kwargs or {})), inputs[0], result, origin)
            elif func not in _ARRIVING:
                for tensor in tensors_in(result):
                    self.flow.mark(tensor, Origin())
        finally:
            self.running -= 1
            self.enlarging -= options_of is not None
        return iter(result) if func is Tensor.__iter__ else result

    def _follow(self, inputs: tuple[Tensor, ...], result: object, before: int) -> Origin:
        """Follow a function, and the enlargements in it, of which there were `before` when it began."""
        origin = self.flow.follow(inputs, result)
        if len(self.calls) > before:
            numbers = frozenset(range(before, len(self.calls)))
            origin = Origin(origin.of_input, origin.learned, origin.calls | numbers, origin.strays)
            for tensor in tensors_in(result):
                self.flow.mark(tensor, origin)
        return origin

    def dispatched(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Record an operation that no function known to enlarge has called."""
        inputs = (*tensors_in(args), *tensors_in(kwargs))
        if not inputs or self.enlarging:
            return
        options = _operation_options(func, args, kwargs, inputs[0], result)
        # A function of torch is followed as a whole; what runs outside of them is scripted, say.
        if not self.running:
            self.flow.follow(inputs, result)
        if options:
            self.record(options, inputs[0], result, self.flow.origin(inputs[0]))

    def record(self, options: CallOptions, x: Tensor, result: Tensor, origin: Origin) -> None:
        """Record one call that enlarges, unless an upsampler of a swap makes it."""
        if any(isinstance(frame.module, Enlargement) for frame in self.frames):
            return
        frame = self.frames[-1]
        self.calls.append(
            Call(
                path=frame.path,
                # `Redirect` counts only interpolations, so they are numbered apart.
                index=frame.calls if options.interpolates else frame.others,
                interpolates=options.interpolates,
                held=options.interpolates and frame.calls in frame.held,
                hooked=frame.obstacle is _HOOKED,
                obstacle=self._obstacle(frame, options),
                source=_source(),
                kind=_kind(frame.module, options),
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
        self.flow.mark(result, Origin(origin.of_input, origin.learned, origin.calls | number, origin.strays))

    def _obstacle(self, frame: _Frame, options: CallOptions) -> str:
        """Return why a call cannot be replaced where it is, or nothing."""
        if not options.operation:
            return frame.obstacle if options.interpolates else ""
        name = f"`{options.operation}`"
        if isinstance(frame.module, GraphModule) or is_program(frame.module):
            return (
                f"It is {name} in a program of torch.export or torch.fx: swap in the model it was made from."
            )
        if self.running and options.mode != "custom":
            return f"It is a call of {name} itself; a swap replaces modules and calls of `F.interpolate`."
        return f"A scripted function or an extension runs {name}, in which a swap can replace nothing."


def is_program(module: nn.Module) -> bool:
    """Return whether a module runs a graph by torch.export that was divided into modules again."""
    return type(module).__module__ == "torch.export.unflatten"


class _Dispatched(TorchDispatchMode):
    """Show a recorder the operations that reach the dispatcher, from wherever they are called."""

    def __init__(self, recorder: _Recorder) -> None:
        """Store the recorder."""
        super().__init__()
        self.recorder = recorder

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from importing its compiler, which takes seconds, only to exempt this class from it."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Execute one operation and show it."""
        result = func(*args, **(kwargs or {}))
        self.recorder.dispatched(func, args, kwargs or {}, result)
        return result


def _kind(module: nn.Module, options: CallOptions) -> SiteKind:
    """Return the kind of a site whose module made the call."""
    if options.interpolates:
        return "nn.Upsample" if isinstance(module, nn.Upsample) else "functional"
    if options.mode == "learned" and isinstance(module, nn.ConvTranspose2d):
        return "ConvTranspose2d"
    return "PixelShuffle" if isinstance(module, nn.PixelShuffle) else "functional"


def _source() -> str:
    """Return the running line of the model, outside torch and this file, as ``folder/file.py:line``."""
    for code, line in _lines():
        if code is trace.__code__:
            break
        if not code.co_filename.startswith(_BETWEEN):
            file = Path(code.co_filename)
            return f"{file.parent.name}/{file.name}:{line}"
    return "generated code"


def _lines() -> Iterator[tuple[CodeType, int]]:
    """Yield the code and the line of all running functions, innermost first."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame:
        yield frame.f_code, frame.f_lineno
        frame = frame.f_back
