"""The figure with its downloads, in a real browser: files are opened and looked into."""

import io
import re
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.browser_app import expect_no_sideways_scroll
from tests.browser.pages.figure_block_page import COUNTS, OFFSETS

pytestmark = pytest.mark.browser

START_MS = 120_000
SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
LEGIBLE = 7  # to 1: the stricter of the two contrasts that WCAG asks for
BLUE, VERMILION = (0, 114, 178), (213, 94, 0)


class Figures(NamedTuple):
    """The blocks of the page, their charts drawn."""

    lines: Locator
    maps: Locator


@pytest.fixture
def url(components_url: str) -> str:
    return f"{components_url}/figures"


def open_figures(page: Page, url: str, theme: str = "light") -> Figures:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(url, timeout=START_MS)
    figures = Figures(page.locator(".st-key-lines-figure"), page.locator(".st-key-maps--odd-key-figure"))
    expect(figures.lines.locator(".legendtext")).to_have_count(2, timeout=START_MS)
    expect(figures.maps.locator(".cbtitle text")).to_be_visible(timeout=START_MS)
    return figures


def save(page: Page, figure: Locator, kind: str) -> tuple[str, bytes]:
    """Press a button; the name and the content of the file that comes."""
    with page.expect_download() as saved:
        figure.get_by_role("button", name=kind).click()
    return saved.value.suggested_filename, saved.value.path().read_bytes()


def texts(root: ElementTree.Element) -> set[str]:
    return {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}


