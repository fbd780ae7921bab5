"""Inputs and options that operators refuse. (Unhooked, since the shape hook would raise first.)"""

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dysample.ops.registry import OPERATORS, build

pytestmark = pytest.mark.unhooked
CHANNELS, HEIGHT, WIDTH = 32, 3, 5
GUIDED = ["indexnet", "a2u", "fade", "sapa"]
LEARNED = [name for name, spec in OPERATORS.items() if spec.family != "fixed"]
every = pytest.mark.parametrize("name", OPERATORS)
guided = pytest.mark.parametrize("name", GUIDED)
learned = pytest.mark.parametrize("name", LEARNED)


def maps(x: tuple[int, ...] = (2, CHANNELS, HEIGHT, WIDTH)) -> Tensor:
    return torch.zeros(x)


def guides(*shape: int) -> Tensor:
    return torch.zeros(shape or (2, CHANNELS, 2 * HEIGHT, 2 * WIDTH))


def assert_refused(op: nn.Module, inputs: tuple[Any, ...], message: str) -> None:
    """Check that the operator, and its `plan` if it has one, raise."""
    for call in (op, getattr(op, "plan", op)):
        with pytest.raises(ValueError, match=message):
            call(*inputs)


def test_the_table_says_who_needs_a_guide():
    assert [name for name, spec in OPERATORS.items() if spec.needs_guide] == GUIDED


@guided
def test_right_inputs_are_accepted(name: str):
    op = build(name, CHANNELS, guide_channels=64).eval()
    assert op(maps(), guides(2, 64, 6, 10)).shape == (2, CHANNELS, 6, 10)


@guided
@pytest.mark.parametrize("inputs", [(maps(),), (maps(), None)], ids=["left out", "None"])
def test_missing_guide(name: str, inputs: tuple[Tensor | None, ...]):
    """The message states the expected shape."""
    assert_refused(build(name, CHANNELS), inputs, r"needs a guide of shape \(2, 32, 6, 10\), got none")


