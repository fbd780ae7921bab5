"""What the benchmark runs: one operator on seeded maps of one size, type and layout."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.analysis.bench.timing import Clock
from dysample.geometry import coordinate_dtype
from dysample.kernels.choice import VARIABLE, Implementation, choose
from dysample.ops.dysample import DySample
from dysample.ops.registry import build, operator_spec

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
        batch: How many maps there are.
        scale: Enlargement s.
        dtype: Of the maps and the weights.
        layout: Of the maps and the weights in memory.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: CPU threads that PyTorch may use.
        implementation: What reads at points, for operators that do; ``"auto"`` for the fastest that can.
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
        """The clock that says most: busy time, which other processes disturb least, unless several
        threads share the work."""
        return "wall" if self.device == "cpu" and self.threads > 1 else "busy"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An untrained operator in eval mode and what it is called with.

    Attributes:
        operator: The operator.
        inputs: The low-res map, then the guide if the operator looks at one.
        planar: The same map as NCHW, for the interpolation that all are compared with.
        scale: Enlargement s.
        implementation: What reads at points; empty if the operator does not.
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
        """What that call is compared with: PyTorch's bilinear interpolation of the same map, as NCHW."""
        return F.interpolate(
            self.planar, scale_factor=float(self.scale), mode="bilinear", align_corners=False
        )

    def differentiable(self) -> tuple[Tensor, ...]:
        """Ask for gradients of the inputs; gives everything that has one, inputs first."""
        self.planar.requires_grad_()
        return (*(x.requires_grad_() for x in self.inputs), *self.operator.parameters())


def reads_at_points(operator: str) -> bool:
    """Whether there is a choice of implementations for an operator."""
    return operator_spec(operator).factory is DySample


def prepare(case: BenchCase) -> Prepared:
    """Build the operator of a case and its inputs, the same ones every time.

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
    """What will read a map."""
    points = torch.empty(1, 1, 2, 1, 1, dtype=coordinate_dtype(x.dtype), device=x.device)
    return choose(x, points, case.implementation)


@contextmanager
def conditions(case: BenchCase) -> Generator[None, None, None]:
    """Let PyTorch use the threads, and maps be read by the implementation, of a case for a while."""
    threads, wish = torch.get_num_threads(), os.environ.get(VARIABLE)
    torch.set_num_threads(case.threads)
    os.environ[VARIABLE] = case.implementation
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.environ.pop(VARIABLE)
        os.environ.update({} if wish is None else {VARIABLE: wish})
