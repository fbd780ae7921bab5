"""Cases of the benchmark: one operator on seeded maps of one size, type and layout."""

import argparse
import os
import shlex
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.geometry import coordinate_dtype
from dysample.kernels.choice import VARIABLE, Implementation, choose
from dysample.measure.timing import Clock
from dysample.ops.registry import OPERATORS, build, operator_spec

DTypeName = Literal["float32", "bfloat16", "float16"]
Layout = Literal["nchw", "channels_last"]
SEED = 0
_FORMATS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One operator on one kind of map.

    Attributes:
        operator: Its name in `OPERATORS`.
        channels: Channels of the map, and of the high-res guide.
        height: Rows of the map.
        width: Columns of the map.
        batch: Number of maps.
        scale: Enlargement s.
        dtype: Data type of the maps and the weights.
        layout: Memory layout of the maps and the weights.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: CPU threads that PyTorch may use.
        implementation: Implementation of reading at points, for operators that do so; ``"auto"`` for the
            fastest one available.
        compiled: Whether the operator goes through `torch.compile`.
    """

    operator: str
    channels: int
    height: int
    width: int
    batch: int = 1
    scale: int = 2
    dtype: DTypeName = "float32"
    layout: Layout = "nchw"
    device: str = "cpu"
    threads: int = 1
    implementation: Implementation = "auto"
    compiled: bool = False

    @property
    def clock(self) -> Clock:
        """The most reliable clock: busy time, which other processes disturb least, unless several threads
        share the work."""
        return "wall" if self.device == "cpu" and self.threads > 1 else "busy"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An untrained operator in eval mode and its inputs.

    Attributes:
        operator: The operator.
        inputs: The low-res map, then the guide if the operator takes one.
        planar: The same map as NCHW, for the bilinear baseline.
        scale: Enlargement s.
        implementation: Implementation of reading at points; empty if the operator does not do so.
    """

    operator: nn.Module
    inputs: tuple[Tensor, ...]
    planar: Tensor
    scale: int
    implementation: str

    def upsample(self) -> Float[Tensor, "b c H W"]:
        """Call the operator once."""
        return self.operator(*self.inputs)

    def bilinear(self) -> Float[Tensor, "b c H W"]:
        """Compute the baseline: PyTorch's bilinear interpolation of the same map as NCHW."""
        return F.interpolate(
            self.planar, scale_factor=float(self.scale), mode="bilinear", align_corners=False
        )

    def differentiable(self) -> tuple[Tensor, ...]:
        """Require gradients of the inputs; return everything that has a gradient, inputs first."""
        self.planar.requires_grad_()
        return (*(x.requires_grad_() for x in self.inputs), *self.operator.parameters())


def reads_at_points(operator: str) -> bool:
    """Return whether an operator has a choice of implementations."""
    return operator_spec(operator).family == "points"


