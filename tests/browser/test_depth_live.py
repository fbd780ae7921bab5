"""Depths as a visitor meets them: look, read a pixel, take away."""

import io
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_app import MAIN, open_compare, pictures, settled
from tests.browser.conftest import StartServer
from tests.browser.viewer import point
from tests.views.depth import PICTURE, SIDES, make_pictures, make_weights

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(streamlit_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    weights = make_weights(tmp_path_factory.mktemp("weights"))
    data = make_pictures(tmp_path_factory.mktemp("data"))
    return streamlit_server(MAIN, {"DYSAMPLE_PRETRAINED": str(weights), "DYSAMPLE_DATA": str(data)})


def test_depths_are_read_under_the_pointer_and_taken_away(page: Page, url: str) -> None:
    open_compare(page, url, f"picture={PICTURE}&up=Bilinear&up=DySample%2B")
    expect(page.get_by_role("img", name="Legend: Depth (m)")).to_be_visible()
    frame = pictures(page).locator(".frame").first
    point(page, frame, 0.5, 0.5)
    reading = pictures(page).locator(".reading .name").nth(1)  # the first is the photograph's
    expect(reading).to_have_text(re.compile(r"\d\.\d\d m$"))
    said = float(reading.inner_text().removesuffix(" m").strip("≤≥ "))
    x, y = map(int, re.findall(r"\d+", pictures(page).locator(".status").inner_text()))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Depth maps").click()
    with zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        metres = np.load(io.BytesIO(archive.read("bilinear.npy")))
        stored = np.frombuffer(archive.read("bilinear.png"), np.uint8)
    millimetres = cv2.imdecode(stored, cv2.IMREAD_UNCHANGED)
    assert millimetres is not None
    assert (millimetres.dtype, millimetres.shape) == (np.uint16, SIDES)
    np.testing.assert_allclose(millimetres, 1000 * metres, atol=0.501)
    assert metres[y, x] == pytest.approx(said, abs=0.02)
    page.get_by_role("radio", name="Changes from bilinear").click()
    page.wait_for_url("**show=Changes*")
    settled(page)
    expect(page.get_by_role("img", name="Legend: Depth less that of Bilinear")).to_be_visible()
