"""The last stages: where the map is read, and what is read there."""

import numpy as np
from jaxtyping import Float32

from app.figures.anatomy import Mark, Shades, heatmaps
from app.figures.anatomy_arrows import arrow_map, window_frame
from app.figures.anatomy_block import LOW, OUT, Block, feature_map, feature_shades, is_small, of_group, spread
from app.figures.anatomy_words import number, pair
from dysample.analysis.anatomy import Anatomy, group_maps
from dysample.analysis.anatomy_trace import Trace
from dysample.analysis.arrows import CellWindow, arrows, window_around
from dysample.analysis.offsets import as_array, offset_field

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
