"""What the Anatomy page draws for each stage."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32, Shaped, UInt8

from app.shared.drawing import Part, plain
from app.theme import WRONG
from app.views.anatomy.heatmaps import (
    FEATURES,
    HEIGHT,
    MOST_NUMBERS,
    Mark,
    Shades,
    axis,
    haloed_square,
    heatmaps,
    line,
)
from app.views.anatomy.words import number, pair
from app.views.learn.figures import picture_trace
from dysample.explain.anatomy import Anatomy, StageName, Tap, Trace, group_maps, place, without_offsets
from dysample.explain.offsets import Arrows, CellWindow, arrows, as_array, offset_field, window_around

# A figure of the Anatomy page with its words, and what the words of all of them share.


LOW, OUT = "low-res pixels", "output pixels"


@dataclass(frozen=True, slots=True)
class Block:
    """A figure and what stands with it.

    Attributes:
        figure: The chart.
        name: Short, for downloads and screen readers.
        caption: Below it, with units.
        alt: The chart in words, with its numbers.
        data: The arrays behind it.
    """

    figure: go.Figure
    name: str
    caption: str
    alt: str
    data: Mapping[str, Shaped[np.ndarray, "..."]]


def feature_map(anatomy: Anatomy, name: StageName, followed: Trace) -> Float32[np.ndarray, "p q"]:
    """The followed channel of a map of features."""
    return as_array(anatomy.stage(name).values[0, followed.channel])


def feature_shades(anatomy: Anatomy, followed: Trace) -> Shades:
    """Those of the low-res channel, which no output exceeds."""
    return Shades.of_features(feature_map(anatomy, "input", followed))


def is_small(values: Float32[np.ndarray, "p q"]) -> bool:
    """Whether there is room for a number in every cell."""
    return max(values.shape) <= MOST_NUMBERS


def of_group(anatomy: Anatomy, followed: Trace) -> str:
    """Which group it is, where there are several."""
    groups = anatomy.op.groups
    return f" of group {followed.group + 1} of {groups}" if groups > 1 else ""


def count(maps: Float32[np.ndarray, "n p q"]) -> str:
    """How many maps, of what size."""
    many, rows, columns = maps.shape
    return f"{many} map{'s' if many > 1 else ''} of {rows} by {columns} values"


def spread(values: Float32[np.ndarray, "..."]) -> str:
    """From the smallest value to the largest."""
    return f"{number(float(values.min()))} to {number(float(values.max()))}".replace("-", "−")


def blocks(
    anatomy: Anatomy, name: StageName, followed: Trace, photo: UInt8[np.ndarray, "H W 3"] | None
) -> tuple[Block, Block]:
    """The two figures of a stage.

    Args:
        anatomy: Of the example or of a trained operator.
        name: The stage.
        followed: The value that is marked in every figure.
        photo: What the network sees, for the first stage; None for the example.
    """
    if name == "input":
        if photo is None:
            return channels(anatomy, followed), unmoved(anatomy, followed)
        return picture(anatomy, followed, photo), channel(anatomy, followed)
    if name == "grid":
        return moves(anatomy, followed, reads=False), points(anatomy, followed)
    if name == "sample":
        return moves(anatomy, followed, reads=True), output(anatomy, followed)
    if name == "shuffle" and anatomy.op.style == "pl":
        return channels(anatomy, followed), shuffled(anatomy, followed)
    return offsets(anatomy, name, followed, 0), offsets(anatomy, name, followed, 1)


# Stages that are tensors of features or offsets, channel by channel.


_QUANTITIES: Mapping[StageName, tuple[str, str]] = {
    "linear": ("Raw offset", "no unit"),
    "factor": ("Scope", LOW),
    "scope": ("Offset", LOW),
    "shuffle": ("Offset", LOW),
}


def offsets(anatomy: Anatomy, name: StageName, followed: Trace, axis: int) -> Block:
    """The followed group's maps of one axis: one for each sub-position before the shuffle, one after it."""
    both = as_array(group_maps(anatomy.stage(name), groups=anatomy.op.groups, group=followed.group))
    maps = both[axis]
    sub, row, column = place(anatomy, name, followed.at)
    quantity, unit = _QUANTITIES[name]
    title = f"{quantity} {'xy'[axis]}"
    shades = (
        Shades(0.0, 2 * anatomy.op.scope_factor, f"{title} ({unit})", signed=False)
        if name == "factor"
        else Shades.around_zero(both, f"{title} ({unit})")
    )
    each = "" if len(maps) == 1 else " One map for each sub-position (row, column) within a low-res pixel."
    return Block(
        figure=heatmaps(
            maps,
            _titles(anatomy, followed, axis, len(maps)),
            shades,
            pixels=OUT if name in anatomy.shuffled else LOW,
            mark=Mark(sub, row, column),
        ),
        name=title,
        caption=f"**{title}** ({unit}){of_group(anatomy, followed)}.{each}",
        alt=f"{count(maps)} of the {title}, {spread(maps)}; {number(maps[sub, row, column])} where it is "
        f"followed, in row {row}, column {column}.",
        data={"maps": maps},
    )


