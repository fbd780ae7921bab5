"""Comparisons of hand-made depth maps: numbers, shades, files."""

import io
import json
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from app.records import Comparison
from app.settings import CompareSettings
from app.theme import FARTHER, LEVELS, NEARER, depth_colours, signed_colours
from app.views.compare import archive, depth_panes, numbers
from app.views.compare import sheet as export
from app.views.compare.compute import close_up
from dysample.models.annotations import Depth
from tests.views.compare.made import HEIGHT, WIDTH, decoded, made_comparison

SCORES = {"delta1": 0.75, "abs_rel": 0.125, "rms": 0.5}
BLOCK = (slice(20, 28), slice(140, 150))


@pytest.fixture
def comparison() -> Comparison:
    """Bilinear is right; nearest is half a metre too far in a block of 8 x 10 pixels.

    Depths grow from 1 m at the left to 4.975 m at the right in steps of 25 mm; one pixel is unknown.
    """
    truth = np.broadcast_to(1 + np.arange(WIDTH) / 40, (HEIGHT, WIDTH)).astype(np.float32).copy()
    right = truth.copy()
    truth[0, 0] = 0
    wrong = right.copy()
    wrong[BLOCK] += 0.5
    return made_comparison("depth", (), Depth(truth), right=Depth(right), wrong=Depth(wrong), scores=SCORES)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_the_table_holds_the_numbers_of_the_block(comparison: Comparison) -> None:
    columns = numbers.columns(comparison)
    known = HEIGHT * WIDTH - 1
    block = comparison.picture.truth.metres[BLOCK]
    assert columns["Mean change (cm)"] == [pytest.approx(50 * 80 / (HEIGHT * WIDTH), rel=1e-5), None]
    assert columns["Largest change (cm)"] == [pytest.approx(50, rel=1e-5), None]
    # Half a metre is less than a quarter of any depth of the block, which begins at 4.5 m.
    assert columns["δ1 here (%)"] == [100, 100]
    assert columns["AbsRel here (%)"] == [pytest.approx(100 * (0.5 / block).sum() / known, rel=1e-4), 0]
    assert columns["RMS here (m)"] == [pytest.approx((0.25 * 80 / known) ** 0.5, rel=1e-5), 0]
    assert columns["δ1 on test (%)"] == [75, 75]
    assert columns["AbsRel on test (%)"] == [12.5, 12.5]
    assert columns["RMS on test (m)"] == [0.5, 0.5]


def test_without_truth_there_are_no_errors_and_no_scores_of_the_picture(comparison: Comparison) -> None:
    blind = replace(comparison, picture=replace(comparison.picture, truth=None))
    assert not [title for title in numbers.columns(blind) if "here" in title]
    assert [layer.title for layer in depth_panes.panes(blind, "answers")] == ["Nearest", "Bilinear"]


def test_the_close_up_holds_the_block_and_keeps_the_colours(comparison: Comparison) -> None:
    part, window = close_up(comparison), comparison.window
    assert (window.x <= 140, window.x + window.size >= 150) == (True, True)
    assert (window.y <= 20, window.y + window.size >= 28) == (True, True)
    difference = part.compared[0].difference
    assert difference is not None
    assert numbers.columns(part)["Mean change (cm)"][0] == pytest.approx(50 * 80 / window.size**2, rel=1e-5)
    assert part.ranges == comparison.ranges
    whole, cut = (depth_panes.panes(shown, "answers")[1].png for shown in (comparison, part))
    np.testing.assert_array_equal(decoded(whole)[window.slices], decoded(cut))


def test_all_panes_share_a_range_that_holds_nearly_all_depths(comparison: Comparison) -> None:
    """The range is the 1st to 99th percentile of 1 + 0 ... 159 / 40 metres, rounded outwards."""
    ranges = comparison.ranges
    assert ranges is not None
    assert ranges.near == pytest.approx(1.0)
    assert ranges.far == pytest.approx(5.0)
    nearest, _, truth = (decoded(layer.png) for layer in depth_panes.panes(comparison, "answers"))
    for column in (0, 40, 100, 159):
        level = round((column / 40) / 4 * (LEVELS - 1))
        assert tuple(nearest[60, column, :3]) == rgb(depth_colours()[level])
        assert tuple(truth[60, column, :3]) == rgb(depth_colours()[level])
    assert truth[0, 0, 3] == 0  # its depth is unknown
    assert (nearest[..., 3] == 255).all()


