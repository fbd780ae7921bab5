"""A map of 4 x 4 pixels and 4 channels, and operators for it whose numbers one can follow by hand.

Map and weights are multiples of 0.2 and biases of 0.04, so that with the static scope of a quarter all
offsets and points are multiples of 0.01: two decimals show them exactly.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dysample.ops.dysample import DySample, Style

# An object at the lower right; on which side of its border a pixel lies, along x and along y; a texture.
_MAP = (
    ((0.0, 0.0, 0.6, 1.0), (0.0, 0.2, 1.0, 0.8), (0.2, 0.8, 1.0, 1.0), (0.8, 1.0, 0.8, 1.0)),
    ((-0.2, -0.8, 0.6, 0.2), (-0.4, -0.8, 0.8, 0.2), (-0.8, 0.6, 0.4, 0.0), (0.6, 0.2, 0.0, 0.0)),
    ((0.0, -0.4, 0.2, 0.4), (-0.4, -0.6, 0.6, 0.2), (-0.8, 0.4, 0.4, 0.0), (0.8, 0.4, 0.0, -0.2)),
    ((0.4, 0.6, 0.2, 0.4), (0.6, 0.4, 0.4, 0.2), (0.2, 0.4, 0.6, 0.4), (0.4, 0.2, 0.4, 0.6)),
)
# One row for each offset, (axis, sub-row, sub-column), one number for each channel.
_LP_OFFSET = (
    (0.0, 0.8, 0.0, -0.4), (0.0, 1.0, 0.2, 0.2), (0.2, 0.8, 0.0, -0.2), (0.0, 1.2, 0.0, 0.4),
    (0.0, 0.0, 0.8, -0.2), (0.2, 0.0, 1.0, -0.4), (0.0, 0.2, 1.0, 0.2), (0.0, 0.0, 0.8, 0.4),
)  # fmt: skip
_LP_SCOPE = (
    (1.0, 0.0, 0.0, -2.0), (1.0, 0.0, 0.0, -1.0), (2.0, 0.0, 0.0, -2.0), (1.0, 1.0, 0.0, -2.0),
    (1.0, 0.0, 0.0, -2.0), (2.0, 0.0, 0.0, -2.0), (1.0, 0.0, 1.0, -2.0), (1.0, 0.0, 0.0, -1.0),
)  # fmt: skip
_LP_BIAS = (0.0, 0.08, -0.04, 0.0, 0.04, 0.0, 0.0, -0.08)
# After the shuffle there is one channel left, and one offset for each axis.
_PL_OFFSET = ((1.2,), (-0.8,))
_PL_SCOPE = ((2.0,), (-2.0,))
_PL_BIAS = (-0.28, 0.2)


def example(style: Style, *, dynamic: bool) -> tuple[DySample, Float[Tensor, "1 4 4 4"]]:
    """An operator of one group and scale 2 with weights chosen by hand, and the map to apply it to.

    Args:
        style: "lp" or "pl".
        dynamic: Whether the scope is dynamic.
    """
    op = DySample(4, groups=1, style=style, dynamic_scope=dynamic)
    offset, scope, bias = (
        (_PL_OFFSET, _PL_SCOPE, _PL_BIAS) if style == "pl" else (_LP_OFFSET, _LP_SCOPE, _LP_BIAS)
    )
    with torch.no_grad():
        _fill(op.offset, offset)
        if op.offset.bias is not None:
            op.offset.bias.copy_(torch.tensor(bias))
        if op.scope is not None:
            _fill(op.scope, scope)
    return op.eval().requires_grad_(False), torch.tensor(_MAP)[None]


def _fill(linear: nn.Conv2d, weights: tuple[tuple[float, ...], ...]) -> None:
    linear.weight.copy_(torch.tensor(weights)[:, :, None, None])