def channels(anatomy: Anatomy, followed: Trace) -> Block:
    """The low-res channels that a shuffle makes one channel of; of the example that is the whole map."""
    many = anatomy.op.scale**2
    first = followed.channel // many * many
    maps = as_array(anatomy.stage("input").values[0, first : first + many])
    sub, row, column = place(anatomy, "input", followed.at)
    panel = sub if anatomy.op.style == "pl" else followed.channel - first
    titles = [f"channel {first + index}" for index in range(len(maps))]
    return Block(
        figure=heatmaps(maps, titles, Shades.of_features(maps), pixels=LOW, mark=Mark(panel, row, column)),
        name="Low-res channels",
        caption=f"**The low-res map** (feature values), channels {first} to {first + len(maps) - 1}.",
        alt=f"{count(maps)} of features, {spread(maps)}; {number(maps[panel, row, column])} in the framed "
        f"cell, row {row}, column {column} of channel {first + panel}.",
        data={"maps": maps},
    )


def unmoved(anatomy: Anatomy, followed: Trace) -> Block:
    """What the followed channel becomes without offsets."""
    plain = as_array(without_offsets(anatomy, followed.channel))
    row, column = followed.at
    shades = feature_shades(anatomy, followed)
    return Block(
        figure=heatmaps(plain[None], [""], shades, pixels=OUT, mark=Mark(0, row, column)),
        name="Without offsets",
        caption=f"**Channel {followed.channel} after bilinear interpolation** (feature values): what comes "
        "out if no point moves.",
        alt=f"Channel {followed.channel} enlarged without offsets, {spread(plain)}; "
        f"{number(followed.before)} in the framed cell, row {row}, column {column}.",
        data={"map": plain},
    )


def picture(anatomy: Anatomy, followed: Trace, photo: UInt8[np.ndarray, "H W 3"]) -> Block:
    """What the network looks at."""
    _, rows, columns = anatomy.input_size
    row, column = followed.cell
    return Block(
        figure=photograph(photo, cell=followed.cell, columns=columns),
        name="Picture",
        caption="**The picture**, in pixels of the low-res map, with the followed one framed.",
        alt=f"The picture over {rows} rows and {columns} columns of the low-res map; row {row}, column "
        f"{column} is framed.",
        data={"picture": photo},
    )


def channel(anatomy: Anatomy, followed: Trace) -> Block:
    """The followed channel of the low-res map."""
    x = feature_map(anatomy, "input", followed)
    row, column = followed.cell
    return Block(
        figure=heatmaps(x[None], [""], Shades.of_features(x), pixels=LOW, mark=Mark(0, row, column)),
        name="Low-res channel",
        caption=f"**Channel {followed.channel} of the low-res map** (feature values).",
        alt=f"{count(x[None])}, {spread(x)}; {number(x[row, column])} in row {row}, column {column}.",
        data={"map": x},
    )


