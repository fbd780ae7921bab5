"""The effect of displaced points on a map, against F.interpolate, hand counts and slow loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dysample.explain.disorder import Disorder, compare_squashes, disorder
from dysample.explain.features import edge_map, edge_pixels
from dysample.explain.scope import SQUASHES, Disturbance, amplified, modulate, random_record
from dysample.explain.statistics import offset_statistics
from dysample.geometry import initial_positions, sample
from dysample.types import SamplingRecord
from tests.ops import loops as slow


def features(channels: int = 4, height: int = 6, width: int = 7) -> torch.Tensor:
    """Return noise that is strong on the left and faint on the right, so that only a part of it is edges."""
    noise = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(5))
    return noise * torch.where(torch.arange(width) < width // 2, 1, 0.1)


def run(x: torch.Tensor, **options: object) -> Disorder:
    return disorder(x, random_record(Disturbance(**options), height=x.shape[2], width=x.shape[3]))


def test_a_constant_map_has_no_edge():
    found = run(torch.ones(1, 1, 4, 4), strength=2.0)
    assert not found.at_edge.any()
    assert found.edge_error is None
    assert found.other_error == pytest.approx(0, abs=1e-6)
    assert found.reversals.count == 0
    assert found.swaps.count > 0


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("edge", ["vertical", "horizontal", "diagonal"])
def test_without_strength_nothing_happens(scale: int, edge: str):
    x = edge_map(edge, height=6, width=8, softness=2.0)
    found = run(x, scale=scale, strength=0.0)
    expected = F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(found.output, expected.numpy(), atol=1e-6)
    np.testing.assert_array_equal(found.output, found.bilinear)
    assert (found.swaps.count, found.reversals.count, found.beyond_scope) == (0, 0, 0)
    assert (found.edge_error, found.other_error, found.max_error) == (0, 0, 0)


def test_the_nearest_grid_is_compared_with_bilinear():
    x = features()
    found = run(x, strength=0.0, initial="nearest")
    nearest = F.interpolate(x, scale_factor=2.0, mode="nearest")[0].numpy()
    bilinear = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)[0].numpy()
    np.testing.assert_allclose(found.output, nearest, atol=1e-5)
    np.testing.assert_allclose(found.bilinear, bilinear, atol=1e-5)
    assert found.max_error == pytest.approx(np.abs(nearest - bilinear).max(), rel=1e-4)


@pytest.mark.parametrize("squash", SQUASHES)
@pytest.mark.parametrize(("scale", "groups"), [(2, 1), (2, 4), (3, 2)])
def test_features_equal_a_slow_loop(squash: str, scale: int, groups: int):
    x = features()
    found = run(x, squash=squash, scale=scale, groups=groups, strength=2.0, seed=3)
    points = found.record.points.double().numpy()
    output = slow.sample(x.double().numpy(), points)[0]
    np.testing.assert_allclose(found.output, output, atol=1e-5)
    bilinear = F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)[0].numpy()
    error = np.abs(output - bilinear)
    cells = edge_pixels(x)[0].numpy()
    at_edge = np.array([[cells[p // scale, q // scale] for q in range(7 * scale)] for p in range(6 * scale)])
    np.testing.assert_array_equal(found.at_edge, at_edge)
    assert found.edge_error == pytest.approx(error[:, at_edge].mean(), rel=1e-4)
    assert found.other_error == pytest.approx(error[:, ~at_edge].mean(), rel=1e-4)
    assert found.max_error == pytest.approx(error.max(), rel=1e-4)
    check_pair_counts(found, points, output, bilinear)


def check_pair_counts(found: Disorder, points: np.ndarray, output: np.ndarray, bilinear: np.ndarray) -> None:
    """Count pair by pair; where the border makes bilinear values equal, rounding must not order them."""
    (groups, _, rows, columns), channels = points.shape[1:], len(output)
    swaps = reversals = 0
    for p, q in np.ndindex(rows, columns - 1):
        swaps += int((points[0, :, 0, p, q + 1] < points[0, :, 0, p, q]).sum())
        steps = [maps[:, p, q + 1] - maps[:, p, q] for maps in (output, bilinear)]
        seen = (np.abs(steps) > 5e-5).all(axis=0)
        reversals += int(((steps[0] * steps[1] < 0) & seen).sum())
    assert found.swaps.horizontal == swaps
    assert found.swaps.horizontal_pairs == groups * rows * (columns - 1)
    assert found.reversals.horizontal == pytest.approx(reversals, abs=1)
    assert found.reversals.horizontal_pairs == channels * rows * (columns - 1)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0, 4.0])
def test_on_a_slope_values_reverse_where_points_swap(strength: float):
    """A ramp over the whole width rises wherever x does, so the two counts agree inside the map."""
    x = edge_map("vertical", height=12, width=40, softness=200.0)
    moved = random_record(Disturbance(strength=strength), height=12, width=40)
    offset = moved.offset.clone()
    offset[..., :6] = offset[..., -6:] = 0  # beside the border, where points are clamped
    record = SamplingRecord(moved.initial, offset, moved.scope)
    found = disorder(x, record)
    assert found.reversals.horizontal == found.swaps.horizontal
    assert found.reversals.vertical == 0
    assert (found.swaps.horizontal > 0) == (strength > 1)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_no_point_swaps_within_the_marginal_scope(scale: int):
    for squash in ("static", "tanh"):
        found = run(features(), scale=scale, scope=0.999 / (2 * scale), squash=squash)
        assert found.swaps.count == 0
    found = run(features(), scale=scale, scope=2 / scale)
    assert found.swaps.count > 0


def test_only_the_strict_limit_keeps_large_offsets_within_the_scope():
    """Sec. 3.2, Remark: the factor is a soft solution, tanh a strict one that prevents larger shifts."""
    x = edge_map("vertical", height=24, width=24)
    static, dynamic, limited = compare_squashes(x, Disturbance(strength=4.0))
    assert limited.beyond_scope == limited.swaps.count == 0
    assert static.beyond_scope > 0.5
    assert dynamic.beyond_scope > 0.5
    assert static.swaps.count > 0
    assert 0 < (limited.edge_error or 0) < (static.edge_error or 0)
    assert limited.record.offset.abs().max() <= 0.25 < static.record.offset.abs().max()


def test_stronger_offsets_do_more_harm_at_the_edge():
    x = edge_map("diagonal", height=24, width=24)
    found = [run(x, strength=strength) for strength in (0.5, 1.0, 2.0, 4.0)]
    errors = [(entry.edge_error or 0, entry.other_error or 0) for entry in found]
    assert [at_edge for at_edge, _ in errors] == sorted(at_edge for at_edge, _ in errors)
    assert all(at_edge > elsewhere for at_edge, elsewhere in errors)


def test_a_network_s_own_offsets_can_be_amplified():
    record = random_record(Disturbance(strength=0.9), height=5, width=5)
    twice = amplified(record, 2.0)
    torch.testing.assert_close(twice.points - twice.initial, 2 * (record.points - record.initial))
    assert disorder(features(1, 5, 5), record).swaps.count == 0
    assert disorder(features(1, 5, 5), twice).swaps.count > 0


def test_the_record_can_be_described():
    found = run(features(), groups=2, squash="dynamic")
    statistics = offset_statistics(found.record, height=6, width=7)
    assert statistics.overall.swaps == found.swaps
    assert statistics.overall.beyond_scope == found.beyond_scope


def test_trained_and_half_precision_maps_are_welcome():
    x = features().half().requires_grad_()
    initial = initial_positions(6, 7, scale=2, like=x)
    offset = torch.full((1, 1, 2, 12, 14), 0.1, requires_grad=True)
    found = disorder(x, SamplingRecord(initial, offset, 0.25))
    assert found.output.dtype == np.float32
    assert not found.record.offset.requires_grad
    expected = sample(x.detach().float(), initial + 0.1)[0]
    np.testing.assert_allclose(found.output, expected.numpy(), atol=1e-5)


@pytest.mark.unhooked
def test_maps_that_cannot_be_disturbed_are_refused():
    record = random_record(Disturbance(groups=3), height=2, width=2)
    with pytest.raises(ValueError, match="must be that of one image, got a batch of 2"):
        disorder(torch.zeros(2, 3, 2, 2), record)
    with pytest.raises(ValueError, match="4 x 4 points are no whole multiple of a 3 x 2 map"):
        disorder(torch.zeros(1, 3, 3, 2), record)
    with pytest.raises(ValueError, match="channels must be a multiple of groups=3, got 4"):
        disorder(torch.zeros(1, 4, 2, 2), record)
    with pytest.raises(ValueError, match="at least one row and one column, got 0 x 2"):
        random_record(Disturbance(), height=0, width=2)
    with pytest.raises(ValueError, match="the dynamic scope needs a control"):
        modulate(torch.zeros(1, 1, 2, 2, 2), scope=0.25, squash="dynamic")
