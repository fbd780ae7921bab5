"""The frozen records that operators and hosts return and explanations read.

Positions and offsets are (x, y) in low-res pixels, pixel centres at one half. Small letters are
input sizes, capitals output sizes.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from jaxtyping import Float
from torch import Tensor

Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """Where an upsampler decided to read its input (Sec. 3.1, Eqs. 2-5).

    Attributes:
        initial: Positions of the sampling points before any offset, shared by all groups.
        offset: Displacement of every point, scope included.
        scope: Factor that multiplied the raw offset: one number when it is static; a map of values
            between 0 and twice the operator's `scope` when it is dynamic.
    """

    initial: Float[Tensor, "1 1 2 H W"]
    offset: Float[Tensor, "b g 2 H W"]
    scope: float | Float[Tensor, "b g 2 H W"]

    @property
    def points(self) -> Float[Tensor, "b g 2 H W"]:
        """Final sampling positions, Eq. 3: initial grid plus offset."""
        return self.initial + self.offset


@dataclass(frozen=True, slots=True)
class KernelRecord:
    """How an upsampler decided to weigh the neighbourhood of every output pixel.

    Output pixel (p, q) lies in the low-res pixel (p // scale, q // scale), the centre of its
    neighbourhood. Neighbours outside the map count as zero.

    Attributes:
        weights: `weights[b, i, j, p, q]` multiplies the low-res pixel i - k // 2 rows below the
            centre and j - k // 2 columns to its right; the same for all channels.
        scale: Enlargement s.
    """

    weights: Float[Tensor, "b k k H W"]
    scale: int


@dataclass(frozen=True, slots=True)
class Step:
    """One upsampling step inside a host, with its inputs and output.

    Attributes:
        name: Key of the operator in the host, for example ``"c4_1"``; `host.operator(name)` returns it.
        input: The low-res map that was enlarged.
        guide: The high-res map that guided operators look at.
        output: The enlarged map.
    """

    name: str
    input: Float[Tensor, "b c h w"]
    guide: Float[Tensor, "b g H W"]
    output: Float[Tensor, "b c H W"]


@dataclass(frozen=True, slots=True)
class Prediction(Generic[Output]):
    """A host's output together with all its upsampling steps.

    Attributes:
        output: Values for every pixel, (b, k, H, W), or a record of the objects in the pictures.
        steps: The steps, in the order of computation.
    """

    output: Output
    steps: tuple[Step, ...]