def shuffled(anatomy: Anatomy, followed: Trace) -> Block:
    """The channel that the low-res channels of `channels` become in style "pl"."""
    new = followed.channel // anatomy.op.scale**2
    values = as_array(anatomy.stage("shuffle").values[0, new])
    row, column = followed.at
    return Block(
        figure=heatmaps(
            values[None], [""], Shades.of_features(values), pixels=OUT, mark=Mark(0, row, column)
        ),
        name="Shuffled channel",
        caption=f"**Channel {new} after the shuffle** (feature values): the maps beside it, interleaved.",
        alt=f"{count(values[None])} of shuffled features, {spread(values)}; {number(values[row, column])} in "
        f"row {row}, column {column}.",
        data={"map": values},
    )


def _titles(anatomy: Anatomy, followed: Trace, axis: int, maps: int) -> list[str]:
    """Which channel of the tensor a map is, and the sub-position it is for."""
    if maps == 1:
        return [""]
    first = (axis * anatomy.op.groups + followed.group) * maps
    return [f"channel {first + index} → {divmod(index, anatomy.op.scale)}" for index in range(maps)]


# The last stages: where the map is read, and what is read there.


_WINDOW = 6  # cells across and down under the points


def moves(anatomy: Anatomy, followed: Trace, *, reads: bool) -> Block:
    """Grid and sampling points over the followed channel; with `reads`, also the pixels that are read."""
    x = feature_map(anatomy, "input", followed)
    window = _window(anatomy, followed)
    moved = arrows(anatomy.record, height=x.shape[0], width=x.shape[1], group=followed.group, window=window)
    taps = followed.taps if reads else ()
    shades = feature_shades(anatomy, followed)
    move = f"from {pair(followed.initial)} to {pair(followed.point)}"
    framed = " Orange frames: the pixels that it reads." if reads else ""
    return Block(
        figure=arrow_map(x, moved, shades, window=window, at=followed.at, taps=taps),
        name="Sampling points",
        caption=f"Rings: **grid** $\\mathcal{{G}}$; dots: **sampling points** $\\mathcal{{S}}$"
        f"{of_group(anatomy, followed)} (low-res pixels), over channel {followed.channel}. The followed "
        f"one, orange, goes {move}.{framed}",
        alt=f"{len(moved.starts)} points over {window.rows} by {window.columns} low-res pixels; the "
        f"followed one goes {move}.",
        data={"starts": moved.starts, "ends": moved.ends, "features": x},
    )


def points(anatomy: Anatomy, followed: Trace) -> Block:
    """How far each point of the group has moved; on a small map, where it has come to."""
    _, rows, columns = anatomy.input_size
    lengths = offset_field(anatomy.record, height=rows, width=columns).lengths[followed.group]
    found = as_array(group_maps(anatomy.stage("grid"), groups=anatomy.op.groups, group=followed.group)[:, 0])
    small, farthest = is_small(lengths), float(lengths.max())
    figure = heatmaps(
        lengths[None],
        [""],
        Shades(0.0, farthest or 1.0, f"length of the offset ({LOW})", signed=False),
        pixels=OUT,
        mark=Mark(0, *followed.at),
        text=_written(found) if small else None,
        frame=() if small else window_frame(_window(anatomy, followed), scale=anatomy.op.scale),
    )
    written = "**Sampling points**, x above y (low-res pixels). The" if small else "**Lengths**: the"
    return Block(
        figure=figure,
        name="Lengths of the offsets",
        caption=f"{written} brighter, the farther a point has moved: up to {number(farthest)} {LOW}.",
        alt=f"A map of {lengths.shape[0]} by {lengths.shape[1]} points that have moved by {spread(lengths)} "
        f"low-res pixels; the followed one samples at {pair(followed.point)}.",
        data={"points": found, "lengths": lengths},
    )


