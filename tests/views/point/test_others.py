"""The One point page with upsamplers without points, as if they were trained."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from streamlit.testing.v1 import AppTest

from dysample.models.manifest import load_manifest, pretrained_folder
from dysample.models.segformer_head import SegFormerHead
from dysample.training.ship import write_manifest
from tests.views.network import TASK, host_and_step
from tests.views.opened import forget, markdown, open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    return open_page("point")


@pytest.fixture
def with_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Use a copy of the weights in which a kernel operator and one without a footprint count as trained."""
    copy = tmp_path / "pretrained"
    shutil.copytree(pretrained_folder(), copy)
    known = load_manifest()
    others = tuple(made_head(copy, upsampler) for upsampler in ("carafe", "deconv"))
    kept = tuple(entry for entry in known.weights if entry.upsampler not in ("carafe", "deconv"))
    write_manifest(replace(known, folder=copy, weights=(*kept, *others)))
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(copy))
    forget()
    yield
    forget()


def made_head(folder: Path, upsampler: str) -> object:
    """Write a head with random weights into a folder of weights, and return its entry."""
    known = load_manifest()
    task = known.task(TASK)
    torch.manual_seed(0)
    channels = host_and_step("bilinear")[0].encoder.channels
    head = SegFormerHead(channels, width=task.widths[0], classes=len(task.classes), upsampler=upsampler)
    data = save(head.state_dict())
    file = f"{TASK}/{upsampler}.safetensors"
    (folder / file).write_bytes(data)
    entry = known.entry(TASK, "bilinear")
    return replace(entry, file=file, sha256=hashlib.sha256(data).hexdigest(), upsampler=upsampler)


@pytest.mark.usefixtures("with_others")
def test_kernels_are_shown_instead_of_points(app: AppTest) -> None:
    app.query_params["cell"] = "0,0"
    app.query_params["op"] = "CARAFE"
    app.run()
    assert not app.exception
    assert app.selectbox(key="op").value == "carafe"
    assert "no sampling points" in markdown(app)
    assert len(app.table) == 1
    pixels = app.table[0].value
    assert len(pixels) == 9
    assert pixels["w"].astype(float).sum() == pytest.approx(9 / 25, abs=0.02)
    assert "agrees to" in markdown(app)
    assert "(5 smaller weights)" in app.latex[0].value


@pytest.mark.usefixtures("with_others")
def test_without_a_footprint_the_page_explains_why(app: AppTest) -> None:
    app.query_params["op"] = "Deconvolution"
    app.run()
    assert not app.exception
    assert "no footprint" in markdown(app)
    assert not app.table
    app.button(key="offer-dysample+").click().run()
    assert not app.exception
    assert app.table
