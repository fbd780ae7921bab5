"""The One point page's figures, words and equations, against hand-made numbers."""

import numpy as np
import pytest

from app.views.point import words
from app.views.point.figures import (
    Pane,
    PointScene,
    colour,
    footprints,
    ink,
    shade,
    weights_in,
    window_figure,
    written,
)
from dysample.explain.footprint import Move, Reading
from dysample.explain.offsets import Arrows, CellWindow
from dysample.explain.one_point import OnePoint

WINDOW = CellWindow(row=2, column=3, rows=5, columns=5)
MOVE = Move(
    (4.25, 4.25), (0.5, -0.25), (0.25, 0.5), True, (4.75, 4.0), (4.75, 4.0), (0.375, 0.125, 0.375, 0.125)
)
POINT_READING = Reading((8, 8), 5, 1, (3, 3, 4, 4), (4, 5, 4, 5), (0.375, 0.125, 0.375, 0.125), MOVE)
KERNEL_READING = Reading((8, 8), 5, 0, (4, 4, 5), (4, 5, 4), (0.5, 0.25, 0.001), None)
POINT = OnePoint(
    POINT_READING, (1.0, 2.0, -3.0, 4.0), 0.5, 0.0, 1e-8, (1.0, 2.0, 3.0, 4.0), (4.0, 3.0, 2.0, 1.0)
)
KERNEL = OnePoint(KERNEL_READING, (1.0, 2.0, 100.0), 0.5, 1.1, 1.1, (1.0, 2.0, 3.0), (3.0, 2.0, 1.0))


def cell_arrows() -> tuple[Arrows, ...]:
    """Return two groups of the cell at row 4, column 4; only the first point of the second group moves."""
    starts = np.array([[4.25, 4.25], [4.75, 4.25], [4.25, 4.75], [4.75, 4.75]], np.float32)
    ends = starts.copy()
    ends[0] += (0.5, -0.25)
    pixels = np.array([[8, 8], [8, 9], [9, 8], [9, 9]])
    return Arrows(starts, starts, pixels), Arrows(starts, ends, pixels)


def scene(point: OnePoint = POINT) -> PointScene:
    values = np.arange(25, dtype=np.float32).reshape(5, 5)
    arrows = cell_arrows() if point.reading.move else ()
    return PointScene(WINDOW, (4, 4), values, "length of the feature vector", arrows, point)


def test_the_window_has_values_arrows_and_weights_where_they_belong() -> None:
    figure = window_figure(scene())
    beneath = figure.data[0]
    assert (beneath.x[0], beneath.y[0], beneath.z[1][2]) == (3.5, 2.5, 7.0)
    assert list(figure.layout.xaxis.range) == [3, 8]
    assert list(figure.layout.yaxis.range) == [7, 2]
    named = {trace.name: trace for trace in figure.data if trace.showlegend is not False and trace.name}
    assert set(named) == {"Other groups", "Group 2, other points", "Chosen point"}
    chosen = named["Chosen point"]
    assert (list(chosen.x[:2]), list(chosen.y[:2])) == ([4.25, 4.75], [4.25, 4.0])
    assert chosen.marker.symbol[:2] == ("circle", "arrow")
    assert len(named["Group 2, other points"].x) == 3 * 3
    assert "arrow" not in named["Other groups"].marker.symbol
    labels = {(label.x, label.y): label.text for label in figure.layout.annotations}
    # In the corners of their pixels that are farthest from the point read, (4.75, 4.0).
    assert labels == {
        (4.03, 3.03): "0.375",
        (5.97, 3.03): "0.125",
        (4.03, 4.97): "0.375",
        (5.97, 4.97): "0.125",
    }


def test_a_kernel_has_weights_and_no_arrows() -> None:
    figure = window_figure(scene(KERNEL))
    assert {label.text for label in figure.layout.annotations} == {"0.500", "0.250", "0.001"}
    assert not [trace for trace in figure.data if trace.name]


def test_the_photograph_covers_the_window() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    figure = window_figure(PointScene(WINDOW, (4, 4), photo, "the picture", cell_arrows(), POINT))
    image = figure.data[0]
    side = 5 / 40
    assert (image.dx, image.dy) == (side, side)
    assert (image.x0 - side / 2, image.y0 - side / 2) == (3, 2)


def panes() -> list[Pane]:
    kernels = [Pane(name, "untrained: random start", "near an average", KERNEL_READING) for name in "BCD"]
    return [Pane("A", "trained", "", POINT_READING), *kernels]


def test_footprints_share_one_image_and_one_scale() -> None:
    figure = footprints(panes(), WINDOW, cell=(4, 4))
    image = figure.data[0]
    assert (image.zmin, image.zmax) == (0, 1)
    z = np.array(image.z, float)
    expected = np.zeros((5, 5))
    expected[1:3, 1:3] = np.sqrt([[0.375, 0.125], [0.375, 0.125]])
    np.testing.assert_allclose(z[:5, :5], expected)
    assert np.isnan(z[:5, 5]).all()  # the gap
    second = z[:5, 6:11]
    assert second[2, 1] == pytest.approx(np.sqrt(0.5))
    np.testing.assert_allclose(z[-5:, :5], second)  # the fourth begins the next row
    assert image.hovertext[2][7] == "B<br>row 4, column 4: 0.5000"


