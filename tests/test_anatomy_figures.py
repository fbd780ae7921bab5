"""The Anatomy page's figures and formulas hold the numbers of the stages."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from app.figures.anatomy import Mark, Shades, heatmaps
from app.figures.anatomy_arrows import arrow_map, photograph, window_frame
from app.figures.anatomy_block import Block
from app.figures.anatomy_blocks import blocks
from app.figures.anatomy_words import STAGES, formula, lead, section, shape
from app.widgets.anatomy_prose import sections
from app.widgets.anatomy_tour import TOUR
from dysample.analysis.anatomy import Anatomy, StageName, dissect, stage_names
from dysample.analysis.anatomy_example import example
from dysample.analysis.anatomy_trace import Tap, Trace, trace
from dysample.analysis.arrows import CellWindow, arrows
from dysample.ops.dysample import DySample, Style

VARIANTS = [("lp", False), ("lp", True), ("pl", False), ("pl", True)]
AT = (3, 4)


def made(style: Style, dynamic: bool) -> Anatomy:
    return dissect(*example(style, dynamic=dynamic))


def larger(style: Style) -> Anatomy:
    """Two groups, sixteen channels, a map too large for numbers."""
    torch.manual_seed(0)
    op = DySample(16, groups=2, style=style, dynamic_scope=True)
    torch.nn.init.normal_(op.offset.weight, std=0.3)
    return dissect(op, torch.randn(1, 16, 12, 15))


def followed(anatomy: Anatomy, channel: int = 0) -> Trace:
    return trace(anatomy, at=AT, channel=channel)


def named(anatomy: Anatomy, name: StageName, photo: np.ndarray | None = None) -> tuple[Block, Block]:
    return blocks(anatomy, name, followed(anatomy), photo)


def heat(figure: go.Figure) -> list[np.ndarray]:
    return [np.asarray(each.z) for each in figure.data if each.type == "heatmap"]


def frame(figure: go.Figure, index: int = -1) -> tuple[float, float, float, float, str]:
    line = [each for each in figure.data if each.type == "scatter" and each.mode == "lines"][index]
    return min(line.x), max(line.x), min(line.y), max(line.y), line.xaxis


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_every_stage_of_the_example_shows_all_its_numbers(style: Style, dynamic: bool) -> None:
    anatomy = made(style, dynamic)
    for name in stage_names(style=style, dynamic=dynamic):
        values = anatomy.stage(name).values[0].numpy()
        first, second = named(anatomy, name)
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
    anatomy = made(style, dynamic)
    for name in stage_names(style=style, dynamic=dynamic):
        low = name == "input" or (style == "lp" and name in ("linear", "factor", "scope"))
        figure = named(anatomy, name)[0 if low else 1].figure
        row, column = (AT[0] // 2, AT[1] // 2) if low else AT
        expected = (column - 0.5, column + 0.5, row - 0.5, row + 0.5)
        assert frame(figure)[:4] == expected, name
        panel = {"input": "x3" if style == "pl" else "x"}.get(name, "x3" if low else "x")
        assert frame(figure)[4] == panel, name


@pytest.mark.parametrize("style", ["lp", "pl"])
def test_large_maps_have_a_colour_bar_instead_of_numbers(style: Style) -> None:
    anatomy = larger(style)
    photo = np.zeros((96, 120, 3), np.uint8)
    for stage in anatomy.stages:
        for block in named(anatomy, stage.name, photo):
            for each in block.figure.data:
                assert each.type in ("heatmap", "scatter", "image")
                assert each.type != "heatmap" or each.texttemplate in (None, "%{text}")
            assert "nan" not in block.caption + block.alt
            assert block.data
    offset, _ = named(anatomy, "shuffle" if style == "lp" else "scope")
    assert offset.figure.layout.coloraxis.showscale
    assert offset.figure.layout.coloraxis.cmin == -offset.figure.layout.coloraxis.cmax
    assert "of group 1 of 2" in offset.caption


def test_the_group_is_that_of_the_channel() -> None:
    anatomy = larger("lp")
    block = blocks(anatomy, "linear", followed(anatomy, channel=9), None)[1]
    np.testing.assert_array_equal(heat(block.figure), anatomy.stage("linear").values[0, 12:16].numpy())
    assert block.figure.layout.annotations[0].text == "channel 12 → (0, 0)"
    assert "group 2 of 2" in block.caption


def test_points_go_where_the_operator_reads() -> None:
    anatomy = made("lp", dynamic=False)
    figure = named(anatomy, "sample")[0].figure
    moved = figure.data[-1]
    points = anatomy.op.plan(anatomy.stages[0].values).points[0, 0].flatten(1).numpy()
    np.testing.assert_allclose([moved.x, moved.y], points, atol=1e-6)
    orange = [each for each in figure.data if each.name == "sampling points"][-1]
    assert (orange.x[0], orange.y[0]) == pytest.approx((2.43, 1.96), abs=1e-6)
    assert tuple(figure.data[0].text[1]) == ("0.00", "0.20", "1.00", "0.80")


def test_in_a_large_window_only_the_pixels_that_are_read_have_numbers() -> None:
    anatomy = larger("lp")
    window = CellWindow(row=2, column=3, rows=6, columns=6)
    moved = arrows(anatomy.record, height=12, width=15, group=0, window=window)
    x = anatomy.stages[0].values[0, 0].numpy()
    taps = (Tap(4, 5, 0.25, float(x[4, 5])), Tap(4, 6, 0.75, float(x[4, 6])))
    figure = arrow_map(x, moved, Shades.of_features(x), window=window, at=(8, 10), taps=taps)
    text = np.array(figure.data[0].text)
    assert {tuple(place) for place in np.argwhere(text != "")} == {(2, 2), (2, 3)}
    assert float(text[2, 3].replace("−", "-")) == pytest.approx(x[4, 6], abs=0.0051)
    np.testing.assert_array_equal(figure.data[0].z, x[2:8, 3:9])


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


def evaluated(latex: str) -> list[tuple[float, float]]:
    """The left and right sides of the equations of a formula."""
    plain = latex.replace(r"\mathrm{sigmoid}(", "sigmoid(").replace(r"\cdot", "*")
    plain = re.sub(r"\\mathbf\{([-0-9.]+)\}", r"\1", plain)
    plain = re.sub(r"\\\\|\\;|\\,|\\quad|&|\\begin\{aligned\}|\\end\{aligned\}", " ", plain)
    names = {"sigmoid": lambda value: 1 / (1 + np.exp(-value)), "__builtins__": {}}
    sides = [line.split("=") for line in re.split(r"\b[xy]:", plain)[1:]]
    return [(eval(left.replace("0.5 s", "0.5 * s"), names), float(right)) for left, right in sides]


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
@pytest.mark.parametrize("name", ["linear", "factor", "scope", "grid"])
@pytest.mark.parametrize("at", [(3, 4), (0, 0), (7, 2)])
def test_written_arithmetic_comes_out(
    style: Style, dynamic: bool, name: StageName, at: tuple[int, int]
) -> None:
    anatomy = made(style, dynamic)
    if name not in stage_names(style=style, dynamic=dynamic):
        return
    exact = 0.006 if dynamic or name == "factor" else 1e-9  # static, no number of the example is rounded
    for found, written in evaluated(formula(anatomy, name, trace(anatomy, at=at, channel=0))):
        assert found == pytest.approx(written, abs=exact + 0.004 * dynamic)


def test_written_readings_come_out() -> None:
    anatomy = made("lp", dynamic=False)
    latex = formula(anatomy, "sample", followed(anatomy))
    products = re.findall(r"([0-9.]+) \\cdot \(?([-0-9.]+)\)?", latex)
    value = sum(float(weight) * float(feature) for weight, feature in products)
    assert rf"\mathbf{{{value:.2f}}}" in latex
    assert "bilinear: 0.84" in latex


def test_long_sums_are_not_written_out() -> None:
    anatomy = larger("lp")
    assert r"\sum_{k=0}^{15}" in formula(anatomy, "linear", followed(anatomy))
    assert r"\mathcal{X}[0, 1, 2]" in formula(anatomy, "input", followed(anatomy))


def test_shuffles_name_the_channels() -> None:
    lp, pl = made("lp", dynamic=False), made("pl", dynamic=False)
    latex = formula(lp, "shuffle", followed(lp))
    assert r"\mathcal{O}[2, 1, 2] \to \mathcal{O}[0, 3, 4] = \mathbf{0.18}" in latex
    assert r"\mathcal{O}[6, 1, 2] \to \mathcal{O}[1, 3, 4] = \mathbf{0.21}" in latex
    latex = formula(pl, "shuffle", followed(pl))
    assert r"\mathcal{X}[2, 1, 2]" in latex
    assert r"[0, 3, 4]\\&= \mathbf{0.60}" in latex


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_every_stage_has_its_words(style: Style, dynamic: bool) -> None:
    anatomy = made(style, dynamic)
    texts = sections("anatomy_stages")
    for stage in anatomy.stages:
        size = " × ".join(str(length) for length in stage.values.shape[1:])
        assert shape(anatomy, stage.name).startswith(f"**{size}**: ")
        text = texts[section(anatomy, stage.name)]
        equation, _, sentences = text.partition("\n\n")
        assert equation.startswith("$$")
        assert 2 <= len(re.findall(r"[.](?:\s|$)", sentences)) <= 3
        assert stage.name in STAGES
        assert lead(stage.name, followed(anatomy))


def test_the_equations_have_the_papers_numbers() -> None:
    texts = sections("anatomy_stages")
    numbers = {name: re.findall(r"\((\d)\)\$\$", text) for name, text in texts.items()}
    linear = {"linear lp": 2, "linear pl": 2, "scope static": 4, "factor": 5, "scope dynamic": 5}
    assert {name: int(found[0]) for name, found in numbers.items() if found} == {
        **linear,
        "grid": 3,
        "sample": 1,
    }


def test_the_tour_tells_what_the_example_shows() -> None:
    texts = list(sections("anatomy_tour").values())
    assert len(texts) == len(TOUR)
    lp, pl = made("lp", dynamic=False), made("pl", dynamic=False)
    assert "row 3, column 4" in texts[0]
    found = followed(lp)
    assert f"given {found.before:.2f}; DySample gives {found.value:.2f}" in texts[5]
    raw = float(lp.stage("linear").values.max())
    assert f"a raw {raw:.2f} still becomes {0.25 * raw:.2f}" in texts[2]
    assert "sub-position (1, 0) of pixel (1, 2) is output pixel (3, 4)" in texts[3]
    weights = [anatomy.op.offset.weight.numel() for anatomy in (pl, lp)]
    assert f"{weights[0]} weights instead of {weights[1]}" in texts[8]
    inside = sum(tap.weight for tap in found.taps if tap.value >= 0.6)
    assert inside > 0.9
    scopes = made("lp", dynamic=True).stage("factor").values[0]
    within = lp.stages[0].values[0, 0] >= 0.6
    assert scopes[:, within].mean() > scopes[:, ~within].mean() + 0.1
    for step in TOUR:
        assert step.on == "picture" or step.stage in stage_names(
            style=step.style, dynamic=step.scope == "dynamic"
        )
