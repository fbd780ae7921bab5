"""The device: how it is chosen, what people are told of it, and values on it and off it."""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
import torch

from app.shared.engine import devices
from app.shared.engine.turns import EngineError
from dysample.types import Prediction, Step
from tests.views.opened import open_page


@pytest.fixture
def fresh() -> Iterator[None]:
    """The device is chosen anew in the test, and after it."""
    devices.device.cache_clear()
    yield
    devices.device.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("wanted", "cuda", "mps", "expected"),
    [
        ("", False, False, "cpu"),
        ("", True, False, "cuda"),
        ("", True, True, "cuda"),
        ("", False, True, "mps"),
        ("cpu", True, True, "cpu"),
        ("meta", False, False, "meta"),
    ],
)
def test_the_variable_or_what_there_is(
    wanted: str, cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_DEVICE", wanted)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices.device().type == expected


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("wanted", ["cuda:77", "gpu", "cpu;rm", "vulkan"])
def test_a_device_that_is_not_there_is_named(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_DEVICE", wanted)
    with pytest.raises(EngineError, match=f"DYSAMPLE_DEVICE is '{wanted}', which this machine .* lacks"):
        devices.device()
    assert wanted in devices.sentence()


def test_the_foot_names_the_device_and_its_memory() -> None:
    assert devices.placed().memory == psutil.virtual_memory().total
    app = open_page("scope").run()
    assert app.caption[-1].value == devices.sentence()
    assert devices.sentence().startswith("Networks run on the CPU, with ")


def test_a_gpu_is_described_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3_000_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    assert devices.placed() == devices.Placed("Some GPU", 8_000_000_000, 3_000_000_000)
    assert devices.sentence() == "Networks run on the Some GPU, with 8.0 GB of memory."


# --- Values ---


@dataclass(frozen=True, slots=True)
class Found:
    boxes: tuple[torch.Tensor, ...]
    semantic: torch.Tensor | None
    names: dict[str, torch.Tensor]
    height: int


def test_all_tensors_inside_of_a_value_are_moved() -> None:
    def x() -> torch.Tensor:
        return torch.zeros(1, 2, 3, 4)

    value = Prediction(Found((x(), x()), None, {"a": x()}, 7), (Step("c4", x(), x(), x()),))
    there = devices.moved(value, torch.device("meta"))
    step = there.steps[0]
    tensors = [*there.output.boxes, there.output.names["a"], step.input, step.guide, step.output]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (there.output.height, there.output.semantic, step.name) == (7, None, "c4")
    assert value.steps[0].input.device.type == "cpu"
    here = devices.moved(value, torch.device("cpu"))
    assert here.steps[0].input is value.steps[0].input  # nothing is copied
