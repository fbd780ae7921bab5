"""Ways to run a network: from one pass to tiles, from a GPU to the CPU, whenever memory does not suffice."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.records import Route
from app.settings import Subject
from app.shared import networks
from app.shared.cache import CACHE
from app.shared.engine import devices, memory, passes, tiles
from app.shared.engine.local import NETWORKS
from app.shared.engine.memory import NoRoomError
from app.shared.engine.networks import Answered, Job
from app.views.compare import compute

OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]
WIDE = 224  # columns of the picture, so that tiles of 128 and 96 pixels are several
SIZE = 149, 224


@pytest.fixture
def job(made: Subject, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A network on a picture, for whose tiles small sides are enough."""
    monkeypatch.setattr(tiles, "SIDES", (128, 96))
    monkeypatch.setattr(tiles, "OVERLAP", 32)
    monkeypatch.setattr(tiles, "HEAD_OVERLAP", 32)
    return networks.job(made.source, made.task, WIDE, made.upsampler)


class Faults:
    """A function that runs out of memory at its first calls, or whenever something holds of its arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self.calls, self.left, self.error = 0, 0, OUT_OF_MEMORY[0]
        self.when: Callable[..., bool] = lambda *args: False
        function = getattr(owner, name)

        def faulty(*args: object, **kwargs: object) -> object:
            self.calls += 1
            if self.left > 0 or self.when(*args):
                self.left -= 1
                raise self.error
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, faulty)


def count(side: int) -> int:
    return len(tiles.tiling(SIZE, side, 32))


def near(answered: Answered, expected: Answered) -> None:
    """Answers of tiles with a small border, by random weights: of the same size, and mostly alike."""
    here, there = answered.output.metres, expected.output.metres
    assert here.shape == there.shape == SIZE
    assert np.isfinite(here).all()
    assert (np.abs(here - there) < 0.02 * there).mean() > 0.9


@pytest.fixture
def expected(job: Job) -> Answered:
    """What one pass says; afterwards nothing of it is kept."""
    answered = NETWORKS.answer(job)
    assert answered.way == Route()
    CACHE.clear()
    return answered


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["python", "cuda", "cpu"])
def test_an_encoder_out_of_memory_works_in_tiles(
    job: Job, expected: Answered, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Faults(monkeypatch, passes, "encode")
    whole.left, whole.error = 1, error
    answered = NETWORKS.answer(job)
    assert answered.way == Route(tiles=count(128))
    near(answered, expected)
    other = replace(job, upsampler="nearest")
    assert NETWORKS.answer(other).way == answered.way  # by the same maps
    assert whole.calls == 1


def test_tiles_out_of_memory_are_made_smaller(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, tile = (Faults(monkeypatch, passes, name) for name in ("encode", "local"))
    whole.left = tile.left = 1
    answered = NETWORKS.answer(job)
    assert answered.way == Route(tiles=count(96))
    assert count(96) > count(128) > 1
    near(answered, expected)


def test_maps_that_cannot_be_kept_are_computed_for_every_tile(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CACHE, "budget", 400_000)  # the weights alone take more: nothing of this job is kept
    whole = Faults(monkeypatch, passes, "encode")
    whole.when = lambda *args: True
    encoded, way = NETWORKS.encoded(job)
    assert encoded.maps is None
    assert way == Route(tiles=count(128))
    answered = NETWORKS.answer(job)
    assert answered.way == Route(tiles=count(128))
    near(answered, expected)
    assert CACHE.used <= CACHE.budget
    with pytest.raises(NoRoomError, match="The maps of a picture of 224×149 pixels take more memory"):
        NETWORKS.steps(job)


def test_a_head_out_of_memory_takes_strips_which_change_nothing(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Faults(monkeypatch, passes, "decode")
    decode.left = 1
    answered = NETWORKS.answer(job)
    assert answered.way == Route()
    assert np.array_equal(answered.output.metres, expected.output.metres)


def test_strips_out_of_memory_are_followed_by_tiles(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, strips = Faults(monkeypatch, passes, "decode"), Faults(monkeypatch, tiles, "annotate_strips")
    decode.left = strips.left = 1
    answered = NETWORKS.answer(job)
    assert answered.way == Route(tiles=count(128))
    near(answered, expected)


@pytest.fixture
def gpu(expected: Answered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second device beside the CPU: the CPU by another name, so that it has numbers."""
    monkeypatch.setattr(devices, "device", lambda: torch.device("cpu:0"))
    monkeypatch.setattr(devices, "on_device", copy.deepcopy)


@pytest.mark.usefixtures("gpu")
def test_an_encoder_that_a_gpu_is_too_small_for_runs_on_the_cpu(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = NETWORKS.encoder(job.task)
    for name in ("encode", "local"):
        fault = Faults(monkeypatch, passes, name)
        fault.when, fault.error = lambda encoder, image: encoder is there, OUT_OF_MEMORY[1]
    answered = NETWORKS.answer(job)
    assert answered.way == Route(tiles=count(128), on_cpu=True)
    near(answered, expected)


@pytest.mark.usefixtures("gpu")
def test_a_head_that_a_gpu_is_too_small_for_runs_on_the_cpu(
    job: Job, expected: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = NETWORKS.head(job.task, job.upsampler)
    decode, strips = Faults(monkeypatch, passes, "decode"), Faults(monkeypatch, tiles, "annotate_strips")
    decode.when = lambda head, maps, shape: head is there
    strips.when = lambda task, head, shape, maps: head is there
    answered = NETWORKS.answer(job)
    assert answered.way == Route(on_cpu=True)
    assert np.array_equal(answered.output.metres, expected.output.metres)


@pytest.mark.usefixtures("gpu")
def test_the_memory_of_each_device_counts(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU has room for no tile, the CPU for all of the picture."""
    monkeypatch.setattr(memory, "free_on", lambda device: 10**9 if device == devices.CPU else 1_000_000)
    assert NETWORKS.answer(job).way == Route(on_cpu=True)


def test_a_job_that_nothing_is_enough_for_is_refused_with_both_numbers(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_on", lambda device: 1_000_000)
    # A tile of 96² pixels of 240 bytes each, and 30 % for gaps.
    with pytest.raises(NoRoomError, match=r"224×149 pixels takes about 3 MB .* and 1 MB are free now"):
        NETWORKS.answer(job)
    monkeypatch.setattr(memory, "free_on", lambda device: 4_500_000)
    assert NETWORKS.answer(job).way == Route(tiles=count(96))


def test_the_way_is_kept_with_the_answer(job: Job, made: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Faults(monkeypatch, passes, "encode")
    whole.left = 1
    for _ in range(2):
        run = compute.run(made.source, made.task, WIDE, made.upsampler)
        assert run.way == Route(tiles=count(128))
    assert whole.calls == 1
