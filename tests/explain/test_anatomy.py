"""The stages of DySample are its own tensors, in the order of computation."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dysample.explain.anatomy import (
    Anatomy,
    AnatomyStage,
    dissect,
    example,
    group_maps,
    place,
    stage_names,
    stages,
    trace,
)
from dysample.ops.dysample import DySample, Style
from dysample.ops.registry import build

FAMILY = ("dysample", "dysample+", "dysample-s", "dysample-s+")
STYLES: tuple[Style, ...] = ("lp", "pl")


def made(name: str, channels: int = 32, scale: int = 2) -> DySample:
    """Return an operator with weights large enough to move points."""
    torch.manual_seed(0)
    op = build(name, channels, scale=scale)
    assert isinstance(op, DySample)
    for parameter in op.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return op


def batch(channels: int, height: int, width: int, count: int = 1) -> Tensor:
    return torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(1))


def named(found: tuple[AnatomyStage, ...]) -> dict[str, Tensor]:
    return {stage.name: stage.values for stage in found}


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize(
    ("height", "width", "scale", "count"), [(1, 1, 2, 1), (5, 3, 2, 2), (4, 4, 4, 1), (7, 12, 2, 1)]
)
def test_the_last_stages_are_the_operators_own(
    name: str, height: int, width: int, scale: int, count: int
) -> None:
    op, x = made(name, scale=scale), batch(32, height, width, count)
    found = stages(op, x)
    values = named(found)
    assert torch.equal(found[-1].values, op(x))
    points = values["grid"].unflatten(1, (2, op.groups)).transpose(1, 2)
    assert torch.equal(points, op.plan(x).points)
    assert tuple(values) == stage_names(style=op.style, dynamic=op.scope is not None)
    assert not any(stage.values.requires_grad for stage in found)


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("scale", [2, 4])
def test_every_stage_follows_from_those_before_it(name: str, scale: int) -> None:
    """Compute the stages from the equations, with einsum and reshapes instead of the operator's layers."""
    op, x = made(name, scale=scale), batch(32, 3, 5)
    values = named(stages(op, x))
    weight, bias = op.offset.weight[:, :, 0, 0].detach(), op.offset.bias.detach()
    seen = F.pixel_shuffle(x, scale) if op.style == "pl" else x
    raw = torch.einsum("oc,bchw->bohw", weight, seen) + bias[:, None, None]
    torch.testing.assert_close(values["linear"], raw, atol=1e-5, rtol=1e-5)
    factor: Tensor | float = 0.25
    if op.scope is not None:
        logits = torch.einsum("oc,bchw->bohw", op.scope.weight[:, :, 0, 0].detach(), seen)
        factor = 0.5 / (1 + torch.exp(-logits))
        torch.testing.assert_close(values["factor"], factor, atol=1e-5, rtol=1e-5)
    offset = factor * raw
    torch.testing.assert_close(values["scope"], offset, atol=1e-5, rtol=1e-5)
    if op.style == "lp":
        offset = F.pixel_shuffle(offset, scale)
        torch.testing.assert_close(values["shuffle"], offset, atol=1e-5, rtol=1e-5)
    else:
        assert torch.equal(values["shuffle"], seen)
    y, x_axis = np.mgrid[: 3 * scale, : 5 * scale]
    start = torch.from_numpy((np.stack([x_axis, y]) + 0.5) / scale).float()
    expected = offset.unflatten(1, (2, op.groups)) + start[:, None]
    torch.testing.assert_close(values["grid"], expected.flatten(1, 2), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("style", STYLES)
def test_shapes_are_those_of_figure_6(style: Style) -> None:
    op = DySample(16, groups=2, style=style, dynamic_scope=True)
    shapes = {name: tuple(values.shape[1:]) for name, values in named(stages(op, batch(16, 3, 5))).items()}
    low, high = (16, 3, 5), (4, 6, 10)
    offsets = (4, 6, 10) if style == "pl" else low
    assert shapes == {
        "input": (16, 3, 5),
        "linear": offsets,
        "factor": offsets,
        "scope": offsets,
        "shuffle": high,
        "grid": (4, 6, 10),
        "sample": (16, 6, 10),
    }


@pytest.mark.parametrize("name", FAMILY)
def test_a_groups_maps_are_in_the_documented_order(name: str) -> None:
    op = made(name)
    anatomy = dissect(op, batch(32, 3, 5))
    offset = op.plan(batch(32, 3, 5)).offset[0]
    groups = op.groups
    for group in range(groups):
        maps = group_maps(anatomy.stage("scope"), groups=groups, group=group)
        for axis, row, column in itertools.product(range(2), range(6), range(10)):
            sub = row % 2 * 2 + column % 2 if op.style == "lp" else 0
            here = (row // 2, column // 2) if op.style == "lp" else (row, column)
            assert maps[axis, sub][here] == offset[group, axis, row, column]
    features = group_maps(anatomy.stage("sample"), groups=groups, group=1)
    per_group = 32 // groups
    assert torch.equal(features[0], anatomy.stages[-1].values[0, per_group : 2 * per_group])


def anatomies() -> list[Anatomy]:
    examples = [dissect(*example(style, dynamic=dynamic)) for style in STYLES for dynamic in (False, True)]
    return [
        *examples,
        dissect(made("dysample-s+"), batch(32, 3, 5)),
        dissect(made("dysample"), batch(32, 3, 5)),
    ]


@pytest.mark.parametrize("anatomy", anatomies())
def test_a_trace_is_arithmetic_that_comes_out(anatomy: Anatomy) -> None:
    output = anatomy.op(anatomy.stage("input").values)
    height, width = output.shape[2:]
    for at, channel in [((0, 0), 0), ((3, 4), 2), ((height - 1, width - 1), output.shape[1] - 1)]:
        found = trace(anatomy, at=at, channel=channel)
        raw = [
            bias + float(np.dot(weights, found.linear.inputs))
            for weights, bias in zip(found.linear.weights, found.linear.bias, strict=True)
        ]
        assert raw == pytest.approx(found.raw, abs=1e-5)
        if found.factor is not None:
            logits = [float(np.dot(weights, found.factor.inputs)) for weights in found.factor.weights]
            assert [0.5 / (1 + np.exp(-each)) for each in logits] == pytest.approx(found.scope, abs=1e-5)
        assert np.multiply(found.raw, found.scope) == pytest.approx(found.offset, abs=1e-5)
        assert found.initial == ((at[1] + 0.5) / 2, (at[0] + 0.5) / 2)
        assert np.add(found.initial, found.offset) == pytest.approx(found.point, abs=1e-5)
        assert sum(tap.weight for tap in found.taps) == pytest.approx(1, abs=1e-5)
        assert sum(tap.weight * tap.value for tap in found.taps) == pytest.approx(found.value, abs=1e-5)
        assert found.value == output[0, channel, at[0], at[1]].item()
        plain = F.interpolate(anatomy.stage("input").values, scale_factor=2, mode="bilinear")
        assert found.before == pytest.approx(plain[0, channel, at[0], at[1]].item(), abs=1e-5)


@pytest.mark.parametrize("style", STYLES)
def test_the_examples_static_numbers_have_two_decimals(style: Style) -> None:
    op, x = example(style, dynamic=False)
    assert x.shape == (1, 4, 4, 4)
    for stage in stages(op, x)[:-1]:
        hundredths = 100 * stage.values.double()
        torch.testing.assert_close(hundredths, hundredths.round(), atol=1e-4, rtol=0)
    assert 0.2 < float(named(stages(op, x))["scope"].abs().max()) < 0.5


def test_the_examples_offsets_sharpen_the_edge() -> None:
    """As the page says, values near the border of the object move away from one half."""
    op, x = example("lp", dynamic=False)
    plain = F.interpolate(x, scale_factor=2, mode="bilinear")[0, 0]
    between = (plain > 0.3) & (plain < 0.7)
    assert between.sum() > 5
    change = (op(x)[0, 0] - 0.5).abs() - (plain - 0.5).abs()
    assert change[between].mean() > 0.1


def test_places() -> None:
    lp, pl = (dissect(*example(style, dynamic=False)) for style in STYLES)
    assert place(lp, "linear", (3, 4)) == (2, 1, 2)
    assert place(lp, "grid", (3, 4)) == (0, 3, 4)
    assert place(pl, "input", (3, 4)) == (2, 1, 2)
    assert place(pl, "linear", (3, 4)) == (0, 3, 4)


@pytest.mark.unhooked
def test_what_cannot_be_dissected_is_refused() -> None:
    op, x = example("lp", dynamic=False)
    anatomy = dissect(op, x)
    with pytest.raises(ValueError, match="got a batch of 2"):
        dissect(op, x.expand(2, -1, -1, -1))
    with pytest.raises(ValueError, match="channels=4, got 3"):
        stages(op, x[:, :3])
    with pytest.raises(
        ValueError, match="stages are input, linear, scope, shuffle, grid, sample, got 'factor'"
    ):
        anatomy.stage("factor")
    with pytest.raises(ValueError, match="group must be from 0 to 0, got 1"):
        group_maps(anatomy.stage("scope"), groups=1, group=1)
    with pytest.raises(ValueError, match="channel must be from 0 to 3, got 4"):
        trace(anatomy, at=(0, 0), channel=4)
    with pytest.raises(ValueError, match=r"of the 8 x 8 output, got \(8, 0\)"):
        trace(anatomy, at=(8, 0), channel=0)
