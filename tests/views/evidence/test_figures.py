"""Figures, tables and sentences of the Evidence page, against numbers counted independently."""

import itertools

import numpy as np
import pytest

from app.views.evidence.forest import (
    ClassGains,
    class_gains,
    class_map,
    forest,
    forest_data,
    outside,
    reach,
    scale_of,
)
from app.views.evidence.gains import COLOURS, gains, noise
from app.views.evidence.scatter import label_positions
from app.views.evidence.words import verdict
from dysample.ops.registry import OPERATORS
from dysample.scores.evidence import Evidence
from dysample.scores.specs import score_spec
from tests.views.evidence.made import STREET, depth, gain, segmentation

MIOU, RMS = score_spec("miou"), score_spec("rms")


@pytest.fixture(scope="module")
def street() -> Evidence:
    return segmentation(STREET, (0, 1, 2))


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_marks_can_be_seen_on_white_and_on_black():
    for colour in COLOURS.values():
        light = luminance(colour)
        assert min(1.05 / (light + 0.05), (light + 0.05) / 0.05) >= 3, colour


def test_families_are_what_the_operators_are():
    assert {name for name, spec in OPERATORS.items() if spec.family == "points"} == {
        "dysample", "dysample+", "dysample-s", "dysample-s+"
    }  # fmt: skip
    assert [OPERATORS[name].family for name in ("nearest", "deconv", "carafe", "sapa", "indexnet")] == [
        "fixed", "convolution", "kernel", "guided", "guided"
    ]  # fmt: skip


def test_gains_are_percent_best_first(street: Evidence):
    found = gains(street, "miou", "heads")
    assert [each.mean for each in found] == sorted((each.mean for each in found), reverse=True)
    top = found[0]
    row = next(row for row in street.rows if row.upsampler == top.upsampler)
    assert top.mean == pytest.approx(100 * np.mean(row.scores[0].spread.values))
    assert top.deviation == pytest.approx(100 * np.std(row.scores[0].spread.values, ddof=1))
    least = gains(depth(), "rms", "heads")
    assert least[0].upsampler == "dysample+"  # the least error is the best


def test_the_forest_draws_differences_intervals_zero_and_bands(street: Evidence):
    found = gains(street, "miou", "heads")
    half = noise(street, "miou", "heads")
    figure = forest(found, MIOU, "Bilinear", noise=half, paper_noise=0.5)
    data = forest_data(found)
    assert "bilinear" not in data["upsampler"]
    centres = {label: x for trace in figure.data for label, x in zip(trace.y, trace.x, strict=True)}
    highs = {
        label: x + array
        for trace in figure.data
        for label, x, array in zip(trace.y, trace.x, trace.error_x.array, strict=True)
    }
    for name, value, high in zip(data["upsampler"], data["difference"], data["high"], strict=True):
        assert centres[OPERATORS[name].label] == pytest.approx(value)
        assert highs[OPERATORS[name].label] == pytest.approx(high)
    heads = [row.scores[0].spread.values for row in street.rows if row.trained == "heads"]
    assert half == pytest.approx(100 * np.median([np.std(values, ddof=1) for values in heads]))
    assert half is not None
    places = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert places == [(0, 0), (-half, half), (-0.5, -0.5), (0.5, 0.5)]
    low, high = figure.layout.xaxis.range
    assert low < data["low"].min()
    assert high > data["high"].max()


def test_without_a_second_seed_there_is_no_band(street: Evidence):
    found = gains(street, "miou", "end-to-end")
    assert noise(street, "miou", "end-to-end") is None
    figure = forest(found, MIOU, "Bilinear", noise=None, paper_noise=None)
    assert len(figure.layout.shapes) == 1
    assert "one seed" in verdict(found, MIOU, "Bilinear", None)


