"""Figures of the page "Anatomy": two for each stage, with captions and text alternatives."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float32, Shaped, UInt8

from app.shared.drawing import LEGEND, Part, picture_trace, plain
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
from dysample.explain.anatomy import Anatomy, StageName, Tap, Trace, group_maps, place, without_offsets
from dysample.explain.offsets import Arrows, CellWindow, arrows, as_array, offset_field, window_around

LOW, OUT = "low-res pixels", "output pixels"
_QUANTITIES: Mapping[StageName, tuple[str, str]] = {
    "linear": ("Raw offset", "no unit"),
    "factor": ("Scope", LOW),
    "scope": ("Offset", LOW),
    "shuffle": ("Offset", LOW),
}
_WINDOW = 6  # cells across and down a window of points
_FEW = 4  # cells across a window with room for points and numbers
_USUAL_PX = 290  # side of a window of points
_STILL = 0.02  # low-res pixels: an arrow shorter than this is drawn as a dot
_LEGEND = {"legend": {**LEGEND, "itemclick": False, "itemdoubleclick": False}}
# Colour and width of the stroke, and colour of its halo: legible on any map.
_PLAIN, _HIGHLIGHT = ("#FFFFFF", 1.6, "#000000"), (WRONG, 3.5, "#FFFFFF")


@dataclass(frozen=True, slots=True)
class Block:
    """A figure with its words and data.

    Attributes:
        figure: The chart.
        name: Short name, for downloads and screen readers.
        caption: Caption with units, Markdown.
        alt: Text alternative, with the numbers of the chart.
        data: The arrays behind the chart.
    """

    figure: go.Figure
    name: str
    caption: str
    alt: str
    data: Mapping[str, Shaped[np.ndarray, "..."]]


def blocks(
    anatomy: Anatomy, name: StageName, followed: Trace, photo: UInt8[np.ndarray, "H W 3"] | None
) -> tuple[Block, Block]:
    """Return the two figures of a stage.

    Args:
        anatomy: The anatomy of the example or of a trained operator.
        name: The stage.
        followed: The value to mark in every figure.
        photo: The picture that the network sees, for the first stage and under the points; None for the
            example.
    """
    if name == "input":
        if photo is None:
            return _channels(anatomy, followed), _unmoved(anatomy, followed)
        return _picture(anatomy, followed, photo), _channel(anatomy, followed)
    if name == "grid":
        return _moves(anatomy, followed, photo, reads=False), _points(anatomy, followed)
    if name == "sample":
        return _moves(anatomy, followed, photo, reads=True), _output(anatomy, followed)
    if name == "shuffle" and anatomy.op.style == "pl":
        return _channels(anatomy, followed), _shuffled(anatomy, followed)
    return _offsets(anatomy, name, followed, 0), _offsets(anatomy, name, followed, 1)


def _channels(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw the low-res channels that a shuffle merges into one; for the example they are the whole map."""
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
        alt=f"{_count(maps)} of features, {_spread(maps)}; {number(maps[panel, row, column])} in the framed "
        f"cell, row {row}, column {column} of channel {first + panel}.",
        data={"maps": maps},
    )


