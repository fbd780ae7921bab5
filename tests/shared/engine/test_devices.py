"""The device: how it is chosen, what people are told of it, and values on it and off it."""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest
import torch

from app.shared.engine import devices
from app.shared.engine.turns import EngineError
from dysample.models import computing
from dysample.types import Prediction, Step
from tests.views.opened import open_page


@pytest.fixture
def fresh() -> Iterator[None]:
    """The device is chosen anew in the test, and after it."""
    for function in (devices.device, devices.precision):
        function.cache_clear()
    yield
    for function in (devices.device, devices.precision):
        function.cache_clear()


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
    assert devices.sentence().endswith(" of memory, in float32.")


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("wanted", "size", "sentence"),
    [
        ("", 139_800_000_000, "Networks run on the Some GPU, with 140 GB of memory, in bfloat16."),
        ("float32", 8_000_000_000, "Networks run on the Some GPU, with 8.0 GB of memory, in float32."),
    ],
)
def test_a_gpu_is_described_by_its_driver(
    wanted: str, size: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_PRECISION", wanted)
    monkeypatch.setattr(devices, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3_000_000_000, size))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    monkeypatch.setattr(computing, "_computes_in_bfloat16", lambda device: True)
    # What PyTorch keeps for tensors to come is free as well.
    assert devices.placed() == devices.DeviceFacts("Some GPU", size, 3_500_000_000)
    assert devices.sentence() == sentence


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("wanted", "device", "sentence"),
    [
        ("half", "cpu", "DYSAMPLE_PRECISION is 'half', which is none of auto, float32, bfloat16: unset it"),
        ("bfloat16", "mps", "DYSAMPLE_PRECISION is 'bfloat16', which the device mps does not compute in"),
    ],
)
def test_a_precision_that_is_none_is_a_sentence(
    wanted: str, device: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_PRECISION", wanted)
    monkeypatch.setattr(devices, "device", lambda: torch.device(device))
    with pytest.raises(EngineError, match=sentence):
        devices.precision()
    assert devices.sentence().startswith(sentence)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("wanted", "expected"), [("", "float32"), ("auto", "float32"), ("bfloat16",) * 2])
def test_the_cpu_has_both_precisions(wanted: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_PRECISION", wanted)
    monkeypatch.setenv("DYSAMPLE_DEVICE", "cpu")
    assert devices.precision() == expected


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


@dataclass(frozen=True, slots=True)
class Pair:
    first: torch.Tensor
    second: torch.Tensor


def test_all_tensors_are_on_their_way_before_one_is_waited_for() -> None:
    events: list[str] = []
    small, large = torch.arange(6.0).view(2, 3).to(torch.bfloat16), torch.ones(17 << 20)
    step = Pair(small, small)

    def pinned(x: torch.Tensor) -> torch.Tensor:
        events.append("begun")
        return torch.full_like(x, torch.nan)

    found = devices.fetched((large, step), pinned=pinned, wait=lambda: events.append("waited"))
    assert events == ["begun", "waited"]  # once for a tensor that stands in two places; not for a large one
    assert found[1].first is found[1].second
    assert found[1].first.dtype == torch.float32
    assert found[1].first.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found[0].data_ptr() == large.data_ptr()


def test_page_locked_memory_is_not_kept() -> None:
    buffers: list[torch.Tensor] = []

    def pinned(x: torch.Tensor) -> torch.Tensor:
        buffers.append(torch.empty_like(x))
        return buffers[-1]

    x = torch.rand(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    found = devices.fetched((x,), pinned=pinned, wait=lambda: None)[0]
    assert torch.equal(found, x)
    assert found.stride() == x.stride()
    assert found.data_ptr() != buffers[0].data_ptr()


@pytest.mark.gpu
@pytest.mark.unhooked
@pytest.mark.usefixtures("fresh")
def test_values_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_DEVICE", "cuda")
    x = torch.rand(1, 2, 3, 4)
    there = devices.uploaded(x)
    assert there.is_cuda
    found = devices.moved((there, there.bfloat16()), devices.CPU)
    assert torch.equal(found[0], x)
    assert torch.equal(found[1], x.bfloat16().float())
    assert not any(part.is_pinned() for part in found)
    assert "in bfloat16." in devices.sentence() or "in float32." in devices.sentence()
