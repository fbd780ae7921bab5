"""Networks that several tasks share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.shared import networks
from dysample.models.manifest import load_manifest
from dysample.training.ship import write_manifest
from tests.views.depth import make_weights
from tests.views.opened import forget


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A made task, another that shares its networks, and one that shares those of a missing task."""
    known = load_manifest(make_weights(tmp_path))
    (task,) = known.tasks
    others = [
        replace(task, name="other-depth", networks="made-depth"),
        replace(task, name="far-depth", networks="x"),
    ]
    entries = [replace(entry, task=other.name) for other in others for entry in known.weights]
    write_manifest(replace(known, tasks=(task, *others), weights=(*known.weights, *entries)))
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(tmp_path))
    forget()
    yield
    forget()


@pytest.mark.usefixtures("tasks")
def test_shared_networks_are_loaded_once() -> None:
    assert networks.encoder("other-depth") is networks.encoder("made-depth")
    assert networks.head("other-depth", "nearest") is networks.head("made-depth", "nearest")
    assert networks.encoder("far-depth") is not networks.encoder("made-depth")