def _unmoved(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw the followed channel enlarged without offsets."""
    values = as_array(without_offsets(anatomy, followed.channel))
    row, column = followed.at
    shades = _feature_shades(anatomy, followed)
    return Block(
        figure=heatmaps(values[None], [""], shades, pixels=OUT, mark=Mark(0, row, column)),
        name="Without offsets",
        caption=f"**Channel {followed.channel} after bilinear interpolation** (feature values): what comes "
        "out if no point moves.",
        alt=f"Channel {followed.channel} enlarged without offsets, {_spread(values)}; "
        f"{number(followed.before)} in the framed cell, row {row}, column {column}.",
        data={"map": values},
    )


def _picture(anatomy: Anatomy, followed: Trace, photo: UInt8[np.ndarray, "H W 3"]) -> Block:
    """Draw the picture that the network sees."""
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


def _channel(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw the followed channel of the low-res map."""
    x = _feature_map(anatomy, "input", followed)
    row, column = followed.cell
    return Block(
        figure=heatmaps(x[None], [""], Shades.of_features(x), pixels=LOW, mark=Mark(0, row, column)),
        name="Low-res channel",
        caption=f"**Channel {followed.channel} of the low-res map** (feature values).",
        alt=f"{_count(x[None])}, {_spread(x)}; {number(x[row, column])} in row {row}, column {column}.",
        data={"map": x},
    )


def _shuffled(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw the channel that the low-res channels of `_channels` are merged into in style "pl"."""
    new = followed.channel // anatomy.op.scale**2
    values = as_array(anatomy.stage("shuffle").values[0, new])
    row, column = followed.at
    return Block(
        figure=heatmaps(
            values[None], [""], Shades.of_features(values), pixels=OUT, mark=Mark(0, row, column)
        ),
        name="Shuffled channel",
        caption=f"**Channel {new} after the shuffle** (feature values): the maps beside it, interleaved.",
        alt=f"{_count(values[None])} of shuffled features, {_spread(values)}; "
        f"{number(values[row, column])} in row {row}, column {column}.",
        data={"map": values},
    )


def _offsets(anatomy: Anatomy, name: StageName, followed: Trace, axis: int) -> Block:
    """Draw one axis of the followed group: a map per sub-position before the shuffle, one map after it."""
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
    note = "" if len(maps) == 1 else " One map for each sub-position (row, column) within a low-res pixel."
    return Block(
        figure=heatmaps(
            maps,
            _titles(anatomy, followed, axis, len(maps)),
            shades,
            pixels=OUT if name in anatomy.shuffled else LOW,
            mark=Mark(sub, row, column),
        ),
        name=title,
        caption=f"**{title}** ({unit}){_of_group(anatomy, followed)}.{note}",
        alt=f"{_count(maps)} of the {title}, {_spread(maps)}; {number(maps[sub, row, column])} where it is "
        f"followed, in row {row}, column {column}.",
        data={"maps": maps},
    )


def _titles(anatomy: Anatomy, followed: Trace, axis: int, maps: int) -> list[str]:
    """Return the channel and the sub-position of each map; nothing for a single one."""
    if maps == 1:
        return [""]
    first = (axis * anatomy.op.groups + followed.group) * maps
    return [f"channel {first + index} → {divmod(index, anatomy.op.scale)}" for index in range(maps)]


def _moves(
    anatomy: Anatomy, followed: Trace, photo: UInt8[np.ndarray, "H W 3"] | None, *, reads: bool
) -> Block:
    """Draw grid and sampling points over the followed channel, or over the picture where there is one.

    `reads` frames the pixels that are read.
    """
    x = _feature_map(anatomy, "input", followed)
    window = _window(anatomy, followed)
    moved = arrows(anatomy.record, height=x.shape[0], width=x.shape[1], group=followed.group, window=window)
    taps = followed.taps if reads else ()
    shades = _feature_shades(anatomy, followed)
    move = f"from {pair(followed.initial)} to {pair(followed.point)}"
    beneath = f"channel {followed.channel}" if photo is None else "the picture"
    framed = f" Orange frames: the pixels of channel {followed.channel} that it reads." if reads else ""
    return Block(
        figure=arrow_map(x, moved, shades, window=window, at=followed.at, taps=taps, photo=photo),
        name="Sampling points",
        caption=f"Dots: the **grid** $\\mathcal{{G}}$, where points start; arrow heads: **sampling points** "
        f"$\\mathcal{{S}}${_of_group(anatomy, followed)}, over {beneath}, in low-res pixels. The followed "
        f"one, orange, goes {move} (x, y).{framed}",
        alt=f"{len(moved.starts)} points over {window.rows} by {window.columns} low-res pixels; the "
        f"followed one goes {move}.",
        data={"starts": moved.starts, "ends": moved.ends, "features": x},
    )


def _points(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw how far each point of the group has moved; on a small map, also where it samples."""
    _, rows, columns = anatomy.input_size
    lengths = offset_field(anatomy.record, height=rows, width=columns).lengths[followed.group]
    points = as_array(group_maps(anatomy.stage("grid"), groups=anatomy.op.groups, group=followed.group)[:, 0])
    small, farthest = _is_small(lengths), float(lengths.max())
    figure = heatmaps(
        lengths[None],
        [""],
        Shades(0.0, farthest or 1.0, f"length of the offset ({LOW})", signed=False),
        pixels=OUT,
        mark=Mark(0, *followed.at),
        text=_written(points) if small else None,
        frame=() if small else window_frame(_window(anatomy, followed), scale=anatomy.op.scale),
    )
    written = "**Sampling points**, x above y (low-res pixels). The" if small else "**Lengths**: the"
    return Block(
        figure=figure,
        name="Lengths of the offsets",
        caption=f"{written} brighter, the farther a point has moved: up to {number(farthest)} {LOW}.",
        alt=f"A map of {lengths.shape[0]} by {lengths.shape[1]} points that have moved by {_spread(lengths)} "
        f"low-res pixels; the followed one samples at {pair(followed.point)}.",
        data={"points": points, "lengths": lengths},
    )


def _written(points: Float32[np.ndarray, "2 H W"]) -> list[list[str]]:
    """Return x above y for every point."""
    return [
        [f"{number(x)}<br>{number(y)}" for x, y in zip(*line, strict=True)]
        for line in zip(*points, strict=True)
    ]


def _output(anatomy: Anatomy, followed: Trace) -> Block:
    """Draw the followed channel of the enlarged map."""
    values = _feature_map(anatomy, "sample", followed)
    row, column = followed.at
    shades = _feature_shades(anatomy, followed)
    window = window_frame(_window(anatomy, followed), scale=anatomy.op.scale)
    frame = () if _is_small(values) else window
    both = f"{number(followed.value)}; without its offset {number(followed.before)}".replace("-", "−")
    return Block(
        figure=heatmaps(values[None], [""], shades, pixels=OUT, mark=Mark(0, row, column), frame=frame),
        name="Enlarged channel",
        caption=f"**The output**, channel {followed.channel} (feature values). The followed one is {both}.",
        alt=f"The enlarged channel {followed.channel}, {_spread(values)}; in row {row}, column {column} "
        f"it is {both}.",
        data={"map": values},
    )


def _window(anatomy: Anatomy, followed: Trace) -> CellWindow:
    _, rows, columns = anatomy.input_size
    return window_around(*followed.cell, size=_WINDOW, height=rows, width=columns)


def _feature_map(anatomy: Anatomy, name: StageName, followed: Trace) -> Float32[np.ndarray, "p q"]:
    """Return the followed channel of a feature map."""
    return as_array(anatomy.stage(name).values[0, followed.channel])


def _feature_shades(anatomy: Anatomy, followed: Trace) -> Shades:
    """Return the colour range of the low-res channel; bilinear reading cannot exceed it."""
    return Shades.of_features(_feature_map(anatomy, "input", followed))


def _is_small(values: Float32[np.ndarray, "p q"]) -> bool:
    """Return whether there is room for a number in every cell."""
    return max(values.shape) <= MOST_NUMBERS


def _of_group(anatomy: Anatomy, followed: Trace) -> str:
    """Return the name of the followed group, as a suffix; empty where there is only one."""
    groups = anatomy.op.groups
    return f" of group {followed.group + 1} of {groups}" if groups > 1 else ""


def _count(maps: Float32[np.ndarray, "n p q"]) -> str:
    """Return the number of maps and their size in words."""
    many, rows, columns = maps.shape
    return f"{many} map{'s' if many > 1 else ''} of {rows} by {columns} values"


def _spread(values: Float32[np.ndarray, "..."]) -> str:
    """Return the smallest and the largest value in words."""
    return f"{number(float(values.min()))} to {number(float(values.max()))}".replace("-", "−")


def arrow_map(
    features: Float32[np.ndarray, "h w"],
    moved: Arrows,
    shades: Shades,
    *,
    window: CellWindow,
    at: tuple[int, int],
    taps: tuple[Tap, ...] = (),
    photo: UInt8[np.ndarray, "H W 3"] | None = None,
) -> go.Figure:
    """Draw arrows of true length from where points start to where they sample.

    Args:
        features: One channel of the low-res map.
        moved: The points of the window's cells.
        shades: Colour scale of the channel.
        window: The cells to show.
        at: Row and column of the output pixel whose point to highlight.
        taps: The pixels that it reads, to frame; they show their values, and in a small window all cells do.
        photo: The picture over the whole map, to draw in place of the channel.
    """
    traces: list[Part | go.Image] = (
        [_cells(features, window, taps)] if photo is None else [_crop(photo, window, features.shape[0])]
    )
    for tap in taps:
        x = tap.column + np.array([0.04, 0.96, 0.96, 0.04, 0.04, 0.96])
        y = tap.row + np.array([0.04, 0.04, 0.96, 0.96, 0.04, 0.04])
        traces += [line(x, y, colour, width) for colour, width in (("#FFFFFF", 5), (WRONG, 3))]
    chosen: Bool[np.ndarray, " n"] = (moved.pixels == np.array(at)).all(axis=1)
    cell_px = _USUAL_PX / max(window.rows, window.columns)
    traces += _strokes(moved.starts[~chosen], moved.ends[~chosen], _PLAIN, cell_px)
    traces += _strokes(moved.starts[chosen], moved.ends[chosen], _HIGHLIGHT, cell_px)
    traces += _legend()
    traces.append(_hover(moved))
    colours: Part = {"colorscale": FEATURES, "cmin": shades.low, "cmax": shades.high, "showscale": False}
    values = [] if photo is None else [_value(tap) for tap in taps]
    layout = _axes(window) | plain(HEIGHT, above=34, legend=True)
    return go.Figure(traces, {"coloraxis": colours, "annotations": values, **layout, **_LEGEND})


def _crop(photo: UInt8[np.ndarray, "H W 3"], window: CellWindow, rows: int) -> go.Image:
    """Return the part of a picture that lies over a window; the whole picture lies over `rows` rows."""
    side = photo.shape[0] / rows  # pixels of the picture to one of the map
    left, right, top, bottom = (
        round(place * side)
        for place in (
            window.column,
            window.column + window.columns,
            window.row,
            window.row + window.rows,
        )
    )
    image = picture_trace(np.ascontiguousarray(photo[top:bottom, left:right]), pixel=1 / side)
    return image.update(x0=window.column + 0.5 / side, y0=window.row + 0.5 / side)


def _value(tap: Tap) -> Part:
    """Return the value of a pixel, in the corner of its frame."""
    place: Part = {"x": tap.column + 0.07, "y": tap.row + 0.07, "xanchor": "left", "yanchor": "top"}
    box: Part = {"bgcolor": "#000000", "borderpad": 1, "font": {"color": "#FFFFFF", "size": 13}}
    return place | box | {"text": number(tap.value), "showarrow": False}


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
    starts: Float32[np.ndarray, "n 2"],
    ends: Float32[np.ndarray, "n 2"],
    style: tuple[str, float, str],
    cell_px: float,
) -> list[Part]:
    colour, width, halo = style
    x, y = np.stack([starts, ends, np.full_like(starts, np.nan)], axis=1).reshape(-1, 2).T
    rim: Part = {"color": halo, "width": 1.2}
    dot: Part = {"size": 1.5 * width + 4, "color": colour, "line": rim}
    move = ends - starts
    length = np.hypot(move[:, 0], move[:, 1])
    still = length < _STILL
    head: Part = {
        "symbol": np.where(still, "circle", "arrow").tolist(),
        "angle": np.degrees(np.arctan2(move[:, 0], -move[:, 1])),  # clockwise from upwards; y points down
        "size": np.where(
            still, 1.5 * width + 4, np.clip(0.7 * length * cell_px, 1.5 * width + 4, 3 * width + 7)
        ),
        "color": colour,
        "line": rim,
    }
    return [
        line(x, y, halo, width + 2.5),
        line(x, y, colour, width),
        _markers(starts, dot, "initial positions"),
        _markers(ends, head, "sampling points"),
    ]


def _legend() -> list[Part]:
    """Return one entry each for starts, for what is read, and for the followed point."""
    colour, _, halo = _PLAIN
    rim: Part = {"color": halo, "width": 1.2}
    entries: tuple[tuple[str, Part], ...] = (
        ("start, on the grid", {"symbol": "circle", "color": colour, "size": 8, "line": rim}),
        ("read here", {"symbol": "triangle-right", "color": colour, "size": 11, "line": rim}),
        ("followed", {"symbol": "triangle-right", "color": _HIGHLIGHT[0], "size": 12, "line": rim}),
    )
    nowhere = np.full((1, 2), np.nan, np.float32)
    return [_markers(nowhere, marker, name) | {"showlegend": True} for name, marker in entries]


def _markers(places: Float32[np.ndarray, "n 2"], marker: Part, name: str) -> Part:
    x, y = places.T
    trace: Part = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker}
    return trace | {"name": name, "hoverinfo": "skip", "showlegend": False}


