"""A comparison as one picture at print size: photograph, panes with titles, legend, caption."""

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
from app.shared.literal import one_line
from app.views.compare.kinds import drawing

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
class SheetPane:
    """A picture of the sheet, with its title and a small line under it."""

    title: str
    note: str
    image: UInt8[np.ndarray, "h w 3"]


def printed(comparison: Comparison[Any], show: Show, *, opacity: float, title: str) -> bytes:
    """Return the photograph and all panes as one PNG, 180 mm wide at 300 dpi.

    Args:
        comparison: The comparison to print.
        show: The layers over the photograph.
        opacity: Opacity of the layers, 0 to 1.
        title: Name of the photograph.
    """
    photo, draw = comparison.picture.image, drawing(comparison.task)
    shown = [SheetPane("Photograph", title, photo)]
    for layer in draw.panes(comparison, show):
        shown.append(SheetPane(layer.title, layer.note, _blend(photo, layer, opacity)))
    height, width = photo.shape[:2]
    caption = (
        f"{comparison.task.title}: one encoder, heads that differ by their upsampler. "
        f"{width} by {height} px. Trained on {comparison.task.licence.partition(':')[0]}."
    )
    if comparison.threshold is not None:
        caption += f" Objects with a score of at least {comparison.threshold:g}."
    legend = draw.legend(comparison, show)
    return _sheet_png(shown, legend=legend, caption=caption, columns=2 if width >= height else 3)


def _blend(photo: UInt8[np.ndarray, "h w 3"], layer: Layer, opacity: float) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(io.BytesIO(layer.png)) as picture:
        over = np.asarray(picture.convert("RGBA"), np.float32)
    weight = opacity * over[..., 3:] / 255
    # Grey, as in the viewer: no layer can have the photograph's own colour.
    grey = (photo @ np.array([0.2126, 0.7152, 0.0722]))[..., None]
    return np.round(grey * (1 - weight) + over[..., :3] * weight).astype(np.uint8)


def _sheet_png(panes: Sequence[SheetPane], *, legend: Legend, caption: str, columns: int) -> bytes:
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
        draw.text((_GAP, below + number * (_SMALL + 10) - _GAP), line, fill=_PALE, font=_font(_SMALL))
    target = io.BytesIO()
    sheet.save(target, "PNG", dpi=(DPI, DPI))
    return target.getvalue()


def _draw_pane(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, pane: SheetPane, at: tuple[int, int], size: tuple[int, int]
) -> None:
    draw.text(at, pane.title, fill=_INK, font=_font(_TITLE))
    note = _fitted(pane.note, size[0])
    draw.text((at[0], at[1] + _TITLE + 6), note, fill=_PALE, font=_font(_SMALL))
    # Smoothing an enlargement would hide the pixels that the sheet is about; a reduction needs it.
    enlarged = size[0] >= pane.image.shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
    sheet.paste(Image.fromarray(pane.image).resize(size, method), (at[0], at[1] + _TITLE + _SMALL + 18))


def _fitted(text: str, width: int) -> str:
    """Return a text on one line of at most so many pixels, shortened in its middle."""
    line, most = one_line(text), len(text)
    while _font(_SMALL).getlength(line) > width and most > 3:
        most = min(most, len(line)) - 2
        line = one_line(text, most).replace("…", "...")
    return line


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _font(_SMALL).getlength(f"{lines[-1]} {word}") <= width:
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
        wide = _SMALL + 12 + round(_font(_SMALL).getlength(entry.name)) + 2 * _GAP
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
        draw.text((x + _SMALL + 12, top + y), entry.name, fill=_INK, font=_font(_SMALL))


def _draw_bar(draw: ImageDraw.ImageDraw, bar: ColourBar, top: int, width: int) -> None:
    """Draw a bar a third of the sheet wide: room for five numbers."""
    long = width // 3
    for x in range(long):
        colour = bar.colours[x * len(bar.colours) // long]
        draw.line((_GAP + x, top + _LINE, _GAP + x, top + _LINE + _SMALL), fill=colour)
    draw.rectangle((_GAP, top + _LINE, _GAP + long, top + _LINE + _SMALL), outline=_PALE)
    draw.text((_GAP, top), bar.title, fill=_INK, font=_font(_SMALL))
    below = top + 2 * _LINE
    for share, text in bar.ticks:
        anchor = {0.0: "la", 1.0: "ra"}.get(share, "ma")
        draw.text(
            (_GAP + share * long, below), text.translate(_PLAIN), fill=_INK, font=_font(_SMALL), anchor=anchor
        )
    words = f"left: {bar.ends[0]}, right: {bar.ends[1]}"
    draw.text((2 * _GAP + long, top + _LINE), words, fill=_INK, font=_font(_SMALL))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
