"""Figures of the page "Anatomy": they hold the numbers of the stages."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.views.anatomy.compute import liveliest_edge
from app.views.anatomy.figures import arrow_map, blocks, photograph, window_frame
from app.views.anatomy.heatmaps import Mark, Shades, heatmaps
from dysample.explain.anatomy import Tap, stage_names
from dysample.explain.offsets import CellWindow, arrows, window_around
from dysample.ops.dysample import Style
from tests.views.anatomy.made import (
    AT,
    VARIANTS,
    example_anatomy,
    followed,
    frame,
    heat,
    large_anatomy,
    stage_blocks,
)


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_every_stage_of_the_example_shows_all_its_numbers(style: Style, dynamic: bool) -> None:
    anatomy = example_anatomy(style, dynamic)
    for name in stage_names(style=style, dynamic=dynamic):
        values = anatomy.stage(name).values[0].numpy()
        first, second = stage_blocks(anatomy, name)
        if name == "input":
            np.testing.assert_array_equal(heat(first.figure), values)
        elif name == "shuffle" and style == "pl":
            np.testing.assert_array_equal(heat(first.figure), anatomy.stages[0].values[0].numpy())
            np.testing.assert_array_equal(heat(second.figure), values)
        elif name == "grid":
            written = np.array([[cell.split("<br>") for cell in row] for row in second.figure.data[0].text])
            np.testing.assert_allclose(written.astype(float).transpose(2, 0, 1), values, atol=0.0051)
        elif name == "sample":
            np.testing.assert_array_equal(heat(second.figure)[0], values[0])
        else:
            np.testing.assert_array_equal([*heat(first.figure), *heat(second.figure)], values)
        drawn = second.figure.data[0]
        assert drawn.texttemplate == ("%{text}" if name == "grid" else "%{z:.2f}")
        assert drawn.textfont.size >= 14


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_the_followed_value_is_framed_wherever_it_is(style: Style, dynamic: bool) -> None:
    anatomy = example_anatomy(style, dynamic)
    for name in stage_names(style=style, dynamic=dynamic):
        low = name == "input" or (style == "lp" and name in ("linear", "factor", "scope"))
        figure = stage_blocks(anatomy, name)[0 if low else 1].figure
        row, column = (AT[0] // 2, AT[1] // 2) if low else AT
        expected = (column - 0.5, column + 0.5, row - 0.5, row + 0.5)
        assert frame(figure)[:4] == expected, name
        panel = {"input": "x3" if style == "pl" else "x"}.get(name, "x3" if low else "x")
        assert frame(figure)[4] == panel, name


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_large_maps_have_a_colour_bar_instead_of_numbers(style: Style) -> None:
    anatomy = large_anatomy(style)
    photo = np.zeros((96, 120, 3), np.uint8)
    for stage in anatomy.stages:
        for block in stage_blocks(anatomy, stage.name, photo):
            for part in block.figure.data:
                assert part.type in ("heatmap", "scatter", "image")
                assert part.type != "heatmap" or part.texttemplate in (None, "%{text}")
            assert "nan" not in block.caption + block.alt
            assert block.data
    offset, _ = stage_blocks(anatomy, "shuffle" if style == "lp" else "scope")
    assert offset.figure.layout.coloraxis.showscale
    assert offset.figure.layout.coloraxis.cmin == -offset.figure.layout.coloraxis.cmax
    assert "of group 1 of 2" in offset.caption


def test_the_group_is_that_of_the_channel() -> None:
    anatomy = large_anatomy("lp")
    block = blocks(anatomy, "linear", followed(anatomy, channel=9), None)[1]
    left = block.figure.layout.xaxis.domain
    assert block.figure.layout.annotations[0].x == pytest.approx(sum(left) / 2)
    assert block.figure.layout.annotations[0].xanchor == "center"
    np.testing.assert_array_equal(heat(block.figure), anatomy.stage("linear").values[0, 12:16].numpy())
    assert block.figure.layout.annotations[0].text == "channel 12 → (0, 0)"
    assert "group 2 of 2" in block.caption


def test_points_go_where_the_operator_reads() -> None:
    anatomy = example_anatomy("lp", dynamic=False)
    figure = stage_blocks(anatomy, "sample")[0].figure
    moved = figure.data[-1]
    points = anatomy.op.plan(anatomy.stages[0].values).points[0, 0].flatten(1).numpy()
    np.testing.assert_allclose([moved.x, moved.y], points, atol=1e-6)
    orange = [part for part in figure.data if part.name == "sampling points"][-1]
    assert (orange.x[0], orange.y[0]) == pytest.approx((2.43, 1.96), abs=1e-6)
    assert tuple(figure.data[0].text[1]) == ("0.00", "0.20", "1.00", "0.80")


def test_in_a_large_window_only_the_pixels_that_are_read_have_numbers() -> None:
    anatomy = large_anatomy("lp")
    window = CellWindow(row=2, column=3, rows=6, columns=6)
    moved = arrows(anatomy.record, height=12, width=15, group=0, window=window)
    x = anatomy.stages[0].values[0, 0].numpy()
    taps = (Tap(4, 5, 0.25, float(x[4, 5])), Tap(4, 6, 0.75, float(x[4, 6])))
    figure = arrow_map(x, moved, Shades.of_features(x), window=window, at=(8, 10), taps=taps)
    text = np.array(figure.data[0].text)
    assert {tuple(place) for place in np.argwhere(text != "")} == {(2, 2), (2, 3)}
    assert float(text[2, 3].replace("−", "-")) == pytest.approx(x[4, 6], abs=0.0051)
    np.testing.assert_array_equal(figure.data[0].z, x[2:8, 3:9])


def test_on_a_picture_points_lie_over_the_part_that_they_read() -> None:
    anatomy = large_anatomy("lp")
    photo = np.random.default_rng(0).integers(0, 255, (12 * 8, 15 * 8, 3), np.uint8)
    figure = stage_blocks(anatomy, "sample", photo)[0].figure
    image, window = figure.data[0], window_around(AT[0] // 2, AT[1] // 2, size=6, height=12, width=15)
    assert image.type == "image"
    assert image.dx == pytest.approx(1 / 8)
    assert (image.x0 - image.dx / 2, image.y0 - image.dy / 2) == pytest.approx((window.column, window.row))
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.partition(",")[2]))))
    top, left = 8 * window.row, 8 * window.column
    np.testing.assert_array_equal(shown, photo[top : top + 48, left : left + 48])
    values = [float(note.text) for note in figure.layout.annotations]
    x = anatomy.stages[0].values[0, 0].numpy()
    places = [(int(note.y), int(note.x)) for note in figure.layout.annotations]
    assert values == pytest.approx([x[place] for place in places], abs=0.0051)


def test_starts_and_ends_differ_and_the_legend_says_which_is_which() -> None:
    figure = stage_blocks(example_anatomy("lp", dynamic=False), "grid")[0].figure
    starts, ends = (
        [part for part in figure.data if part.name == name]
        for name in ("initial positions", "sampling points")
    )
    assert all(part.marker.symbol in (None, "circle") for part in starts)
    orange = ends[-1]
    assert orange.marker.symbol == ("arrow",)
    # From (2.25, 1.75) to (2.43, 1.96): to the right and down, 0.18 across and 0.21 down the page.
    assert orange.marker.angle[0] == pytest.approx(180 - np.degrees(np.arctan(0.18 / 0.21)), abs=0.01)
    legend = [part.name for part in figure.data if part.showlegend]
    assert legend == ["start, on the grid", "read here", "followed"]


def test_the_tour_follows_a_far_moving_point_at_an_edge() -> None:
    photo = np.zeros((80, 120, 3), np.uint8)
    photo[:, 60:] = 255
    lengths = np.full((40, 60), 0.5, np.float32)
    lengths[20, 30] = 1.0
    lengths[25, 12] = 9.0  # in a flat area
    lengths[1, 30] = 9.0  # at the border, where the window would be cut
    assert liveliest_edge(photo, lengths) == (20, 30)


def test_the_window_is_framed_in_output_pixels() -> None:
    (_, inner) = window_frame(CellWindow(row=2, column=3, rows=6, columns=5), scale=2)
    assert (inner["x0"], inner["x1"], inner["y0"], inner["y1"]) == (5.5, 15.5, 3.5, 15.5)


def test_the_photograph_lies_on_the_low_res_pixels() -> None:
    figure = photograph(np.zeros((64, 96, 3), np.uint8), cell=(1, 2), columns=6)
    image = figure.data[0]
    assert (image.x0 - image.dx / 2, image.dx * 96) == (0, 6)
    assert frame(figure)[:4] == (2, 3, 1, 2)


def test_a_constant_map_can_be_drawn() -> None:
    zeros = np.zeros((1, 3, 3), np.float32)
    figure = heatmaps(zeros, [""], Shades.around_zero(zeros, "unit"), pixels="pixels", mark=Mark(0, 1, 1))
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-1, 1)
