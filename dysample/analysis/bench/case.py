"""What the benchmark runs: one operator on seeded maps of one size, type and layout."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.registry import build, operator_spec

DTypeName = Literal["float32", "bfloat16", "float16"]
Layout = Literal["nchw", "channels_last"]
SEED = 0


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One operator on one kind of map.

    Attributes:
        operator: Its name in `OPERATORS`.
        channels: Channels of the map, and of the high-res guide.
        height: Rows of the map.
        width: Columns of the map.
        scale: Enlargement s.
        dtype: Of the maps and the weights.
        layout: Of the maps and the weights in memory.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        threads: CPU threads that PyTorch may use.
    """

    operator: str
    channels: int
    height: int
    width: int
    scale: int = 2
    dtype: DTypeName = "float32"
    layout: Layout = "nchw"
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """An untrained operator in eval mode and what it is called with.

    Attributes:
        operator: The operator.
        inputs: The low-res map, then the guide if the operator looks at one.
        scale: Enlargement s.
    """

    operator: nn.Module
    inputs: tuple[Tensor, ...]
    scale: int

    def upsample(self) -> Float[Tensor, "b c H W"]:
        """Call the operator once."""
        return self.operator(*self.inputs)

    def bilinear(self) -> Float[Tensor, "b c H W"]:
        """What that call is compared with: PyTorch's bilinear interpolation of the same map."""
        x = self.inputs[0]
        return F.interpolate(x, scale_factor=float(self.scale), mode="bilinear", align_corners=False)

    def differentiable(self) -> tuple[Tensor, ...]:
        """Ask for gradients of the inputs; gives everything that has one, inputs first."""
        return (*(x.requires_grad_() for x in self.inputs), *self.operator.parameters())


def prepare(case: BenchCase) -> Prepared:
    """Build the operator of a case and its inputs, the same ones every time.

    Raises:
        ValueError: There is no such operator, or it does not define these channels or this scale.
    """
    spec = operator_spec(case.operator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        operator = build(case.operator, case.channels, scale=case.scale).eval()
        x = torch.randn(1, case.channels, case.height, case.width)
        guide = torch.randn(1, case.channels, case.scale * case.height, case.scale * case.width)
    dtype: torch.dtype = getattr(torch, case.dtype)
    layout = torch.channels_last if case.layout == "channels_last" else torch.contiguous_format
    operator = operator.to(case.device, dtype).to(memory_format=layout)
    inputs = tuple(each.to(case.device, dtype, memory_format=layout) for each in spec.inputs(x, guide))
    return Prepared(operator, inputs, case.scale)


@contextmanager
def threads(count: int) -> Generator[None, None, None]:
    """Let PyTorch use so many CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