def _hover(moved: Arrows) -> Part:
    """Return invisible points that carry the numbers for the pointer."""
    data = np.concatenate([moved.pixels, moved.ends - moved.starts], axis=1).astype(np.float32)
    text = "output row %{customdata[0]}, column %{customdata[1]}<br>reads (%{x:.2f}, %{y:.2f}), "
    text += "moved by (%{customdata[2]:+.2f}, %{customdata[3]:+.2f}) low-res pixels<extra></extra>"
    invisible = _markers(moved.ends, {"size": 12, "opacity": 0}, "offsets")
    return invisible | {"customdata": data, "hovertemplate": text, "hoverinfo": "all"}


def photograph(image: UInt8[np.ndarray, "H W 3"], *, cell: tuple[int, int], columns: int) -> go.Figure:
    """Draw the picture that the network sees, in pixels of its low-res map, with a cell framed.

    Args:
        image: The picture as the network pads it.
        cell: Row and column of the cell.
        columns: Columns of the low-res map.
    """
    pixel = columns / image.shape[1]
    rows = round(image.shape[0] * pixel)
    reach = max(0.5, 0.02 * max(rows, columns))
    frame = haloed_square(cell[1] + 0.5, cell[0] + 0.5, reach)
    window = CellWindow(row=0, column=0, rows=rows, columns=columns)
    return go.Figure([picture_trace(image, pixel=pixel), *frame], _axes(window))


def window_frame(window: CellWindow, *, scale: int) -> list[Part]:
    """Return a dashed frame of the window of an arrow map, for a map of output pixels."""
    x0, y0 = window.column * scale - 0.5, window.row * scale - 0.5
    corners: Part = {"x0": x0, "y0": y0, "x1": x0 + window.columns * scale, "y1": y0 + window.rows * scale}
    lines = ({"color": "#FFFFFF", "width": 4}, {"color": "#000000", "width": 2, "dash": "dot"})
    return [{"type": "rect", "line": line, **corners} for line in lines]


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
