"""Synthetic edges and random offsets, against hand-computed values and properties of the distributions."""

import math

import numpy as np
import pytest
import torch

from dysample.explain.features import edge_map, edge_pixels
from dysample.explain.offsets import beyond_scope
from dysample.explain.scope import SQUASHES, Disturbance, modulate, random_record


def test_hard_edges_by_hand():
    assert edge_map("vertical", height=2, width=4)[0, 0].tolist() == [[0, 0, 1, 1]] * 2
    assert edge_map("vertical", height=1, width=3)[0, 0].tolist() == [[0, 0.5, 1]]
    assert edge_map("horizontal", height=4, width=1)[0, 0, :, 0].tolist() == [0, 0, 1, 1]
    assert edge_map("diagonal", height=3, width=3)[0, 0].tolist() == [[0.5, 1, 1], [0, 0.5, 1], [0, 0, 0.5]]


def test_soft_edges_by_hand():
    ramp = edge_map("vertical", height=1, width=6, softness=4.0)[0, 0, 0]
    torch.testing.assert_close(ramp, torch.tensor([0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1]))
    diagonal = edge_map("diagonal", height=2, width=2, softness=2.0)[0, 0]
    step = 0.5 / math.sqrt(2)
    torch.testing.assert_close(diagonal, torch.tensor([[0.5, 0.5 + step], [0.5 - step, 0.5]]))


@pytest.mark.parametrize(("softness", "expected"), [(0.0, [4, 5]), (3.0, [3, 4, 5, 6]), (4.0, [3, 4, 5, 6])])
def test_edge_pixels_by_hand(softness: float, expected: list[int]):
    """Of ten columns, the edge includes those beside the step or on the ramp, except for its faint feet."""
    found = edge_pixels(edge_map("vertical", height=3, width=10, softness=softness))
    assert found.shape == (1, 3, 10)
    assert [k for k in range(10) if found[0, :, k].all()] == expected
    assert found.sum() == 3 * len(expected)


def test_edge_pixels_equal_a_slow_loop():
    maps = torch.randn(1, 3, 5, 8, generator=torch.Generator().manual_seed(5))
    x = maps.double().numpy()[0]
    varies = np.zeros((5, 8))
    for row, column in np.ndindex(5, 8):
        patch = x[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        varies[row, column] = np.mean([plane.max() - plane.min() for plane in patch])
    assert (edge_pixels(maps)[0].numpy() == (varies >= 0.4 * varies.max())).all()


def test_modulation_by_hand():
    raw = torch.tensor([0.0, 1.0, -3.0, 0.5]).view(1, 1, 2, 1, 2)
    control = torch.tensor([9.0, 0.0, math.log(3), -math.log(3)]).view(1, 1, 2, 1, 2)
    offset, scope = modulate(raw, scope=0.25, squash="static")
    assert (offset.flatten().tolist(), scope) == ([0, 0.25, -0.75, 0.125], 0.25)
    offset, scope = modulate(raw, scope=0.25, squash="dynamic", control=control)
    torch.testing.assert_close(scope.flatten()[1:], torch.tensor([0.25, 0.375, 0.125]))
    torch.testing.assert_close(offset.flatten(), torch.tensor([0, 0.25, -1.125, 0.0625]))
    offset, scope = modulate(raw, scope=0.25, squash="tanh")
    expected = [0.25 * math.tanh(value) for value in (0, 1, -3, 0.5)]
    torch.testing.assert_close(offset.flatten(), torch.tensor(expected))
    assert scope == 0.25


def test_uniform_offsets_fill_the_reach():
    record = random_record(Disturbance(scope=0.3, strength=2.0), height=40, width=50)
    assert record.offset.shape == (1, 1, 2, 80, 100)
    assert 0.59 < record.offset.abs().max() <= 0.6
    assert record.offset.mean().abs() < 0.01
    assert record.offset.std().item() == pytest.approx(0.6 / math.sqrt(3), rel=0.02)


def test_equal_settings_give_equal_points():
    points = [random_record(Disturbance(seed=seed), height=3, width=4).points for seed in (1, 1, 2)]
    assert torch.equal(points[0], points[1])
    assert not torch.equal(points[0], points[2])


def test_squashes_share_their_raw_offsets():
    static, dynamic, limited = (
        random_record(Disturbance(squash=squash, strength=3.0), height=8, width=8) for squash in SQUASHES
    )
    torch.testing.assert_close(dynamic.offset / dynamic.scope, static.offset / 0.25)
    torch.testing.assert_close(limited.offset, 0.25 * torch.tanh(static.offset / 0.25))
    assert (dynamic.scope > 0).all()
    assert (dynamic.scope < 0.5).all()
    assert dynamic.scope.std() > 0.05


def test_normal_offsets_leave_the_reach_as_often_as_they_should():
    settings = Disturbance(distribution="normal", groups=2)
    record = random_record(settings, height=60, width=60)
    assert record.offset.std().item() == pytest.approx(0.125, rel=0.02)
    inside = math.erf(2 / math.sqrt(2)) ** 2  # both of x and y within two standard deviations
    assert beyond_scope(record).double().mean() == pytest.approx(1 - inside, abs=0.01)


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0}, "scale must be an integer of at least 1, got 0"),
        ({"scope": -1.0}, r"scope must be a finite number of at least 0, got -1\.0"),
        ({"strength": math.nan}, "strength must be a finite number of at least 0, got nan"),
        ({"distribution": "cauchy"}, "distribution must be one of uniform, normal, got 'cauchy'"),
        ({"squash": "clip"}, "squash must be one of static, dynamic, tanh, got 'clip'"),
        ({"initial": "cubic"}, "initial must be 'bilinear' or 'nearest'"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
    ],
)
def test_impossible_disturbances_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        random_record(Disturbance(**options), height=2, width=2)


@pytest.mark.unhooked
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"edge": "round"}, "edge must be one of vertical, horizontal, diagonal, got 'round'"),
        ({"height": 0}, "at least one row and one column, got 0 x 4"),
        ({"softness": -1.0}, "softness must be a finite number of at least 0"),
        ({"softness": math.inf}, "softness must be a finite number of at least 0, got inf"),
    ],
)
def test_impossible_edges_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        edge_map(**({"edge": "vertical", "height": 4, "width": 4} | options))
