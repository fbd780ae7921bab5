"""The engine: the device, values on it, memory worked out beforehand, and what a visitor is told."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from app.settings import Source, Subject
from app.shared import engine, networks
from app.shared.turns import EngineError
from app.views.compare import compute
from dysample.types import Prediction, Step
from tests import ROOT
from tests.views.depth import make_weights
from tests.views.opened import forget, open_page


@pytest.fixture
def fresh() -> Iterator[None]:
    """The device is chosen anew in the test, and after it."""
    engine.device.cache_clear()
    yield
    engine.device.cache_clear()


# --- Device ---


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
    assert engine.device().type == expected


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("wanted", ["cuda:77", "gpu", "cpu;rm", "vulkan"])
def test_a_device_that_is_not_there_is_named(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_DEVICE", wanted)
    with pytest.raises(EngineError, match=f"DYSAMPLE_DEVICE is '{wanted}', which this machine .* lacks"):
        engine.device()
    assert wanted in engine.sentence()


def test_the_foot_names_the_device_and_its_memory() -> None:
    assert engine.placed().memory == psutil.virtual_memory().total
    app = open_page("scope").run()
    assert app.caption[-1].value == engine.sentence()
    assert engine.sentence().startswith("Networks run on the CPU, with ")


def test_a_gpu_is_described_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3_000_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    assert engine.placed() == engine.Placed("Some GPU", 8_000_000_000, 3_000_000_000)
    assert engine.sentence() == "Networks run on the Some GPU, with 8.0 GB of memory."


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
    there = engine.moved(value, torch.device("meta"))
    step = there.steps[0]
    tensors = [*there.output.boxes, there.output.names["a"], step.input, step.guide, step.output]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (there.output.height, there.output.semantic, step.name) == (7, None, "c4")
    assert value.steps[0].input.device.type == "cpu"
    here = engine.moved(value, torch.device("cpu"))
    assert here.steps[0].input is value.steps[0].input  # nothing is copied


@pytest.fixture
def made(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    """A network with random weights, and a photograph."""
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(make_weights(tmp_path)))
    forget()
    yield Subject(Source("coffee"), "made-depth", "dysample+", 64)
    forget()


def test_networks_run_on_the_injected_device_and_are_read_on_the_cpu(
    made: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device has no numbers: what matters is that nothing of the network is anywhere else."""
    monkeypatch.setattr(engine, "device", lambda: torch.device("meta"))
    maps, _ = networks.maps(made.source, made.task, made.longer_side)
    assert {x.device.type for x in maps} == {"meta"}
    head = networks.head(made.task, made.upsampler)
    assert {p.device.type for p in head.parameters()} == {"meta"}
    assert {p.device.type for p in networks.operator(made, "d16").parameters()} == {"cpu"}
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):  # taking the answer off it
        networks.prediction(made)


def test_the_engine_changes_no_number(made: Subject) -> None:
    """What pages read is what the package's own network says."""
    from app.shared.photos import picture
    from dysample.models.weights import load_host

    image = picture(made.source, made.task, made.longer_side).image
    batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        expected = load_host("made-depth", upsampler="dysample+").intermediates(batch)
    found = networks.prediction(made)
    torch.testing.assert_close(found.output, expected.output, rtol=1e-4, atol=1e-4)
    for here, there in zip(found.steps, expected.steps, strict=True):
        torch.testing.assert_close(here.output, there.output, rtol=1e-4, atol=1e-4)
    run = compute.run(made.source, made.task, made.longer_side, made.upsampler)
    np.testing.assert_allclose(run.output.metres, expected.output[0, 0].numpy(), rtol=1e-4, atol=1e-4)


# --- Memory ---


@pytest.mark.slow
def test_the_bytes_of_a_job_are_those_of_its_peak() -> None:
    """Within 20 per cent of what a fresh process allocates at its peak."""
    # Every large tensor in pages of its own: no gap of an earlier one is used, or left unused.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-m", "tests.shared.peaks"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rows: list[tuple[str, float, float]] = json.loads(ended.stdout.splitlines()[-1])
    assert len(rows) == 8
    for name, measured, expected in rows:
        assert expected == pytest.approx(measured, rel=0.2), name


def test_a_job_beyond_the_free_memory_is_refused_with_both_numbers(
    made: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(total=8_000_000_000, available=1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    # 64×43 pixels, padded to 64×64, of 240 bytes each, and 30 % for gaps.
    sentence = "A picture of 64×43 pixels takes about 1 MB of memory here, and 1 MB are free now"
    with pytest.raises(EngineError, match=sentence):
        networks.prediction(made)
    memory.available = 4_000_000
    assert len(networks.prediction(made).steps) == 4


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_memory_that_runs_out_is_a_sentence(error: Exception) -> None:
    def work() -> None:
        with engine.turn((3000, 4000)):
            raise error

    with pytest.raises(EngineError, match="The memory ran out over a picture of 4000×3000 pixels: choose a"):
        work()
    assert engine._TURNS.waiting == 0


def test_other_errors_stay_what_they_are() -> None:
    def work() -> None:
        with engine.turn((30, 40)):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        work()


@pytest.mark.parametrize("address", ["", "offsets", "point", "anatomy"])
def test_pages_say_why_a_network_does_not_run(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forget()
    memory = psutil.virtual_memory()
    free = SimpleNamespace(total=memory.total, available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    app = open_page(address)
    app.query_params["anatomy_on"] = "Picture"
    app.run()
    assert not app.exception
    assert any("takes about" in error.value and "are free now" in error.value for error in app.error)
    forget()
