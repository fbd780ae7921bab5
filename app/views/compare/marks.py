"""Marks on a photograph: boxes, masks and labels that can be seen on any ground, as a PNG with alpha.

A line has a dark halo, a label a plate of its colour in a dark frame, so that neither vanishes where the
photograph has their colour.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageColor, ImageDraw, ImageFont

from app.records import Comparison

Line = Literal["bold", "thin", "dashed"]
Box = tuple[int, int, int, int]  # first column and row, and those after the last
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FILL = 115  # alpha of filled pixels, of 255: the photograph shows through
STRONG = 175  # alpha of pixels to be seen where they are few
HALO = (17, 17, 17, 255)
_INK, _PAPER = "#111111", "#FFFFFF"
# In parts of the picture's longer side, and the least in pixels.
_TEXT, _LEAST_TEXT = 0.042, 11
_LINE, _LEAST_LINE = 0.008, 1
_NO_LABELS_BELOW = 160  # pixels of the longer side; in smaller pictures labels would hide what they name
_PAD = 3  # pixels around a label's text
_ZLIB_LEVEL = 1


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMark:
    """An object to draw.

    Attributes:
        box: Left, top, right and bottom edge in pixels.
        mask: Its pixels, which are filled and outlined; None to outline the box.
        colour: ``#rrggbb``.
        label: Text beside it; empty for none.
        line: How it is outlined. Masks are filled only where the line is bold.
    """

    box: tuple[float, float, float, float]
    mask: Bool[np.ndarray, "h w"] | None
    colour: str
    label: str = ""
    line: Line = "bold"


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """Pixels to fill with a colour, ``#rrggbb``, and their alpha, 0 to 255."""

    pixels: Bool[np.ndarray, "h w"]
    colour: str
    alpha: int = FILL


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of a photograph, in its pixels.

    Attributes:
        left: First column.
        top: First row.
        right: Column after the last.
        bottom: Row after the last.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the part in arrays of the whole photograph."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, other: "Frame") -> tuple[slice, slice]:
        """Return the index of the part in arrays of a larger part."""
        rows, columns = self.slices
        return (
            slice(rows.start - other.top, rows.stop - other.top),
            slice(columns.start - other.left, columns.stop - other.left),
        )

    def grown(self, margin: int, height: int, width: int) -> "Frame":
        """Return the part with a margin, as far as a photograph of this size reaches."""
        return Frame(
            max(0, self.left - margin),
            max(0, self.top - margin),
            min(width, self.right + margin),
            min(height, self.bottom + margin),
        )


def frame_of(comparison: Comparison[Any]) -> tuple[Comparison[Any], Frame]:
    """Return the comparison of the whole picture, and the part of it that is to be drawn.

    Objects are compared whole, since a part of one may overlap its match less than the whole does.
    """
    height, width = comparison.picture.image.shape[:2]
    if comparison.whole is None:
        return comparison, Frame(0, 0, width, height)
    left, top = comparison.window.x, comparison.window.y
    return comparison.whole, Frame(left, top, left + width, top + height)


