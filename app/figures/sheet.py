"""A comparison as one picture at print size: panes, titles, legend."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

DPI = 300
_WIDTH = 2126  # 180 mm, the text width of a page
_GAP = 24
_TITLE, _SMALL = 40, 30
_INK, _PALE = "#111111", "#555555"


@dataclass(frozen=True, slots=True)
class SheetPane:
    """One picture of the sheet, with its title and a small line under it."""

    title: str
    note: str
    image: UInt8[np.ndarray, "h w 3"]


def sheet_png(
    panes: Sequence[SheetPane], *, legend: Sequence[tuple[str, str]], caption: str, columns: int
) -> bytes:
    """Arrange pictures of one size on white, enlarged without smoothing, 180 mm wide at 300 dpi.

    Args:
        panes: The pictures.
        legend: (name, ``#rrggbb``) of the classes that occur.
        caption: One or two sentences under everything.
        columns: Pictures in a row.
    """
    height, width = panes[0].image.shape[:2]
    side = (_WIDTH - _GAP * (columns + 1)) // columns
    tall = round(side * height / width)
    block = tall + _TITLE + _SMALL + 2 * _GAP
    rows = math.ceil(len(panes) / columns)
    entries = _legend_places(legend)
    foot = (entries[-1][1] if entries else 0) + 2 * _SMALL + 4 * _GAP
    lines = _wrapped(caption, _WIDTH - 2 * _GAP)
    sheet = Image.new("RGB", (_WIDTH, rows * block + foot + len(lines) * (_SMALL + 10)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, pane in enumerate(panes):
        left = _GAP + (index % columns) * (side + _GAP)
        _draw_pane(sheet, draw, pane, (left, _GAP + (index // columns) * block), (side, tall))
    top = rows * block + _GAP
    for (name, colour), (x, y) in zip(legend, entries, strict=True):
        draw.rectangle((x, top + y, x + _SMALL, top + y + _SMALL), fill=colour, outline=_PALE)
        draw.text((x + _SMALL + 12, top + y), name, fill=_INK, font=_font(_SMALL))
    below = rows * block + foot - _SMALL
    for number, line in enumerate(lines):
        draw.text((_GAP, below + number * (_SMALL + 10) - _GAP), line, fill=_PALE, font=_font(_SMALL))
    target = io.BytesIO()
    sheet.save(target, "PNG", dpi=(DPI, DPI))
    return target.getvalue()


def _draw_pane(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, pane: SheetPane, at: tuple[int, int], size: tuple[int, int]
) -> None:
    draw.text(at, pane.title, fill=_INK, font=_font(_TITLE))
    draw.text((at[0], at[1] + _TITLE + 6), pane.note, fill=_PALE, font=_font(_SMALL))
    # Smoothing an enlargement would hide what the sheet is to show; a reduction needs it.
    enlarged = size[0] >= pane.image.shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    sheet.paste(Image.fromarray(pane.image).resize(size, method), (at[0], at[1] + _TITLE + _SMALL + 18))


def _legend_places(legend: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    x, y = _GAP, 0
    for name, _ in legend:
        wide = _SMALL + 12 + round(_font(_SMALL).getlength(name)) + 2 * _GAP
        if x + wide > _WIDTH and x > _GAP:
            x, y = _GAP, y + _SMALL + 14
        places.append((x, y))
        x += wide
    return places


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _font(_SMALL).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
