"""The dynamic scope as a map, against slices taken by hand."""

import numpy as np
import pytest
import torch

from dysample.explain.scope import scope_map
from dysample.types import SamplingRecord
from tests.explain.records import random_record


def dynamic(groups: int = 3) -> SamplingRecord:
    made = random_record(4, 5, 2, groups=groups)
    scope = torch.rand(made.offset.shape, generator=torch.Generator().manual_seed(1)) / 2
    return SamplingRecord(initial=made.initial, offset=made.offset, scope=scope)


@pytest.mark.parametrize("group", [None, 0, 2])
@pytest.mark.parametrize("axis", [None, "x", "y"])
def test_the_map_is_the_mean_of_what_was_chosen(group: int | None, axis: str | None) -> None:
    record = dynamic()
    found = scope_map(record, limit=0.5, group=group, axis=axis, bins=10)
    scopes = np.asarray(record.scope)[0]
    groups = range(3) if group is None else [group]
    axes = range(2) if axis is None else ["xy".index(axis)]
    expected = np.mean([scopes[g, a] for g in groups for a in axes], axis=0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    single = np.concatenate([scopes[g, a].ravel() for g in groups for a in axes])
    assert (found.minimum, found.maximum) == (single.min(), single.max())
    assert found.mean == pytest.approx(single.mean())
    inside = [int(((single >= k * 0.05) & (single < (k + 1) * 0.05)).sum()) for k in range(10)]
    assert found.histogram.counts.tolist() == inside


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"group": 3}, "group must be from 0 to 2"),
        ({"group": -1}, "group must be"),
        ({"limit": 0.1}, "scopes must"),
    ],
)
def test_what_is_not_there_is_refused(choice: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scope_map(dynamic(), **{"limit": 0.5, **choice})


def test_a_static_scope_has_no_map() -> None:
    with pytest.raises(ValueError, match="static"):
        scope_map(random_record(2, 2, 2), limit=0.5)
