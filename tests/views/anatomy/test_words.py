"""Words and formulas of the page "Anatomy": the arithmetic holds, and equations are the paper's."""

import re

import numpy as np
import pytest

from app.shared.texts import sections, split
from app.views.anatomy.tour import TOUR
from app.views.anatomy.words import STAGES, formula, lead, section, shape
from dysample.explain.anatomy import StageName, stage_names, trace
from dysample.ops.dysample import Style
from tests.views.anatomy.made import VARIANTS, example_anatomy, followed, large_anatomy


def evaluated(latex: str) -> list[tuple[float, float]]:
    """Return the evaluated left and right sides of the equations of a formula."""
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
    anatomy = example_anatomy(style, dynamic)
    if name not in stage_names(style=style, dynamic=dynamic):
        return
    # With a static scope no number of the example is rounded.
    exact = 0.006 if dynamic or name == "factor" else 1e-9
    for computed, written in evaluated(formula(anatomy, name, trace(anatomy, at=at, channel=0))):
        assert computed == pytest.approx(written, abs=exact + 0.004 * dynamic)


def test_written_readings_come_out() -> None:
    anatomy = example_anatomy("lp", dynamic=False)
    latex = formula(anatomy, "sample", followed(anatomy))
    products = re.findall(r"([0-9.]+) \\cdot \(?([-0-9.]+)\)?", latex)
    value = sum(float(weight) * float(feature) for weight, feature in products)
    assert rf"\mathbf{{{value:.2f}}}" in latex
    assert r"\text{(bilinear: }0.84\text{)}" in latex


def test_long_sums_are_not_written_out() -> None:
    anatomy = large_anatomy("lp")
    assert r"\sum_{k=0}^{15}" in formula(anatomy, "linear", followed(anatomy))
    assert r"\mathcal{X}[0, 1, 2]" in formula(anatomy, "input", followed(anatomy))


def test_shuffles_name_the_channels() -> None:
    lp, pl = example_anatomy("lp", dynamic=False), example_anatomy("pl", dynamic=False)
    latex = formula(lp, "shuffle", followed(lp))
    assert r"\mathcal{O}[2, 1, 2] \to \mathcal{O}[0, 3, 4] = \mathbf{0.18}" in latex
    assert r"\mathcal{O}[6, 1, 2] \to \mathcal{O}[1, 3, 4] = \mathbf{0.21}" in latex
    latex = formula(pl, "shuffle", followed(pl))
    assert r"\mathcal{X}[2, 1, 2]" in latex
    assert r"[0, 3, 4]\\&= \mathbf{0.60}" in latex


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_every_stage_has_its_words(style: Style, dynamic: bool) -> None:
    anatomy = example_anatomy(style, dynamic)
    texts = split(sections("anatomy")["stages"], "## ")
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
    texts = split(sections("anatomy")["stages"], "## ")
    numbers = {name: re.findall(r"\((\d)\)\$\$", text) for name, text in texts.items()}
    linear = {"linear lp": 2, "linear pl": 2, "scope static": 4, "factor": 5, "scope dynamic": 5}
    assert {name: int(digits[0]) for name, digits in numbers.items() if digits} == {
        **linear,
        "grid": 3,
        "sample": 1,
    }


def test_the_tour_tells_what_the_example_shows() -> None:
    texts = list(split(sections("anatomy")["tour"], "## ").values())
    assert len(texts) == len(TOUR)
    lp, pl = example_anatomy("lp", dynamic=False), example_anatomy("pl", dynamic=False)
    assert "row 3, column 4" in texts[0]
    value = followed(lp)
    assert f"given {value.before:.2f}; DySample gives {value.value:.2f}" in texts[5]
    raw = float(lp.stage("linear").values.max())
    assert f"a raw {raw:.2f} still becomes {0.25 * raw:.2f}" in texts[2]
    assert "sub-position (1, 0) of pixel (1, 2) is output pixel (3, 4)" in texts[3]
    weights = [anatomy.op.offset.weight.numel() for anatomy in (pl, lp)]
    assert f"{weights[0]} weights instead of {weights[1]}" in texts[8]
    inside = sum(tap.weight for tap in value.taps if tap.value >= 0.6)
    assert inside > 0.9
    scopes = example_anatomy("lp", dynamic=True).stage("factor").values[0]
    within = lp.stages[0].values[0, 0] >= 0.6
    assert scopes[:, within].mean() > scopes[:, ~within].mean() + 0.1
    for step in TOUR:
        assert step.on == "picture" or step.stage in stage_names(
            style=step.style, dynamic=step.scope == "dynamic"
        )