def prepare(case: BenchCase) -> Prepared:
    """Build the operator of a case and its inputs, the same every time.

    Raises:
        ValueError: There is no such operator, it does not define these channels or this scale, or the
            implementation cannot read such maps.
    """
    spec, sides = operator_spec(case.operator), (case.height, case.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        operator = build(case.operator, case.channels, scale=case.scale).eval()
        x = torch.randn(case.batch, case.channels, *sides)
        guide = torch.randn(case.batch, case.channels, *(case.scale * side for side in sides))
    dtype, form = getattr(torch, case.dtype), _FORMATS[case.layout]
    operator = operator.to(case.device, dtype).to(memory_format=form)
    if case.compiled:
        operator.compile(dynamic=False)
    inputs = tuple(each.to(case.device, dtype, memory_format=form) for each in spec.inputs(x, guide))
    return Prepared(
        operator=operator,
        inputs=inputs,
        planar=inputs[0].clone(memory_format=torch.contiguous_format),
        scale=case.scale,
        implementation=_chosen(case, inputs[0]) if reads_at_points(case.operator) else "",
    )


def _chosen(case: BenchCase, x: Tensor) -> str:
    """Return the name of the implementation that will read a map."""
    points = torch.empty(1, 1, 2, 1, 1, dtype=coordinate_dtype(x.dtype), device=x.device)
    return choose(x, points, case.implementation)


@contextmanager
def conditions(case: BenchCase) -> Generator[None, None, None]:
    """Set the threads and the implementation of a case within a context."""
    threads, wish = torch.get_num_threads(), os.environ.get(VARIABLE)
    torch.set_num_threads(case.threads)
    os.environ[VARIABLE] = case.implementation
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ.pop(VARIABLE)
        os.environ.update({} if wish is None else {VARIABLE: wish})


# --- Requests ---


@dataclass(frozen=True, slots=True)
class MapSize:
    """Size of a map.

    Attributes:
        channels: Number of channels.
        height: Rows.
        width: Columns.
        batch: Number of maps.
    """

    channels: int
    height: int
    width: int
    batch: int = 1

    @classmethod
    def parse(cls, text: str) -> "MapSize":
        """Read channels x rows x columns, such as ``256x120x120``, with the batch before if it is not 1.

        Raises:
            ArgumentTypeError: It is not three or four positive integers.
        """
        parts = text.lower().split("x")
        if len(parts) not in (3, 4) or not all(part.isdecimal() and int(part) for part in parts):
            raise argparse.ArgumentTypeError(
                "a size must be channels x rows x columns, such as 256x120x120, or batch x channels x rows x "
                f"columns, got {text!r}"
            )
        *batch, channels, height, width = map(int, parts)
        return cls(channels, height, width, *batch)

    def __str__(self) -> str:
        batch = f"{self.batch}x" if self.batch > 1 else ""
        return f"{batch}{self.channels}x{self.height}x{self.width}"


PAPER_SIZE = MapSize(256, 120, 120)  # Figures 1 and 8; the guide is 256x240x240


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """A request to the benchmark: every combination of its choices.

    Attributes:
        operators: Names in `OPERATORS`.
        sizes: Sizes of the maps.
        layouts: Memory layouts.
        implementations: Implementations of operators that read at points.
        compiled: Whether to measure every operator through `torch.compile` as well.
        scale: Enlargement s.
        dtypes: Data types of maps and weights.
        device: Name of the device.
        threads: CPU threads.
    """

    operators: Sequence[str] = field(default_factory=lambda: tuple(OPERATORS))
    sizes: Sequence[MapSize] = (PAPER_SIZE,)
    layouts: Sequence[Layout] = get_args(Layout)[:1]
    implementations: Sequence[Implementation] = ("auto",)
    compiled: bool = False
    scale: int = 2
    dtypes: Sequence[DTypeName] = get_args(DTypeName)[:1]
    device: str = "cpu"
    threads: int = 1

    def cases(self) -> list[BenchCase]:
        """Return the cases size by size and type by type, in the order of `OPERATORS`.

        Bilinear interpolation is always there, in both layouts.

        The baseline, PyTorch's bilinear interpolation of NCHW maps, is far slower on the CPU than that of
        channels-last maps; readers of a ratio should see both.
        """
        return [
            case
            for size in dict.fromkeys(self.sizes)
            for dtype in dict.fromkeys(self.dtypes)
            for case in self._of_size(size, dtype)
        ]

    def _of_size(self, size: MapSize, dtype: DTypeName) -> list[BenchCase]:
        return [
            self._case(size, dtype, name, layout, implementation, compiled)
            for name in OPERATORS
            if name in self.operators or name == "bilinear"
            for layout in (get_args(Layout) if name == "bilinear" else dict.fromkeys(self.layouts))
            for implementation in (
                dict.fromkeys(self.implementations) if reads_at_points(name) else ("auto",)
            )
            for compiled in ((False, True) if self.compiled else (False,))
        ]

    def _case(
        self,
        size: MapSize,
        dtype: DTypeName,
        name: str,
        layout: Layout,
        implementation: Implementation,
        compiled: bool,
    ) -> BenchCase:
        return BenchCase(
            operator=name,
            channels=size.channels,
            height=size.height,
            width=size.width,
            batch=size.batch,
            scale=self.scale,
            dtype=dtype,
            layout=layout,
            device=self.device,
            threads=self.threads,
            implementation=implementation,
            compiled=compiled,
        )

    def command(self, *, rounds: int, backward: bool, memory: bool) -> str:
        """Return the command line that repeats the measurement, with every option that changes a figure."""
        chosen = [name for name in OPERATORS if name in self.operators]
        words = ["python", "-m", "dysample", "bench"]
        words += ["--upsampler", *chosen] if len(chosen) < len(OPERATORS) else []
        words += ["--size", *map(str, dict.fromkeys(self.sizes))]
        words += ["--layout", *dict.fromkeys(self.layouts)]
        words += ["--implementation", *dict.fromkeys(self.implementations)]
        words += ["--dtype", *dict.fromkeys(self.dtypes)]
        for name in ("scale", "threads", "device"):
            words += [f"--{name}", str(getattr(self, name))]
        words += ["--rounds", str(rounds)]
        flags = {"--compiled": self.compiled, "--backward": backward, "--no-memory": not memory}
        return shlex.join([*words, *(flag for flag, is_set in flags.items() if is_set)])