def test_near_is_bright_and_lightness_falls_all_the_way() -> None:
    colours = np.float32([[rgb(colour) for colour in depth_colours()]]) / 255
    lightness = cv2.cvtColor(colours, cv2.COLOR_RGB2Lab)[0, :, 0]
    assert (np.diff(lightness) < 0.5).all()
    assert lightness[0] - lightness[-1] > 70


def test_signed_colours_are_even_steps_that_meet_in_the_middle() -> None:
    colours = signed_colours()
    assert (colours[0], colours[-1]) == (NEARER.lower(), FARTHER.lower())
    lab = cv2.cvtColor(np.float32([[rgb(colour) for colour in colours]]) / 255, cv2.COLOR_RGB2Lab)[0]
    middle = lab[LEVELS // 2]
    assert abs(middle[1:]).max() < 1
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    for half in (steps[: LEVELS // 2], steps[LEVELS // 2 :]):
        assert half == pytest.approx(half.mean(), abs=0.8)  # colours have eight bits


@pytest.mark.parametrize("show", ["changes", "errors"])
def test_changes_and_errors_mark_the_block_as_farther(comparison: Comparison, show: str) -> None:
    nearest, bilinear = depth_panes.panes(comparison, show)  # pyright: ignore[reportArgumentType]
    pixels, middle = decoded(nearest.png), rgb(signed_colours()[LEVELS // 2])
    marked = (pixels[..., :3] != middle).any(-1) & (pixels[..., 3] > 0)
    assert marked.sum() == 80
    assert marked[BLOCK].all()
    red, _, blue = pixels[24, 145, :3].astype(int)
    assert blue > red
    assert (decoded(bilinear.png)[1:, :, :3] == middle).all()


def test_a_reading_is_the_depth_of_the_pixel(comparison: Comparison) -> None:
    legend = depth_panes.legend(comparison, "answers")
    assert legend.bar is not None
    assert legend.bar.ends == ("near", "far")
    assert [text for _, text in legend.bar.ticks] == ["≤ 1", "2", "3", "4", "≥ 5"]
    by_colour = {rgb(entry.colour): entry.name for entry in legend.entries}
    pixels = decoded(depth_panes.panes(comparison, "answers")[1].png)
    for column in (30, 77, 120):
        reading = float(by_colour[tuple(pixels[60, column, :3])].removesuffix(" m"))
        assert reading == pytest.approx(1 + column / 40, abs=4 / (LEVELS - 1))


def test_the_bar_of_changes_is_even_about_zero(comparison: Comparison) -> None:
    bar = depth_panes.legend(comparison, "changes").bar
    assert bar is not None
    assert [text for _, text in bar.ticks] == ["≤ −0.5", "−0.25", "0", "+0.25", "≥ +0.5"]
    assert bar.ends == ("nearer", "farther")


def test_the_archive_holds_millimetres_and_metres(comparison: Comparison) -> None:
    with zipfile.ZipFile(io.BytesIO(archive.depth_maps(comparison))) as files:
        for name, depths in (
            ("nearest", comparison.compared[0].answer.annotation.metres),
            ("bilinear", comparison.compared[1].answer.annotation.metres),
            ("truth", comparison.picture.truth.metres),
        ):
            metres = np.load(io.BytesIO(files.read(f"{name}.npy")))
            assert metres.dtype == np.float32
            np.testing.assert_array_equal(metres, depths)
            with Image.open(io.BytesIO(files.read(f"{name}.png"))) as picture:
                assert picture.mode.startswith("I")
                np.testing.assert_allclose(np.asarray(picture), 1000 * metres, atol=0.5 + 1e-3)
        assert "millimetres" in files.read("units.txt").decode()


def test_the_record_and_the_sheet_can_be_downloaded(comparison: Comparison) -> None:
    settings = CompareSettings("t", ("nearest", "bilinear"), 160)
    record = json.loads(numbers.as_json(comparison, settings, "made.png"))
    assert record["ranges"]["far"] == pytest.approx(5.0)
    assert record["upsamplers"]["nearest"]["score_here"]["delta1"] == 1
    assert record["upsamplers"]["nearest"]["difference"]["largest"] == pytest.approx(0.5, rel=1e-5)
    with Image.open(io.BytesIO(export.printed(comparison, "answers", opacity=1.0, title="made"))) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    for colour in (depth_colours()[0], depth_colours()[LEVELS // 2]):
        assert (pixels == np.array(rgb(colour))).all(-1).any()
