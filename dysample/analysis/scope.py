"""The dynamic scope in numbers (Sec. 3.2, Eq. 5): how far each point was allowed to move.

A scope is what the raw offset is multiplied by, in low-res pixels, one value for x and one for y.
"""

from dataclasses import dataclass

from torch import Tensor

from dysample.analysis.histogram import Histogram, check_bins, histogram
from dysample.analysis.offsets import check_one_image
from dysample.types import SamplingRecord


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """The scopes of one group, or of all groups together; x and y are counted alike.

    Attributes:
        minimum: Smallest scope.
        mean: Mean scope.
        maximum: Largest scope.
        histogram: From 0 to the operator's limit.
    """

    minimum: float
    mean: float
    maximum: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class ScopeStatistics:
    """The scopes of one upsampling step.

    Attributes:
        limit: What no scope can exceed.
        overall: All groups together.
        groups: Each group.
    """

    limit: float
    overall: ScopeSummary
    groups: tuple[ScopeSummary, ...]


def scope_statistics(record: SamplingRecord, *, limit: float, bins: int = 50) -> ScopeStatistics:
    """Describe the dynamic scope of one image.

    Args:
        record: What an operator planned for one image.
        limit: What the operator's scope cannot exceed: `2 * operator.scope_factor`.
        bins: Number of bins of each histogram.

    Raises:
        ValueError: The record holds several images, its scope is static, a scope is not between 0
            and the limit, or `bins` is less than one.
    """
    check_bins(bins)
    check_one_image(record)
    if not isinstance(record.scope, Tensor):
        raise ValueError(f"the scope is static, {record.scope} everywhere: there is nothing to describe")
    scope = record.scope.detach()
    # In the scope's own dtype, in which it was multiplied by the limit.
    if not ((scope >= 0) & (scope <= scope.new_tensor(limit))).all():
        least, most = float(scope.min()), float(scope.max())
        raise ValueError(f"scopes must be between 0 and limit={limit}, got {least:.4g} to {most:.4g}")
    groups = tuple(_summary(scope[:, k], limit, bins) for k in range(scope.shape[1]))
    return ScopeStatistics(limit=limit, overall=_summary(scope, limit, bins), groups=groups)


def _summary(scope: Tensor, limit: float, bins: int) -> ScopeSummary:
    return ScopeSummary(
        minimum=float(scope.min()),
        mean=float(scope.double().mean()),
        maximum=float(scope.max()),
        histogram=histogram(scope, bins, 0.0, limit),
    )