def output(anatomy: Anatomy, followed: Trace) -> Block:
    """The followed channel of the enlarged map."""
    values = feature_map(anatomy, "sample", followed)
    row, column = followed.at
    shades = feature_shades(anatomy, followed)
    window = window_frame(_window(anatomy, followed), scale=anatomy.op.scale)
    frame = () if is_small(values) else window
    both = f"{number(followed.value)}; without its offset {number(followed.before)}".replace("-", "−")
    return Block(
        figure=heatmaps(values[None], [""], shades, pixels=OUT, mark=Mark(0, row, column), frame=frame),
        name="Enlarged channel",
        caption=f"**The output**, channel {followed.channel} (feature values). The followed one is {both}.",
        alt=f"The enlarged channel {followed.channel}, {spread(values)}; in row {row}, column {column} it is "
        f"{both}.",
        data={"map": values},
    )


def _written(found: Float32[np.ndarray, "2 H W"]) -> list[list[str]]:
    return [
        [f"{number(x)}<br>{number(y)}" for x, y in zip(*line, strict=True)]
        for line in zip(*found, strict=True)
    ]


def _window(anatomy: Anatomy, followed: Trace) -> CellWindow:
    _, rows, columns = anatomy.input_size
    return window_around(*followed.cell, size=_WINDOW, height=rows, width=columns)


# From the grid to the sampling points, over the low-res map; and the photograph in the same pixels.


_FEW = 4  # cells across that have room for points and numbers
# Colour and width of the stroke, and the colour of its halo: either reads on any map.
_OTHERS, _FOLLOWED = ("#FFFFFF", 1.6, "#000000"), (WRONG, 3.5, "#FFFFFF")


def arrow_map(
    features: Float32[np.ndarray, "h w"],
    moved: Arrows,
    shades: Shades,
    *,
    window: CellWindow,
    at: tuple[int, int],
    taps: tuple[Tap, ...] = (),
) -> go.Figure:
    """Rings where points start and dots where they sample, joined by a line of true length.

    Args:
        features: One channel of the low-res map.
        moved: The points of the window's cells.
        shades: The channel's colours.
        window: The cells that are shown.
        at: Row and column of the output pixel whose point stands out.
        taps: The pixels that it reads, to be framed; their cells show their values, and in a small
            window all cells do.
    """
    traces = [_cells(features, window, taps)]
    for tap in taps:
        x = tap.column + np.array([0.04, 0.96, 0.96, 0.04, 0.04, 0.96])
        y = tap.row + np.array([0.04, 0.04, 0.96, 0.96, 0.04, 0.04])
        traces += [line(x, y, colour, width) for colour, width in (("#FFFFFF", 5), (WRONG, 3))]
    chosen: Bool[np.ndarray, " n"] = (moved.pixels == np.array(at)).all(axis=1)
    traces += _strokes(moved.starts[~chosen], moved.ends[~chosen], _OTHERS)
    traces += _strokes(moved.starts[chosen], moved.ends[chosen], _FOLLOWED)
    traces.append(_hover(moved))
    colours: Part = {"colorscale": FEATURES, "cmin": shades.low, "cmax": shades.high, "showscale": False}
    return go.Figure(traces, {"coloraxis": colours, **_axes(window)})


def photograph(image: UInt8[np.ndarray, "H W 3"], *, cell: tuple[int, int], columns: int) -> go.Figure:
    """The picture that the network sees, in pixels of its low-res map, with a cell framed.

    Args:
        image: Padded as the network pads it.
        cell: Row and column.
        columns: Of the low-res map.
    """
    pixel = columns / image.shape[1]
    rows = round(image.shape[0] * pixel)
    reach = max(0.5, 0.02 * max(rows, columns))
    frame = haloed_square(cell[1] + 0.5, cell[0] + 0.5, reach)
    window = CellWindow(row=0, column=0, rows=rows, columns=columns)
    return go.Figure([picture_trace(image, pixel=pixel), *frame], _axes(window))


