"""Pictures of one size on a sheet at print size: panes with titles, a legend, a caption."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from dysample.text import one_line

DPI = 300
_WIDTH = 2126  # 180 mm, the text width of a page
# Sizes in pixels.
_TITLE = 40
_SMALL = 30
_GAP = 24
_LINE = _SMALL + 14
_INK, _PALE = "#111111", "#555555"
_PLAIN = str.maketrans({"≤": "<", "≥": ">", "−": "-"})  # signs that the font lacks


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A colour, ``#rrggbb``, and its meaning."""

    name: str
    colour: str

    def __post_init__(self) -> None:
        """Check the colour.

        Raises:
            ValueError: It is written in another way.
        """
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(f"a legend colour must be written #rrggbb, got {self.colour!r}")


@dataclass(frozen=True, slots=True)
class ColourBar:
    """A continuous colour scale.

    Attributes:
        title: The quantity with its unit.
        colours: ``#rrggbb`` at equal distances, the first at the low end.
        ticks: Positions along the bar, 0 to 1, and their labels.
        ends: Meaning of the two ends, in a word or two each.
    """

    title: str
    colours: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Legend:
    """The meaning of the colours of layers.

    Attributes:
        entries: Every colour, for the readout under the pointer.
        bar: Drawn instead of the entries where there are too many; None for few.
    """

    entries: tuple[LegendEntry, ...]
    bar: ColourBar | None = None


@dataclass(frozen=True, slots=True)
class SheetPane:
    """A picture of the sheet, with its title and a small line under it."""

    title: str
    note: str
    image: UInt8[np.ndarray, "h w 3"]


def sheet_png(panes: Sequence[SheetPane], *, legend: Legend, caption: str, columns: int) -> bytes:
    """Arrange pictures of one size on white, enlarged without smoothing, 180 mm wide at 300 dpi.

    Args:
        panes: The pictures.
        legend: The legend: its bar where there is one, else every entry.
        caption: One or two sentences below the legend.
        columns: Number of pictures in a row.
    """
    height, width = panes[0].image.shape[:2]
    side = (_WIDTH - _GAP * (columns + 1)) // columns
    tall = round(side * height / width)
    block = tall + _TITLE + _SMALL + 2 * _GAP
    rows = math.ceil(len(panes) / columns)
    foot = _legend_height(legend, _WIDTH) + _SMALL + 3 * _GAP
    lines = _wrapped(caption, _WIDTH - 2 * _GAP)
    sheet = Image.new("RGB", (_WIDTH, rows * block + foot + len(lines) * (_SMALL + 10)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, pane in enumerate(panes):
        left = _GAP + (index % columns) * (side + _GAP)
        _draw_pane(sheet, draw, pane, (left, _GAP + (index // columns) * block), (side, tall))
    _draw_legend(draw, legend, top=rows * block + _GAP, width=_WIDTH)
    below = rows * block + foot - _SMALL
    for number, line in enumerate(lines):
        draw.text((_GAP, below + number * (_SMALL + 10) - _GAP), line, fill=_PALE, font=font(_SMALL))
    target = io.BytesIO()
    sheet.save(target, "PNG", dpi=(DPI, DPI))
    return target.getvalue()


def _draw_pane(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, pane: SheetPane, at: tuple[int, int], size: tuple[int, int]
) -> None:
    draw.text(at, pane.title, fill=_INK, font=font(_TITLE))
    note = fitted(pane.note, size[0])
    draw.text((at[0], at[1] + _TITLE + 6), note, fill=_PALE, font=font(_SMALL))
    # Smoothing an enlargement would hide the pixels that the sheet is about; a reduction needs it.
    enlarged = size[0] >= pane.image.shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    sheet.paste(Image.fromarray(pane.image).resize(size, method), (at[0], at[1] + _TITLE + _SMALL + 18))


def fitted(text: str, width: int) -> str:
    """Return a text on one line of at most so many pixels, shortened in its middle."""
    line, most = one_line(text), len(text)
    while font(_SMALL).getlength(line) > width and most > 3:
        most = min(most, len(line)) - 2
        line = one_line(text, most).replace("…", "...")
    return line


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font(_SMALL).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _legend_height(legend: Legend, width: int) -> int:
    """Return the height of a legend in pixels."""
    if legend.bar is not None:
        return 3 * _LINE
    places = _places(legend, width)
    return places[-1][1] + _LINE if places else 0


def _places(legend: Legend, width: int) -> list[tuple[int, int]]:
    """Return the left upper corner of each entry, from the corner of the legend."""
    places: list[tuple[int, int]] = []
    x, y = _GAP, 0
    for entry in legend.entries:
        wide = _SMALL + 12 + round(font(_SMALL).getlength(entry.name)) + 2 * _GAP
        if x + wide > width and x > _GAP:
            x, y = _GAP, y + _LINE
        places.append((x, y))
        x += wide
    return places


def _draw_legend(draw: ImageDraw.ImageDraw, legend: Legend, *, top: int, width: int) -> None:
    """Draw a legend whose upper edge is at `top`."""
    if legend.bar is not None:
        _draw_bar(draw, legend.bar, top, width)
        return
    for entry, (x, y) in zip(legend.entries, _places(legend, width), strict=True):
        draw.rectangle((x, top + y, x + _SMALL, top + y + _SMALL), fill=entry.colour, outline=_PALE)
        draw.text((x + _SMALL + 12, top + y), entry.name, fill=_INK, font=font(_SMALL))


def _draw_bar(draw: ImageDraw.ImageDraw, bar: ColourBar, top: int, width: int) -> None:
    """Draw a bar a third of the sheet wide: room for five numbers."""
    long = width // 3
    for x in range(long):
        colour = bar.colours[x * len(bar.colours) // long]
        draw.line((_GAP + x, top + _LINE, _GAP + x, top + _LINE + _SMALL), fill=colour)
    draw.rectangle((_GAP, top + _LINE, _GAP + long, top + _LINE + _SMALL), outline=_PALE)
    draw.text((_GAP, top), bar.title, fill=_INK, font=font(_SMALL))
    below = top + 2 * _LINE
    for share, text in bar.ticks:
        anchor = {0.0: "la", 1.0: "ra"}.get(share, "ma")
        draw.text(
            (_GAP + share * long, below), text.translate(_PLAIN), fill=_INK, font=font(_SMALL), anchor=anchor
        )
    words = f"left: {bar.ends[0]}, right: {bar.ends[1]}"
    draw.text((2 * _GAP + long, top + _LINE), words, fill=_INK, font=font(_SMALL))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
