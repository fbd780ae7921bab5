"""A network with random weights for the tests of the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Source, Subject
from tests.views.depth import make_weights
from tests.views.opened import forget


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Subject]:
    """A network with random weights, and a photograph."""
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(make_weights(tmp_path)))
    forget()
    yield Subject(Source("coffee"), "made-depth", "dysample+", 64)
    forget()
