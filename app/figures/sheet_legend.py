"""The legend of a printed sheet: a colour bar, or a list of names beside their colours."""

from PIL import ImageDraw, ImageFont

from app.records import ColourBar, Legend

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
