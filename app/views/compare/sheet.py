"""A comparison as one picture at print size: panes, titles, legend."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from app.records import ColourBar, Comparison, Layer, Legend
from app.settings import Show
from app.views.compare.kinds import drawing

DPI = 300
_WIDTH = 2126  # 180 mm, the text width of a page
_TITLE = 40


@dataclass(frozen=True, slots=True)
class SheetPane:
    """One picture of the sheet, with its title and a small line under it."""

    title: str
    note: str
    image: UInt8[np.ndarray, "h w 3"]


def sheet_png(panes: Sequence[SheetPane], *, legend: Legend, caption: str, columns: int) -> bytes:
    """Arrange pictures of one size on white, enlarged without smoothing, 180 mm wide at 300 dpi.

    Args:
        panes: The pictures.
        legend: What the colours mean: a bar where there is one, else every entry.
        caption: One or two sentences under everything.
        columns: Pictures in a row.
    """
    height, width = panes[0].image.shape[:2]
    side = (_WIDTH - GAP * (columns + 1)) // columns
    tall = round(side * height / width)
    block = tall + _TITLE + SMALL + 2 * GAP
    rows = math.ceil(len(panes) / columns)
    foot = legend_height(legend, _WIDTH) + SMALL + 3 * GAP
    lines = _wrapped(caption, _WIDTH - 2 * GAP)
    sheet = Image.new("RGB", (_WIDTH, rows * block + foot + len(lines) * (SMALL + 10)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, pane in enumerate(panes):
        left = GAP + (index % columns) * (side + GAP)
        _draw_pane(sheet, draw, pane, (left, GAP + (index // columns) * block), (side, tall))
    draw_legend(draw, legend, top=rows * block + GAP, width=_WIDTH)
    below = rows * block + foot - SMALL
    for number, line in enumerate(lines):
        draw.text((GAP, below + number * (SMALL + 10) - GAP), line, fill=PALE, font=font(SMALL))
    target = io.BytesIO()
    sheet.save(target, "PNG", dpi=(DPI, DPI))
    return target.getvalue()


def _draw_pane(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, pane: SheetPane, at: tuple[int, int], size: tuple[int, int]
) -> None:
    draw.text(at, pane.title, fill=INK, font=font(_TITLE))
    draw.text((at[0], at[1] + _TITLE + 6), pane.note, fill=PALE, font=font(SMALL))
    # Smoothing an enlargement would hide what the sheet is to show; a reduction needs it.
    enlarged = size[0] >= pane.image.shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    sheet.paste(Image.fromarray(pane.image).resize(size, method), (at[0], at[1] + _TITLE + SMALL + 18))


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font(SMALL).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


# A comparison to take away as one picture at print size.


def printed(comparison: Comparison[Any], show: Show, *, opacity: float, title: str) -> bytes:
    """The photograph and all panes as shown, as PNG at print size.

    Args:
        comparison: What is compared.
        show: What lies over the photograph.
        opacity: Of the layers, 0 to 1.
        title: Name of the photograph.
    """
    photo, draw = comparison.picture.image, drawing(comparison.task)
    shown = [SheetPane("Photograph", title, photo)]
    for layer in draw.panes(comparison, show):
        shown.append(SheetPane(layer.title, layer.note, _blend(photo, layer, opacity)))
    height, width = photo.shape[:2]
    caption = (
        f"{comparison.task.title}: one encoder, heads that differ by their upsampler. "
        f"{width} by {height} px. Trained on {comparison.task.dataset}."
    )
    legend = draw.legend(comparison, show)
    return sheet_png(shown, legend=legend, caption=caption, columns=2 if width >= height else 3)


def _blend(photo: UInt8[np.ndarray, "h w 3"], layer: Layer, opacity: float) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(layer.png)) as picture:
        over = np.asarray(picture.convert("RGBA"), np.float32)
    weight = opacity * over[..., 3:] / 255
    return np.round(photo * (1 - weight) + over[..., :3] * weight).astype(np.uint8)


# The legend of a printed sheet: a colour bar, or a list of names beside their colours.


GAP = 24
SMALL = 30
INK, PALE = "#111111", "#555555"
_LINE = SMALL + 14
_PLAIN = str.maketrans({"≤": "<", "≥": ">", "−": "-"})  # what the font has no signs for


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The sheet's font."""
    return ImageFont.load_default(size)


def legend_height(legend: Legend, width: int) -> int:
    """Pixels that a legend takes on a sheet of a width."""
    if legend.bar is not None:
        return 3 * _LINE
    places = _places(legend, width)
    return places[-1][1] + _LINE if places else 0


def draw_legend(draw: ImageDraw.ImageDraw, legend: Legend, *, top: int, width: int) -> None:
    """Draw a legend below `top`."""
    if legend.bar is not None:
        _draw_bar(draw, legend.bar, top, width)
        return
    for entry, (x, y) in zip(legend.entries, _places(legend, width), strict=True):
        draw.rectangle((x, top + y, x + SMALL, top + y + SMALL), fill=entry.colour, outline=PALE)
        draw.text((x + SMALL + 12, top + y), entry.name, fill=INK, font=font(SMALL))


def _draw_bar(draw: ImageDraw.ImageDraw, bar: ColourBar, top: int, width: int) -> None:
    """A third of the sheet: wide enough for five numbers."""
    long = width // 3
    for x in range(long):
        colour = bar.colours[x * len(bar.colours) // long]
        draw.line((GAP + x, top + _LINE, GAP + x, top + _LINE + SMALL), fill=colour)
    draw.rectangle((GAP, top + _LINE, GAP + long, top + _LINE + SMALL), outline=PALE)
    draw.text((GAP, top), bar.title, fill=INK, font=font(SMALL))
    below = top + 2 * _LINE
    for share, text in bar.ticks:
        anchor = {0.0: "la", 1.0: "ra"}.get(share, "ma")
        draw.text(
            (GAP + share * long, below), text.translate(_PLAIN), fill=INK, font=font(SMALL), anchor=anchor
        )
    words = f"left: {bar.ends[0]}, right: {bar.ends[1]}"
    draw.text((2 * GAP + long, top + _LINE), words, fill=INK, font=font(SMALL))


def _places(legend: Legend, width: int) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    x, y = GAP, 0
    for entry in legend.entries:
        wide = SMALL + 12 + round(font(SMALL).getlength(entry.name)) + 2 * GAP
        if x + wide > width and x > GAP:
            x, y = GAP, y + _LINE
        places.append((x, y))
        x += wide
    return places
