"""Memory: bytes of a job worked out beforehand, refusals with both numbers, memory that runs out."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
import torch

from app.settings import Subject
from app.shared import networks
from app.shared.engine.local import _TURNS, turn
from app.shared.engine.turns import EngineError
from tests import ROOT
from tests.views.opened import forget, open_page


@pytest.mark.slow
def test_the_bytes_of_a_job_are_those_of_its_peak() -> None:
    """Within 20 per cent of what a fresh process allocates at its peak."""
    # Every large tensor in pages of its own: no gap of an earlier one is used, or left unused.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-m", "tests.shared.engine.peaks"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rows: list[tuple[str, float, float]] = json.loads(ended.stdout.splitlines()[-1])
    assert len(rows) == 11
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
        networks.steps(made)
    memory.available = 4_000_000
    assert len(networks.steps(made)) == 4


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
        with turn((3000, 4000)):
            raise error

    with pytest.raises(EngineError, match="The memory ran out over a picture of 4000×3000 pixels: choose a"):
        work()
    assert _TURNS.waiting == 0


def test_other_errors_stay_what_they_are() -> None:
    def work() -> None:
        with turn((30, 40)):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        work()


@pytest.mark.parametrize("address", ["compare", "offsets", "point", "anatomy"])
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
