"""The app as a visitor meets it: upload, look, zoom, reload, take away."""

import io
import json
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest
import skimage.data
from playwright.sync_api import Page, expect

from tests.browser.browser_app import (
    all_panes,
    close_up,
    expect_no_sideways_scroll,
    open_compare,
    open_gallery,
    pictures,
    settled,
)
from tests.browser.charts import expect_shown
from tests.browser.viewer import place, places, point

pytestmark = pytest.mark.browser


@pytest.fixture
def url(app_url: str) -> str:
    return app_url


def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "my cat.jpg"
    cv2.imwrite(str(path), cv2.cvtColor(skimage.data.chelsea(), cv2.COLOR_RGB2BGR))
    return path


def test_an_uploaded_photograph_is_compared(page: Page, url: str, tmp_path: Path) -> None:
    open_compare(page, url)
    open_gallery(page)
    page.locator("input[type=file]").set_input_files(photograph(tmp_path))
    expect(page.get_by_text("You see your photograph my cat.jpg")).to_be_visible()
    settled(page)
    expect(pictures(page).get_by_text("Photograph: my cat.jpg")).to_be_visible()
    for name in ("Nearest", "Bilinear", "DySample", "DySample+"):
        expect(all_panes(page).get_by_text(name, exact=True)).to_be_visible()
    expect(close_up(page).locator(".frame").first).to_be_visible()


def test_panes_zoom_together_and_the_address_gives_the_view_again(page: Page, url: str) -> None:
    open_compare(page, url, "picture=coffee&up=Nearest&up=Bilinear&up=DySample&left=Nearest")
    frame = pictures(page).locator(".frame").first
    point(page, frame, 0.4, 0.5)
    before = place(pictures(page))
    for _ in range(6):
        page.mouse.wheel(0, -120)
    expect(pictures(page).locator(".percent")).not_to_have_text("100 %")
    assert len(set(places(pictures(page)))) == 1
    page.wait_for_url("**view=*")
    after = place(pictures(page))
    assert after[0] > 2 * before[0]
    page.reload()
    settled(page)
    expect(pictures(page).locator(".title")).to_have_text(["Photograph: Coffee", "Nearest", "DySample"])
    expect(all_panes(page).locator(".frame")).to_have_count(4)
    expect_shown(lambda: place(pictures(page)), pytest.approx(after, rel=1e-3, abs=1))


def test_a_broken_file_is_a_sentence_and_the_gallery_stays(page: Page, url: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    open_compare(page, url)
    open_gallery(page)
    page.locator("input[type=file]").set_input_files(broken)
    alert = page.get_by_role("alert").filter(has_text="broken.png")
    expect(alert).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    expect(page.get_by_role("radio", name="Coffee")).to_be_attached()
    expect(pictures(page).locator(".frame").first).to_be_visible()


STRANGE = (
    "__holiday__ $5 to $6.png",
    ":smile: :red[a] :material-home: ~~b~~.png",
    "cat ![x](https:host.example) [y](https:host.example) <https:z>.png",
    "www.host.example a@host.example <img src=x onerror=alert(1)> &lt;.png",
)


def test_names_of_files_are_text(page: Page, url: str) -> None:
    """Whatever they look like; the page would complain about a request to another machine."""
    image = cv2.imencode(".png", skimage.data.chelsea()[:64, :64])[1].tobytes()
    page.goto(f"{url}/learn?learn_from=Photograph", timeout=120_000)
    page.get_by_text("Picture", exact=True).first.click()
    field = page.locator("input[type=file]")
    for name in STRANGE:
        field.set_input_files({"name": name, "mimeType": "image/png", "buffer": image})
        shown = page.get_by_test_id("stAlert").filter(has_text="You see your photograph")
        expect(shown).to_contain_text(f"You see your photograph {name}. Remove it")
        expect(shown.locator("a, img, svg.katex, .katex")).to_have_count(0)
    field.set_input_files({"name": STRANGE[2], "mimeType": "image/png", "buffer": b"no picture"})
    refused = page.get_by_test_id("stAlert").filter(has_text="is not an image")
    expect(refused).to_contain_text(f"{STRANGE[2]}: The file of 10 bytes is not an image")
    expect(refused.locator("a, img")).to_have_count(0)


def test_names_of_factories_are_text(page: Page, url: str) -> None:
    for name in ("![x](https:host.example)", "http://host.example/a:b", ":smile: $a$ www.host.example"):
        query = urlencode({"model_from": "Your own factory", "model_factory": name})
        page.goto(f"{url}/model?{query}", timeout=120_000)
        refused = page.get_by_test_id("stAlert").filter(has_text="A factory must be named")
        expect(refused).to_contain_text("package.module:")
        shown = refused.inner_text().replace("\u2060", "")
        assert shown.strip() == f"A factory must be named as in package.module:function, got {name!r}."
        expect(refused.locator("a, img, .katex")).to_have_count(0)


def test_the_gallery_and_the_controls_reach_the_address(page: Page, url: str) -> None:
    open_compare(page, url)
    open_gallery(page)
    page.get_by_role("radio", name="Coffee").check(force=True)
    page.wait_for_url("**picture=coffee*")
    settled(page)
    expect(page.get_by_role("radiogroup", name="Picture")).to_have_count(0)  # folded again
    expect(pictures(page).get_by_text("Photograph: Coffee")).to_be_visible()
    page.get_by_role("radio", name="Changes from bilinear").click()
    page.wait_for_url("**show=Changes*")
    settled(page)
    page.get_by_role("button", name="Swap").click()
    page.wait_for_url("**left=DySample*")
    expect(pictures(page).locator(".title")).to_have_text(["Photograph: Coffee", "DySample+", "Bilinear"])
    expect(page.get_by_role("slider", name="Position of the before/after bar")).to_be_visible()


def test_downloads_hold_what_is_shown(page: Page, url: str) -> None:
    open_compare(page, url, "picture=coffee&side=480+px&up=Bilinear&up=DySample%2B")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Label maps").click()
    with zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        assert sorted(archive.namelist()) == ["bilinear.png", "classes.txt", "dysample+.png"]
        maps = [
            cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
            for name in ("bilinear.png", "dysample+.png")
        ]
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Numbers").click()
    numbers = json.loads(Path(waiting.value.path()).read_text())
    changed = float(np.any(maps[0] != maps[1], axis=-1).mean())
    assert numbers["upsamplers"]["dysample+"]["difference"]["share"] == pytest.approx(changed)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Picture (PNG").click()
    sheet = cv2.imread(str(waiting.value.path()))
    assert sheet is not None
    assert sheet.shape[1] == 2126


def test_a_narrow_window_does_not_scroll_sideways(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_compare(page, url)
    expect_no_sideways_scroll(page, 390)