def named(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Elements of a class."""
    return [element for element in root.iter() if name in element.get("class", "").split()]


def pixels(png: bytes) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        return np.asarray(picture.convert("RGB"))


def count(picture: UInt8[np.ndarray, "h w 3"], colour: tuple[int, int, int]) -> int:
    return int((picture == np.array(colour)).all(axis=-1).sum())


def contrast(style: str) -> float:
    """Contrast (WCAG 2) of a style's fill with white."""
    match = re.search(r"fill: rgb\((\d+), (\d+), (\d+)\)", style)
    assert match, style
    shares = np.array([int(channel) for channel in match.groups()]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return 1.05 / (float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_subplots_are_saved_dark_on_white(page: Page, url: str, theme: str) -> None:
    figure = open_figures(page, url, theme).lines
    name, svg = save(page, figure, "SVG")
    assert name == "offsets-of-c3_0.svg"
    expect_both_subplots(ElementTree.fromstring(svg))
    box = figure.locator(".main-svg").first.bounding_box()
    assert box is not None
    name, png = save(page, figure, "PNG")
    assert name == "offsets-of-c3_0.png"
    picture = pixels(png)
    expected = (round(box["height"] * 300 / 96), round(box["width"] * 300 / 96))
    assert picture.shape[:2] == pytest.approx(expected, abs=1)
    assert count(picture, (255, 255, 255)) > 0.7 * picture[..., 0].size
    assert count(picture, BLUE) > 20_000
    assert count(picture, VERMILION) > 5_000
    assert (picture.max(axis=-1) < 60).sum() > 2_000  # text


def expect_both_subplots(root: ElementTree.Element) -> None:
    """Words, traces and print colours of the first figure."""
    assert root.tag == f"{SVG}svg"
    words = {"Offset (low-res px)", "Points & more", "Group 1", "Group 2", "scope", "Clamped", "1000", "−0.4"}
    assert words <= texts(root)
    bars, line = named(root, "bars")[0], named(root, "js-line")[0]
    assert len(list(bars.iter(f"{SVG}path"))) == len(OFFSETS)
    assert len(re.findall(r"-?[\d.]+,-?[\d.]+", line.get("d", ""))) > 10
    assert not named(root, "drag")
    styles = [element.get("style", "") for element in root.iter()]
    assert not any("non-scaling-stroke" in style for style in styles)  # lines would be thin on paper
    assert min(contrast(text.get("style", "")) for text in root.iter(f"{SVG}text")) >= LEGIBLE
    paper, legend = next(root.iter(f"{SVG}rect")), named(named(root, "legend")[0], "bg")[0]
    assert paper.get("fill") == "white"
    assert re.search(r"fill: (white|rgb\(255, 255, 255\))", legend.get("style", ""))


def test_pictures_are_saved_whole_and_data_as_numbers(page: Page, url: str) -> None:
    figures = open_figures(page, url, "dark")
    root = ElementTree.fromstring(save(page, figures.maps, "SVG")[1])
    assert {"Column (px)", "Row (px)", "Length (px)", "11", "A", "B"} <= texts(root)
    assert next(root.iter(f"{SVG}desc")).text == "Lengths from 0 to 12."
    expect_nothing_from_elsewhere(root)
    picture = pixels(save(page, figures.maps, "PNG")[1])
    assert count(picture, (0, 34, 78)) > 1_000  # Cividis at its low end
    assert count(picture, (254, 232, 56)) > 1_000  # and at its high end
    name, content = save(page, figures.lines, "Data (NPZ)")
    assert name == "offsets-of-c3_0.npz"
    with np.load(io.BytesIO(content)) as arrays:
        np.testing.assert_array_equal(arrays["offsets"], OFFSETS)
        np.testing.assert_array_equal(arrays["counts"], COUNTS)


def expect_nothing_from_elsewhere(root: ElementTree.Element) -> None:
    """Links stay within the file; pictures and typeface are in it."""
    ids = {element.get("id") for element in root.iter()}
    values = [value for element in root.iter() for value in element.attrib.values()]
    links = [link for value in values for link in re.findall(r"url\((.*?)\)", value)]
    assert len(links) > 2
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 2
    assert all(image.get(f"{XLINK}href", "").startswith("data:image/png;base64,") for image in images)
    style = next(root.iter(f"{SVG}style")).text or ""
    assert re.findall(r'url\("(.{16})', style) == ["data:font/woff2;"]


def test_everybody_can_use_it_in_a_narrow_window(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    figures = open_figures(page, url)
    expect_no_sideways_scroll(page, 390)
    expect_legible(figures.lines)
    alt = "Histogram of 41 offsets; the tallest bar, 1000 points, stands at 0."
    expect(page.get_by_role("figure", name=alt, exact=True)).to_have_count(1)
    expect(figures.maps.get_by_role("figure", name="Lengths from 0 to 12.")).to_be_visible()
    expect(figures.maps.get_by_role("button", name="Data")).to_have_count(0)
    buttons = figures.lines.get_by_role("button", name="of “Offsets of c3_0”")
    middles = buttons.evaluate_all(
        "all => all.map(e => { const b = e.getBoundingClientRect(); return b.top + b.height / 2; })"
    )
    assert len(middles) == 3
    assert max(middles) - min(middles) < 4
    use_by_keys(page, figures.lines)
    expect(figures.lines.get_by_role("status")).to_have_text("PNG saved")
    figures.lines.locator(".main-svg").evaluate_all("all => all.forEach((layer) => layer.remove())")
    figures.lines.get_by_role("button", name="SVG").click()
    expect(figures.lines.get_by_role("status")).to_contain_text("could not be made")
    assert figures.lines.locator(".status").evaluate("e => e.offsetWidth") > 50


def expect_legible(figure: Locator) -> None:
    """On the screen, in the light theme."""
    for part in (".xtitle", ".ytick text", ".annotation-text", ".legendtext"):
        fill = figure.locator(part).first.evaluate("e => getComputedStyle(e).fill")
        assert contrast(f"fill: {fill}") >= LEGIBLE, part
    expect(figure.get_by_test_id("stCaptionContainer")).to_have_css("opacity", "0.8")


def use_by_keys(page: Page, figure: Locator) -> None:
    """Tab from button to button, and save with each."""
    for kind in ("SVG", "PNG", "Data (NPZ)"):
        button = figure.get_by_role("button", name=f"{kind} of “Offsets of c3_0”", exact=True)
        if kind == "SVG":
            button.focus()
        else:
            page.keyboard.press("Tab")
        expect(button).to_be_focused()
        with page.expect_download():
            page.keyboard.press("Enter")