@guided
@pytest.mark.parametrize(
    "shape",
    [
        (2, CHANNELS, HEIGHT, WIDTH),
        (2, CHANNELS, 2 * HEIGHT, 2 * WIDTH + 1),
        (2, CHANNELS, 2 * HEIGHT - 1, 2 * WIDTH),
        (2, CHANNELS, 2 * WIDTH, 2 * HEIGHT),
        (2, CHANNELS, 4 * HEIGHT, 4 * WIDTH),
        (2, CHANNELS, 0, 2 * WIDTH),
        (1, CHANNELS, 2 * HEIGHT, 2 * WIDTH),
        (3, CHANNELS, 2 * HEIGHT, 2 * WIDTH),
        (2, 2 * CHANNELS, 2 * HEIGHT, 2 * WIDTH),
        (2, CHANNELS // 2, 2 * HEIGHT, 2 * WIDTH),
        (2, 1, 2 * HEIGHT, 2 * WIDTH),
        (CHANNELS, 2 * HEIGHT, 2 * WIDTH),
        (1, 2, CHANNELS, 2 * HEIGHT, 2 * WIDTH),
    ],
)
def test_wrong_guide(name: str, shape: tuple[int, ...]):
    """A wrong size, batch, channel count or dimension is refused, never stretched or broadcast."""
    message = rf"guide must have shape \(2, 32, 6, 10\), .*got {re.escape(str(shape))}"
    assert_refused(build(name, CHANNELS), (maps(), guides(*shape)), message)


@guided
def test_guide_of_another_number_of_channels_than_told(name: str):
    op = build(name, CHANNELS, guide_channels=64)
    message = r"guide must have shape \(2, 64, 6, 10\), .*got \(2, 32, 6, 10\)"
    assert_refused(op, (maps(), guides()), message)


@pytest.mark.parametrize("name", ["fade", "sapa"])
def test_guide_for_another_scale(name: str):
    op = build(name, CHANNELS, scale=3)
    message = r"guide must have shape \(2, 32, 9, 15\), scale=3 .*got \(2, 32, 6, 10\)"
    assert_refused(op, (maps(), guides()), message)


def inputs(name: str, x: Tensor) -> tuple[Tensor, ...]:
    return OPERATORS[name].inputs(x, guides())


@learned
@pytest.mark.parametrize("channels", [0, 1, 31, 64])
def test_channels_at_run_time(name: str, channels: int):
    x = maps((2, channels, HEIGHT, WIDTH))
    assert_refused(build(name, CHANNELS), inputs(name, x), f"input must have channels=32, got {channels}$")


@every
@pytest.mark.parametrize("shape", [(CHANNELS, 3, 5), (3, 5), (1, 2, CHANNELS, 3, 5), ()])
def test_dimensions(name: str, shape: tuple[int, ...]):
    rule = rf"input must have shape \(batch, channels, height, width\), got {re.escape(str(shape))}"
    assert_refused(build(name, CHANNELS), inputs(name, maps(shape)), rule)


@every
@pytest.mark.parametrize("shape", [(2, CHANNELS, 0, 5), (2, CHANNELS, 3, 0), (2, CHANNELS, 0, 0)])
def test_empty_maps(name: str, shape: tuple[int, ...]):
    rule = rf"input must have at least one row and one column, got {re.escape(str(shape))}"
    assert_refused(build(name, CHANNELS), inputs(name, maps(shape)), rule)


@every
@pytest.mark.parametrize("scale", [0, -1, 1.5, 2.0, True, "2", None])
def test_invalid_scales(name: str, scale: Any):
    with pytest.raises(ValueError, match=rf"scale\b.*, got {re.escape(repr(scale))}$"):
        build(name, CHANNELS, scale=scale)


@pytest.mark.parametrize("name", ["deconv", "indexnet", "a2u"])
@pytest.mark.parametrize("scale", [3, 4])
def test_scales_that_an_operator_does_not_define(name: str, scale: int):
    with pytest.raises(ValueError, match=rf"only for scale=2, got {scale}$"):
        build(name, CHANNELS, scale=scale)


@learned
def test_scale_one_enlarges_nothing(name: str):
    with pytest.raises(ValueError, match=r"scale\b.*2.*, got 1$"):
        build(name, CHANNELS, scale=1)


@learned
@pytest.mark.parametrize("channels", [0, -32, 32.0, True, None, "32"])
def test_invalid_channels(name: str, channels: Any):
    with pytest.raises(ValueError, match=rf"channels must be a positive .*got {re.escape(repr(channels))}$"):
        build(name, channels)


@guided
@pytest.mark.parametrize("channels", [0, -32, 32.0, True, "32"])
def test_invalid_guide_channels(name: str, channels: Any):
    rule = rf"guide_channels must be a positive .*got {re.escape(repr(channels))}$"
    with pytest.raises(ValueError, match=rule):
        build(name, CHANNELS, guide_channels=channels)


@pytest.mark.parametrize(
    ("name", "channels", "multiple"),
    [(name, channels, 32) for name in ("sapa", "a2u") for channels in (48, 20, 1, 33)]
    + [(name, channels, 4) for name in ("dysample", "dysample+") for channels in (6, 1, 33)]
    + [(name, channels, 8) for name in ("dysample-s", "dysample-s+") for channels in (20, 6, 33)],
)
def test_channels_that_an_operator_cannot_divide(name: str, channels: int, multiple: int):
    with pytest.raises(
        ValueError, match=rf"channels must be .*multiple of .*\b{multiple}\b.*got {channels}$"
    ):
        build(name, channels)


@pytest.mark.parametrize("name", ["sapa", "a2u"])
@pytest.mark.parametrize("channels", [48, 20])
def test_guides_that_an_operator_cannot_divide(name: str, channels: int):
    rule = rf"guide_channels must be a positive multiple of 32\b.*got {channels}$"
    with pytest.raises(ValueError, match=rule):
        build(name, CHANNELS, guide_channels=channels)


def test_a2u_divides_only_the_guide():
    assert build("a2u", 20, guide_channels=32).channels == 20
    with pytest.raises(ValueError, match=r"^channels must be a positive multiple of 32\b.*got 20$"):
        build("sapa", 20, guide_channels=32)
