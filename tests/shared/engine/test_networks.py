"""The engine: networks on the injected device, no number changed, and loaded once for all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.settings import Subject
from app.shared import networks
from app.shared.engine import devices
from app.shared.engine.local import NETWORKS
from app.shared.engine.networks import Job
from app.views.compare import compute
from dysample.models.manifest import load_manifest
from dysample.training.ship import write_manifest
from tests.views.depth import make_weights
from tests.views.opened import forget


def asked(subject: Subject) -> Job:
    return networks.job(subject.source, subject.task, subject.longer_side, subject.upsampler)


def test_networks_run_on_the_injected_device_and_are_read_on_the_cpu(
    made: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device has no numbers: what matters is that nothing of the network is anywhere else."""
    monkeypatch.setattr(devices, "device", lambda: torch.device("meta"))
    maps = NETWORKS.maps(asked(made))
    assert {x.device.type for x in maps} == {"meta"}
    head = NETWORKS.head(made.task, made.upsampler)
    assert {p.device.type for p in head.parameters()} == {"meta"}
    assert {p.device.type for p in networks.operator(made, "d16").parameters()} == {"cpu"}
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):  # taking the answer off it
        networks.steps(made)


def test_the_engine_changes_no_number(made: Subject) -> None:
    """What pages read is what the package's own network says."""
    from app.shared.photos import picture
    from dysample.models.weights import load_host

    image = picture(made.source, made.task, made.longer_side).image
    batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        expected = load_host("made-depth", upsampler="dysample+").intermediates(batch)
    for here, there in zip(networks.steps(made), expected.steps, strict=True):
        torch.testing.assert_close(here.output, there.output, rtol=1e-4, atol=1e-4)
    run = compute.run(made.source, made.task, made.longer_side, made.upsampler)
    np.testing.assert_allclose(run.output.metres, expected.output[0, 0].numpy(), rtol=1e-4, atol=1e-4)


# --- Networks that several tasks share ---


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
    assert NETWORKS.encoder("other-depth") is NETWORKS.encoder("made-depth")
    assert NETWORKS.head("other-depth", "nearest") is NETWORKS.head("made-depth", "nearest")
    assert NETWORKS.encoder("far-depth") is not NETWORKS.encoder("made-depth")