def test_the_verdict_sorts_by_interval_and_by_what_is_better():
    rows = [gain("carafe", 2, 1, 3), gain("deconv", -2, -3, -1), gain("sapa", 0.1, -1, 1)]
    told = verdict(rows, MIOU, "Bilinear", 0.2)
    assert "Better than Bilinear, with an interval that excludes zero: CARAFE." in told
    assert "Significantly worse: Deconvolution." in told
    assert "contains zero: SAPA-B." in told
    assert "Within seed-to-seed noise: SAPA-B." in told
    assert "excludes zero: Deconvolution." in verdict(rows, RMS, "Bilinear", None)


def test_classes_that_never_occur_are_left_out(street: Evidence):
    found = class_gains(street, "miou", "heads")
    assert found.classes == ("wall", "floor", "lamp")
    rows = {row.upsampler: row.scores[0].per_class for row in street.rows if row.trained == "heads"}
    column = found.labels.index("CARAFE")
    ours, theirs = (np.array(rows[name][:3], np.float64) for name in ("carafe", "bilinear"))
    assert found.values[:, column] == pytest.approx(100 * (ours - theirs))
    trace = class_map(found, MIOU).data[0]
    assert trace.zmin == -trace.zmax
    assert class_gains(depth(), "rms", "heads") is None


def test_a_row_far_out_is_written_at_the_end_of_the_axis():
    near = [gain(name, 1 + k, k, 2 + k) for k, name in enumerate(("carafe", "sapa", "dysample"))]
    assert outside(near, 0.2, 0.5) == ()
    far = gain("deconv", -40, -44, -36)
    figure = forest([*near, far], MIOU, "Bilinear", noise=0.2, paper_noise=0.5)
    assert outside([*near, far], 0.2, 0.5) == (far,)
    low, high = figure.layout.xaxis.range
    assert -40 < low < 0
    assert high > 4
    (told,) = figure.layout.annotations
    assert (told.x, told.y) == (low, "Deconvolution")
    assert "−40.00" in told.text
    bars = {label: trace.error_x.array[k] for trace in figure.data for k, label in enumerate(trace.y)}
    assert bars == {"CARAFE": 1, "SAPA-B": 1, "DySample": 1, "Deconvolution": 0}  # no bar under the number


@pytest.mark.parametrize(
    ("values", "expected"), [([], 0), ([1, -2, 3], 3), ([1, -1, 1, 90], 4), ([0, 0, 0, 5], 5), ([2, 9], 9)]
)
def test_reach(values: list[float], expected: float):
    assert reach(values) == expected


def test_the_scale_of_classes_is_not_that_of_a_failing_upsampler():
    values = np.array([[1.0, -0.5, 0.8, 30.0], [-2.0, 1.5, 0.2, -25.0], [0.3, 0.9, -1.0, 40.0]])
    found = ClassGains(("wall", "floor", "lamp"), ("A", "B", "C", "D"), values)
    assert scale_of(found) == pytest.approx((1.5 + 2.0) / 2)  # the median of 2, 1.5, 1 and 40
    trace = class_map(found, MIOU).data[0]
    assert (trace.zmin, trace.zmax) == (-1.75, 1.75)


def test_names_beside_marks_do_not_overprint():
    """Five marks in a cluster, as those of DySample and FADE are, and two that set the scale."""
    places = [(0.0, 0.0), (1.0, 1.0), (0.50, 0.50), (0.52, 0.56), (0.60, 0.49), (0.46, 0.60), (0.60, 0.60)]
    names = ["Deconvolution", "CARAFE", "FADE", "DySample", "DySample+", "DySample-S", "DySample-S+"]
    sides = label_positions(places, names)
    boxes = []
    for (x, y), name, side in zip(places, names, sides, strict=True):
        half = 3.5 * len(name)
        across = {"right": 1, "left": -1}.get(side.split()[1], 0) * (half + 8)
        up = {"top": 1, "bottom": -1}.get(side.split()[0], 0) * 15
        boxes.append((360 * x + across - half, 260 * y + up - 7, 360 * x + across + half, 260 * y + up + 7))
    for one, other in itertools.combinations(boxes, 2):
        assert not (one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3])