def marks_png(
    size: tuple[int, int], frame: Frame, marks: Sequence[ObjectMark], areas: Sequence[Area] = ()
) -> bytes:
    """Draw marks on a clear ground: thin lines first, then areas, other marks in their order, and all labels.

    Args:
        size: Height and width of the whole photograph.
        frame: The part of it to draw.
        marks: The objects; later ones lie above earlier ones, and their labels are set first.
        areas: Pixels to fill.
    """
    line = max(_LEAST_LINE, round(_LINE * max(frame.shape)))
    around = frame.grown(line + 2, *size)  # so that no line is drawn where the frame cuts an object
    pixels = np.zeros((*around.shape, 4), np.uint8)
    cut = _cut_off(marks, around)
    thin, bold = ([mark for mark in cut if (mark.line == "thin") == wanted] for wanted in (True, False))
    for mark in thin:
        _outline(pixels, mark, max(1, line // 2))
    for area in areas:
        pixels[area.pixels[around.slices]] = (*rgb(area.colour), area.alpha)
    for mark in bold:
        _fill(pixels, mark)
    for mark in bold:
        _outline(pixels, mark, line)
    picture = Image.fromarray(np.ascontiguousarray(pixels[frame.within(around)]))
    return png(_labelled(picture, _cut_off(marks, frame)))


def _cut_off(marks: Sequence[ObjectMark], frame: Frame) -> list[ObjectMark]:
    """Return what is left of marks within a frame."""
    return [part for part in (_cut(mark, frame) for mark in marks) if part is not None]


def _cut(mark: ObjectMark, frame: Frame) -> ObjectMark | None:
    left, top, right, bottom = mark.box
    box = left - frame.left, top - frame.top, right - frame.left, bottom - frame.top
    if mark.mask is not None:
        mask = mark.mask[frame.slices]
        return replace(mark, box=box, mask=mask) if mask.any() else None
    height, width = frame.shape
    seen = box[2] > 0 and box[3] > 0 and box[0] < width and box[1] < height
    return replace(mark, box=box) if seen else None


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    target = io.BytesIO()
    picture.save(target, "PNG", compress_level=_ZLIB_LEVEL)
    return target.getvalue()


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour, 0 to 255."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


# --- Lines ---


def _fill(pixels: UInt8[np.ndarray, "h w 4"], mark: ObjectMark) -> None:
    if mark.mask is not None and mark.line == "bold":
        pixels[mark.mask] = (*rgb(mark.colour), FILL)


def _outline(pixels: UInt8[np.ndarray, "h w 4"], mark: ObjectMark, size: int) -> None:
    """Draw the edge of an object within it, and its halo around it."""
    part = _around(mark, pixels.shape[:2], size + 2)
    region = np.pad(_region(mark, pixels.shape[:2])[part].astype(np.uint8), 1)
    inner = region - _worn(region, size)
    halo = np.maximum(_grown(region, 1) - region, _worn(region, size) - _worn(region, size + 1))
    cut = inner[1:-1, 1:-1].astype(bool), halo[1:-1, 1:-1].astype(bool)
    if mark.line == "dashed":
        dashes = _dashes(cut[0].shape, 4 * size)
        cut = cut[0] & dashes, cut[1] & dashes
    pixels[part][cut[1]] = HALO
    pixels[part][cut[0]] = (*rgb(mark.colour), 255)


def _region(mark: ObjectMark, shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    if mark.mask is not None:
        return mark.mask
    region = np.zeros(shape, bool)
    left, top, right, bottom = _whole(mark.box, shape)
    region[top:bottom, left:right] = True
    return region


def _whole(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Box:
    """Return a box in whole pixels inside the picture, a pixel wide and high at least."""
    left, top = (
        min(max(0, round(edge)), side - 1) for edge, side in zip(box, reversed(shape[:2]), strict=False)
    )
    right, bottom = (min(round(edge), side) for edge, side in zip(box[2:], reversed(shape[:2]), strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _around(mark: ObjectMark, shape: tuple[int, ...], reach: int) -> tuple[slice, slice]:
    """Return the part of the picture that the lines of a mark may touch."""
    left, top, right, bottom = _whole(mark.box, shape)
    if mark.mask is not None and mark.mask.any():
        rows, columns = np.flatnonzero(mark.mask.any(1)), np.flatnonzero(mark.mask.any(0))
        left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return (
        slice(max(0, int(top) - reach), int(bottom) + reach),
        slice(max(0, int(left) - reach), int(right) + reach),
    )


def _worn(region: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "h w"]:
    return cv2.erode(region, np.ones((3, 3), np.uint8), iterations=size).astype(np.uint8)


def _grown(region: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "h w"]:
    return cv2.dilate(region, np.ones((3, 3), np.uint8), iterations=size).astype(np.uint8)


def _dashes(shape: tuple[int, ...], length: int) -> Bool[np.ndarray, "h w"]:
    """Return stripes across the picture's diagonal, which cut any line into dashes."""
    rows, columns = np.indices(shape[:2])
    return (rows + columns) % (2 * length) < length


# --- Labels ---


def _labelled(picture: Image.Image, marks: Sequence[ObjectMark]) -> Image.Image:
    """Set the labels, those of the last marks first, where they cover none that is already set."""
    longer = max(picture.size)
    named = [mark for mark in reversed(marks) if mark.label]
    if longer < _NO_LABELS_BELOW or not named:
        return picture
    font = ImageFont.load_default(max(_LEAST_TEXT, round(_TEXT * longer)))
    draw, taken = ImageDraw.Draw(picture), list[Box]()
    for mark in named:
        place = _place(mark, _plate(mark.label, font), picture.size, taken)
        taken.append(place)
        _set(draw, place, mark, font)
    return picture


def _plate(label: str, font: _Font) -> tuple[int, int]:
    """Return width and height of a label's plate."""
    left, top, right, bottom = font.getbbox("Ág" + label)
    lead = font.getlength("Ág")
    return round(right - left - lead) + 2 * _PAD, round(bottom - top) + 2 * _PAD


def _place(mark: ObjectMark, plate: tuple[int, int], size: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Return the first place at the edges of an object where its label covers no other, else the emptiest."""
    places = [_inside(corner, plate, size) for corner in _corners(mark, plate, size)]
    return min(places, key=lambda place: sum(_shared(place, other) for other in taken))


def _corners(mark: ObjectMark, plate: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return left upper corners of a plate: above the object, inside, below, and down its left side."""
    left, top, right, bottom = _whole(mark.box, size[::-1])
    wide, high = plate
    above = [(left, top - high), (right - wide, top - high)] if top >= high else []
    inside = [(left, top), (right - wide, top), (left, bottom - high), (right - wide, bottom - high)]
    below = [(left, bottom), (right - wide, bottom)] if bottom + high <= size[1] else []
    return [*above, *inside, *below, *((left, y) for y in range(top + high, bottom - high, high))]


def _inside(corner: tuple[int, int], plate: tuple[int, int], size: tuple[int, int]) -> Box:
    x, y = (max(0, min(at, side - part)) for at, part, side in zip(corner, plate, size, strict=True))
    return x, y, x + plate[0], y + plate[1]


def _shared(one: Box, other: Box) -> int:
    """Return the number of pixels that two boxes share."""
    wide, high = (min(one[2 + k], other[2 + k]) - max(one[k], other[k]) for k in (0, 1))
    return max(0, wide) * max(0, high)


def _set(draw: ImageDraw.ImageDraw, place: Box, mark: ObjectMark, font: _Font) -> None:
    left, top, right, bottom = place
    draw.rectangle((left, top, right - 1, bottom - 1), fill=mark.colour, outline=HALO)
    ink = _INK if _lightness(mark.colour) > 0.45 else _PAPER
    draw.text((left + _PAD, (top + bottom) / 2), mark.label, fill=ink, font=font, anchor="lm")


def _lightness(colour: str) -> float:
    """Return the share of white that a colour looks as light as, on a scale of the screen's values."""
    red, green, blue = rgb(colour)
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
