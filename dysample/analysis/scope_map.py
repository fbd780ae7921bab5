"""The dynamic scope as a picture: one value for every output point (Sec. 3.2, Eq. 5).

A scope is what the raw offset is multiplied by, in low-res pixels, one value for x and one for y.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from dysample.analysis.histogram import Histogram, histogram
from dysample.analysis.offsets import as_array
from dysample.analysis.scope import scope_statistics
from dysample.types import SamplingRecord

Axis = Literal["x", "y"]
AXES: tuple[Axis, ...] = get_args(Axis)


@dataclass(frozen=True, slots=True)
class ScopeMap:
    """The scopes that were chosen, for every output point.

    Attributes:
        limit: What no scope can exceed.
        values: Mean of a point's chosen scopes; with one group and one axis, the scope itself.
        minimum: Smallest single scope.
        mean: Mean scope.
        maximum: Largest single scope.
        histogram: Of the single scopes, from 0 to the limit.
    """

    limit: float
    values: Float32[np.ndarray, "H W"]
    minimum: float
    mean: float
    maximum: float
    histogram: Histogram


def scope_map(
    record: SamplingRecord,
    *,
    limit: float,
    group: int | None = None,
    axis: Axis | None = None,
    bins: int = 50,
) -> ScopeMap:
    """Choose scopes of one image, and lay them out as a map.

    Args:
        record: What an operator planned for one image.
        limit: What the operator's scope cannot exceed: `2 * operator.scope_factor`.
        group: Index of a group; None averages over all.
        axis: Direction; None averages over both.
        bins: Number of bins of the histogram.

    Raises:
        ValueError: There is no such group or axis, or `scope_statistics` refuses the record.
    """
    groups = len(scope_statistics(record, limit=limit, bins=bins).groups)
    if group is not None and not 0 <= group < groups:
        raise ValueError(f"group must be from 0 to {groups - 1}, got {group}")
    if axis is not None and axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    chosen = torch.as_tensor(record.scope).detach()[0].double()
    chosen = chosen if group is None else chosen[group : group + 1]
    chosen = chosen if axis is None else chosen[:, [AXES.index(axis)]]
    return _mapped(chosen, limit, bins)


def _mapped(chosen: Tensor, limit: float, bins: int) -> ScopeMap:
    return ScopeMap(
        limit=limit,
        values=as_array(chosen.mean(dim=(0, 1))),
        minimum=float(chosen.min()),
        mean=float(chosen.mean()),
        maximum=float(chosen.max()),
        histogram=histogram(chosen, bins, 0.0, limit),
    )