def test_footprints_show_status_sum_and_numbers() -> None:
    figure = footprints(panes(), WINDOW, cell=(4, 4))
    numbers, titles = (trace for trace in figure.data[1:] if trace.mode == "text")
    assert list(numbers.text[:6]) == [".38", ".12", ".38", ".12", ".50", ".25"]  # a thousandth is not written
    assert len(numbers.text) == 4 + 3 * 2
    assert "trained<br>Σ 1.000" in titles.text[0]
    assert "Σ 0.751, near an average" in titles.text[1]
    (dots,) = (trace for trace in figure.data[1:] if trace.mode == "markers")
    assert (list(dots.x), list(dots.y)) == ([4.75 - 3], [4.0 - 2])


def test_weights_outside_a_kernel_are_zero() -> None:
    weights = weights_in(KERNEL_READING, WINDOW)
    assert weights.sum() == pytest.approx(KERNEL_READING.total)
    assert weights[3, 1] == 0.001


@pytest.mark.parametrize(("weight", "text"), [(1.0, "1.00"), (0.04, ".04"), (0.996, "1.00"), (1.2, "1.20")])
def test_weights_in_two_decimals(weight: float, text: str) -> None:
    assert written(weight) == text


def test_ink_reads_on_its_colour() -> None:
    assert shade(np.array([0.0, 0.25, 1.0, 4.0])).tolist() == [0, 0.5, 1, 1]
    for weight in np.linspace(0, 1, 21):
        channels = np.array([float(part) for part in colour(weight)[4:-1].split(",")]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        luminance = float(linear @ (0.2126, 0.7152, 0.0722))
        other = 1.0 if ink(weight) == "#FFFFFF" else 0.0
        low, high = sorted((luminance, other))
        assert (high + 0.05) / (low + 0.05) > 4.4


def test_equations_hold_the_numbers() -> None:
    move = words.move_latex(MOVE)
    for part in (r"(0.25,\, 0.5) \odot (2,\, -0.5)", r"(4.25,\, 4.25) + (0.5,\, -0.25)", r"(4.75,\, 4)"):
        assert part in move
    weights = words.weights_latex(MOVE)
    assert "a &= 0.25" in weights
    assert "b = 0.5" in weights
    total = words.sum_latex(POINT)
    assert r"x'_{5}" in total
    assert r"0.375 \cdot (-3)" in total


def test_a_large_kernels_sum_names_its_largest_terms() -> None:
    kernel = Reading((0, 0), 0, 0, (0,) * 6, (0,) * 6, (0.01, 0.3, 0.02, 0.2, 0.4, 0.07), None)
    point = OnePoint(kernel, (5.0, 1.0, 10.0, 1.0, 1.0, 1.0), 0.0, 1.22, 1.22, (0.0,) * 6, (0.0,) * 6)
    total = words.sum_latex(point)
    assert r"&= 0.4 \cdot 1\\&+ 0.3 \cdot 1\\&+ 0.2 \cdot 1\\&+ 0.07 \cdot 1" in total
    assert r"&+ 0.25 \quad \text{(2 smaller weights)}\\&= 1.22" in total


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.12345, "0.1235"), (-4e-8, r"-4\cdot10^{-8}"), (12.0, "12")]
)
def test_numbers_in_equations(value: float, text: str) -> None:
    assert words.number(value) == text


def test_captions_and_words_for_screen_readers() -> None:
    caption = words.window_caption(scene())
    assert "reads at (4.750, 4.000)" in caption
    assert "0.000 (dark) to 24.000 (light)" in caption
    assert "beyond" not in caption
    assert "sum to 0.7510" in words.window_caption(scene(KERNEL))
    alt = words.window_alt(scene())
    assert "8 arrows in the cell at row 4, column 4" in alt
    assert "row 3 column 4 0.375" in alt
    assert "Here kernels reach over the map's border" in words.footprints_caption(panes())
    assert "B, untrained: random start near an average: 3 pixels, largest weight 0.500, sum 0.751" in (
        words.footprints_alt(panes())
    )


@pytest.mark.parametrize(
    ("name", "trained", "status", "start"),
    [
        ("bilinear", True, "nothing to learn", ""),
        ("bilinear", False, "nothing to learn", ""),
        ("dysample", True, "trained", ""),
        ("dysample", False, "untrained: random start", "near bilinear"),
        ("carafe", True, "trained", ""),
        ("carafe", False, "untrained: random start", "near an average"),
        ("fade", False, "untrained: random start", "random kernel"),
        ("indexnet", False, "untrained: random start", "random gain"),
    ],
)
def test_status_and_start_of_operators(name: str, trained: bool, status: str, start: str) -> None:
    assert (words.status(name, trained=trained), words.start(name, trained=trained)) == (status, start)


def test_tables_and_the_check() -> None:
    pixels = words.pixels_table(POINT)
    assert pixels["Row, column"] == ["3, 4", "3, 5", "4, 4", "4, 5"]
    assert pixels["w · x"] == ["0.3750", "0.2500", "-1.1250", "0.5000"]
    points = words.points_table([POINT] * 4, ("a", "b", "c", "d"))
    assert points["Offset (x, y)"][0] == "(+0.500, -0.250)"
    assert points["w ↗"] == ["0.125"] * 4
    assert "agrees to" in words.check(POINT)
    wrong = OnePoint(KERNEL_READING, (1.0, 2.0, 3.0), 0.5, 1.1, 1.2, (0.0,) * 3, (0.0,) * 3)
    assert "does **not** agree" in words.check(wrong)


def test_data_for_download() -> None:
    data = words.window_data(scene())
    assert data["weights"] @ data["values"] == pytest.approx(0.0)
    assert data["sampled"].shape == (2, 4, 2)
    assert "sampled" not in words.window_data(scene(KERNEL))
    assert words.footprints_data(panes(), WINDOW)["A"][1, 1] == 0.375