def window_frame(window: CellWindow, *, scale: int) -> list[Part]:
    """The window of an arrow map, dashed, for a map of the output's pixels."""
    x0, y0 = window.column * scale - 0.5, window.row * scale - 0.5
    corners: Part = {"x0": x0, "y0": y0, "x1": x0 + window.columns * scale, "y1": y0 + window.rows * scale}
    lines = ({"color": "#FFFFFF", "width": 4}, {"color": "#000000", "width": 2, "dash": "dot"})
    return [{"type": "rect", "line": each, **corners} for each in lines]


def _cells(features: Float32[np.ndarray, "h w"], window: CellWindow, taps: tuple[Tap, ...]) -> Part:
    rows = range(window.row, window.row + window.rows)
    columns = range(window.column, window.column + window.columns)
    heat: Part = {
        "type": "heatmap",
        "z": features[rows.start : rows.stop, columns.start : columns.stop],
        "x0": columns.start + 0.5,
        "y0": rows.start + 0.5,
        "coloraxis": "coloraxis",
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "feature value %{z:.4f}<extra></extra>",
    }
    if not taps:
        return heat
    read = {(tap.row, tap.column) for tap in taps}
    every = max(window.rows, window.columns) <= _FEW
    text = [
        [number(float(features[row, column])) if every or (row, column) in read else "" for column in columns]
        for row in rows
    ]
    return heat | {"text": text, "texttemplate": "%{text}", "textfont": {"size": 14}}


def _strokes(
    starts: Float32[np.ndarray, "n 2"], ends: Float32[np.ndarray, "n 2"], style: tuple[str, float, str]
) -> list[Part]:
    colour, width, halo = style
    x, y = np.stack([starts, ends, np.full_like(starts, np.nan)], axis=1).reshape(-1, 2).T
    ring: Part = {"size": 2 * width + 4, "color": halo, "line": {"color": colour, "width": 1.5}}
    dot: Part = {"size": 2 * width + 3, "color": colour, "line": {"color": halo, "width": 1.2}}
    return [
        line(x, y, halo, width + 2.5),
        line(x, y, colour, width),
        _points(starts, ring, "initial positions"),
        _points(ends, dot, "sampling points"),
    ]


def _points(places: Float32[np.ndarray, "n 2"], marker: Part, name: str) -> Part:
    x, y = places.T
    trace: Part = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker}
    return trace | {"name": name, "hoverinfo": "skip"}


def _hover(moved: Arrows) -> Part:
    """Numbers for the pointer, on points that cannot be seen."""
    data = np.concatenate([moved.pixels, moved.ends - moved.starts], axis=1).astype(np.float32)
    text = "output row %{customdata[0]}, column %{customdata[1]}<br>reads (%{x:.2f}, %{y:.2f}), "
    text += "moved by (%{customdata[2]:+.2f}, %{customdata[3]:+.2f}) low-res pixels<extra></extra>"
    unseen = _points(moved.ends, {"size": 12, "opacity": 0}, "offsets")
    return unseen | {"customdata": data, "hovertemplate": text, "hoverinfo": "all"}


def _axes(window: CellWindow) -> Part:
    few = max(window.rows, window.columns) <= MOST_NUMBERS
    left, top = window.column - 0.06, window.row - 0.06
    right, bottom = window.column + window.columns + 0.06, window.row + window.rows + 0.06
    x = axis("x (low-res pixels)", left, right, few=few)
    y = axis("y (low-res pixels)", bottom, top, few=few)
    return {
        "xaxis": x,
        "yaxis": {**y, "scaleanchor": "x", "constraintoward": "top"},
        **plain(HEIGHT, above=6),
    }
