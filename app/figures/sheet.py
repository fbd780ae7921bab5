"""A comparison as one picture at print size: panes, titles, legend."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from app.figures.sheet_legend import GAP, INK, PALE, SMALL, draw_legend, font, legend_height
from app.records import Legend

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
