"""Fitted points move to where they read the target."""

import pytest
import torch

from dysample.explain.disorder import RATE, fit_points
from dysample.explain.features import edge_map
from dysample.geometry import initial_positions


def edge(scale: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a vertical edge of 3 x 4 pixels, and the same edge `scale` times as large."""
    return edge_map("vertical", height=3, width=4), edge_map("vertical", height=3 * scale, width=4 * scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_points_beside_an_edge_move_to_the_centre_of_their_own_pixel(scale: int) -> None:
    x, target = edge(scale)
    points = fit_points(x, target, scale=scale, steps=200).points[0, 0]
    initial = initial_positions(3, 4, scale=scale, like=x)[0, 0]
    between = (initial[0] > 1.5) & (initial[0] < 2.5)
    dark = initial[0] < 2
    assert points[0][between & dark].sub(1.5).abs().max() < 1e-3
    assert points[0][between & ~dark].sub(2.5).abs().max() < 1e-3
    torch.testing.assert_close(points[0][~between], initial[0][~between])
    torch.testing.assert_close(points[1], initial[1])  # nothing pulls along the edge


def test_the_first_step_is_the_gradient_worked_out_by_hand() -> None:
    """At x = 2.25 between 0 at 1.5 and 1 at 2.5: it reads 0.75 and should read 1; the slope is 1."""
    x, target = edge(2)
    offset = fit_points(x, target, steps=1).offset[0, 0, :, 2, 4]
    torch.testing.assert_close(offset, torch.tensor([-RATE * 2 * (0.75 - 1.0) * 1.0, 0.0]))


def test_without_steps_nothing_moves() -> None:
    x, target = edge(2)
    record = fit_points(x, target, steps=0)
    assert not record.offset.any()
    torch.testing.assert_close(record.points, initial_positions(3, 4, scale=2, like=x))


def test_it_works_where_gradients_are_switched_off() -> None:
    x, target = edge(2)
    with torch.no_grad():
        assert fit_points(x, target, steps=2).offset.any()


@pytest.mark.parametrize(("steps", "rows", "words"), [(-1, 6, "steps must be"), (1, 5, "target must be")])
def test_what_does_not_fit_is_refused(steps: int, rows: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_points(torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, rows, 8), steps=steps)
