"""Captions, text alternatives, tables and LaTeX equations of the One point page."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from app.views.point.figures import Pane, PointScene, weights_in
from dysample.explain.footprint import Move, Pair
from dysample.explain.offsets import CellWindow
from dysample.explain.one_point import OnePoint
from dysample.ops.registry import operator_spec

LANDING = (
    "It lands *a* low-res pixels to the right of a pixel's centre and *b* below it. That pixel and its three "
    "neighbours have as bilinear weights:"
)
Table = dict[str, list[str]]
Data = dict[str, Shaped[np.ndarray, "..."]]

_WHOLE = 0.999
_AGREES = 1e-4  # of the largest value: what single precision may lose in positions and sums
_TERMS = 4  # of a kernel's sum that are written out


def status(name: str, *, trained: bool) -> str:
    """Return whether an operator was trained, in few words; `name` as in `OPERATORS`."""
    start = operator_spec(name).start
    if start == "nothing to learn":
        return start
    return "trained" if trained else "untrained: random start"


def start(name: str, *, trained: bool) -> str:
    """Return what an untrained operator's weights are like; empty where that does not matter."""
    start = operator_spec(name).start
    return "" if trained or start == "nothing to learn" else start


def window_caption(scene: PointScene) -> str:
    """Return the caption of the window, with units."""
    reading = scene.point.reading
    beneath = scene.quantity
    if scene.beneath.ndim == 2:
        beneath += f", {scene.beneath.min():.3f} (dark) to {scene.beneath.max():.3f} (light)"
    where = f"Output pixel row {reading.at[0]}, column {reading.at[1]}, channel {reading.channel}."
    if reading.move is None:
        return (
            f"{where} The numbers are the kernel's weights at the low-res pixels that they multiply; they "
            f"sum to {reading.total:.4f}. Beneath: {beneath}. Axes in low-res pixels."
        )
    held = ""
    if reading.move.read != reading.move.position:
        held = f" It lies beyond the outermost pixels' centres and is read at {_place(reading.move.read)}."
    return (
        f"{where} Arrows run from initial to sampling positions; the chosen point reads at "
        f"{_place(reading.move.position)}.{held} Dotted lines lead to the pixels it is read from, with their "
        f"bilinear weights. Beneath: {beneath}. Axes in low-res pixels, pixel centres at one half."
    )


def window_alt(scene: PointScene) -> str:
    """Return the window in words."""
    reading = scene.point.reading
    if reading.move is None:
        start = (
            f"A kernel of {len(reading.weights)} weights around row {scene.cell[0]}, column {scene.cell[1]}."
        )
    else:
        start = (
            f"{sum(len(group.starts) for group in scene.arrows)} arrows in the cell at row {scene.cell[0]}, "
            f"column {scene.cell[1]}. The chosen point of group {reading.group + 1} moves from "
            f"{_place(reading.move.initial)} to {_place(reading.move.position)} low-res pixels."
        )
    return f"{start} {_read_from(scene.point)}"


def _read_from(point: OnePoint) -> str:
    reading = point.reading
    terms = sorted(zip(reading.weights, reading.rows, reading.columns, strict=True), reverse=True)[:4]
    largest = ", ".join(f"row {row} column {column} {weight:.3f}" for weight, row, column in terms)
    return f"Largest weights: {largest}; all weights sum to {reading.total:.3f}."


def footprints_caption(panes: Sequence[Pane]) -> str:
    """Return the caption of the footprints, with a reason why some sums are not one."""
    kernels = [pane.reading for pane in panes if pane.reading.move is None and len(pane.reading.weights) > 1]
    words = (
        f"Weights (no unit) of the same output pixel and channel, {panes[0].label} first; colour "
        "is the square root of the weight. Trained operators decide on the maps of their own network, "
        "untrained ones on those of the chosen one. Dot: where the map is read. Σ: sum of the weights."
    )
    if any(kernel.total < _WHOLE for kernel in kernels):
        words += (
            " Here kernels reach over the map's border, where it counts as zero: they sum to less than one."
        )
    return words


def footprints_alt(panes: Sequence[Pane]) -> str:
    """Return the footprints in words."""
    footprints = "; ".join(
        f"{pane.label}, {pane.status} {pane.start}: {len(pane.reading.weights)} pixels, largest "
        f"weight {max(pane.reading.weights, default=0):.3f}, sum {pane.reading.total:.3f}"
        for pane in panes
    )
    return f"Weights of one output pixel under {len(panes)} upsamplers. {footprints}."


def footprints_data(panes: Sequence[Pane], window: CellWindow) -> Data:
    """Return the weights of each pane over the window."""
    return {pane.label: weights_in(pane.reading, window) for pane in panes}


def window_data(scene: PointScene) -> Data:
    """Return the pixels that are read with weights and values, and the arrows by group."""
    reading = scene.point.reading
    data = {
        "rows": np.array(reading.rows),
        "columns": np.array(reading.columns),
        "weights": np.array(reading.weights),
        "values": np.array(scene.point.values),
        "output": np.array(scene.point.output),
        "beneath": scene.beneath,
    }
    if not scene.arrows:
        return data
    starts, ends = [group.starts for group in scene.arrows], [group.ends for group in scene.arrows]
    return {**data, "initial": np.stack(starts), "sampled": np.stack(ends)}


def pixels_table(point: OnePoint) -> Table:
    """Return a table of the pixels of the sum."""
    reading = point.reading
    return {
        "Row, column": [
            f"{row}, {column}" for row, column in zip(reading.rows, reading.columns, strict=True)
        ],
        "w": [f"{weight:.4f}" for weight in reading.weights],
        "x": [f"{value:.4f}" for value in point.values],
        "w · x": [f"{w * x:.4f}" for w, x in zip(reading.weights, point.values, strict=True)],
        "Distance before": [f"{distance:.3f}" for distance in point.distances_before],
        "Distance after": [f"{distance:.3f}" for distance in point.distances],
    }


def points_table(points: Sequence[OnePoint], names: Sequence[str]) -> Table:
    """Return a table of a cell's points in one group; without rows for kernels."""
    moves = [(point, point.reading.move) for point in points]
    rows = [(name, point, move) for name, (point, move) in zip(names, moves, strict=True) if move is not None]
    corners = ("↖", "↗", "↙", "↘")
    return {
        "Output pixel": [name for name, _, _ in rows],
        "Initial (x, y)": [_place(move.initial) for _, _, move in rows],
        "Offset (x, y)": [_place(move.offset, sign="+") for _, _, move in rows],
        "Reads at (x, y)": [_place(move.read) for _, _, move in rows],
        **{
            f"w {arrow}": [f"{move.corners[index]:.3f}" for _, _, move in rows]
            for index, arrow in enumerate(corners)
        },
        "Before": [f"{point.before:.4f}" for _, point, _ in rows],
        "After": [f"{point.after:.4f}" for _, point, _ in rows],
    }


def check(point: OnePoint) -> str:
    """Return a sentence on whether the sum agrees with the operator's output."""
    gap = abs(point.after - point.output)
    largest = max(1e-12, *(abs(value) for value in (*point.values, point.output)))
    if gap > _AGREES * largest:
        return (
            f"The operator's own output, {point.output:.6f}, does **not** agree: it is ${number(gap)}$ away."
        )
    near = number(float(f"{gap:.0e}"))
    return f"The operator's own output is {point.output:.6f}: it agrees to ${near}$, in single precision."


def moves(move: Move) -> str:
    """Return a sentence on the equations of a move."""
    if not any(move.scope):
        return "Nothing is learned: the point stays where it starts (Eq. 3)."
    equation, kind = (5, "a predicted scope") if move.dynamic else (4, "a fixed scope")
    return f"The offset is {kind} times a raw offset (Eq. {equation}); it moves the initial position (Eq. 3):"


def _place(pair: tuple[float, float], *, sign: str = "") -> str:
    return f"({pair[0]:{sign}.3f}, {pair[1]:{sign}.3f})"


# --- Equations ---


def number(value: float) -> str:
    """Return a number in LaTeX with four significant digits."""
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    return rf"{mantissa}\cdot10^{{{int(exponent)}}}" if exponent else mantissa


def move_latex(move: Move) -> str:
    """Return the equations from the raw offset to the sampling position (Eqs. 3-5)."""
    scope, offset = _pair(move.scope), _pair(move.offset)
    lines = [r"\mathcal{S} &= \mathcal{G} + \mathcal{O}"]
    if any(move.scope):
        raw = _pair((_ratio(move.offset[0], move.scope[0]), _ratio(move.offset[1], move.scope[1])))
        first = r"0.5\,\sigma(\mathrm{linear}_1(\mathcal{X}))" if move.dynamic else number(move.scope[0])
        second = r"\mathrm{linear}_2(\mathcal{X})" if move.dynamic else r"\mathrm{linear}(\mathcal{X})"
        times = rf"{scope} \odot {raw}" if move.dynamic else rf"{number(move.scope[0])} \cdot {raw}"
        lines[:0] = [
            rf"\mathcal{{O}} &= {first} \cdot {second}",
            rf"&= {times}",
            rf"&= {offset}",
        ]
    lines += [rf"&= {_pair(move.initial)} + {offset}", rf"&= {_pair(move.position)}"]
    return _aligned(lines)


def weights_latex(move: Move) -> str:
    """Return the equations of the four bilinear weights, as areas."""
    a, b = ((place - 0.5) % 1 for place in move.read)
    names = (
        (r"\nwarrow", "(1-a)(1-b)"),
        (r"\nearrow", "a\\,(1-b)"),
        (r"\swarrow", "(1-a)\\,b"),
        (r"\searrow", "a\\,b"),
    )
    weights = [
        rf"w_{{{arrow}}} &= {formula} = {number(weight)}"
        for (arrow, formula), weight in zip(names, move.corners, strict=True)
    ]
    return _aligned([rf"a &= {number(a)}, \quad b = {number(b)}", *weights])


def sum_latex(point: OnePoint) -> str:
    """Return the weighted sum term by term; for a large kernel, its largest terms and the sum of the rest."""
    terms = list(zip(point.reading.weights, point.values, strict=True))
    if len(terms) > _TERMS:
        terms.sort(key=lambda term: -term[0])
    written = [rf"{number(weight)} \cdot {_signed(value)}" for weight, value in terms[:_TERMS]]
    rest = terms[_TERMS:]
    if rest:
        total = sum(weight * value for weight, value in rest)
        written.append(rf"{_signed(total)} \quad \text{{({len(rest)} smaller weights)}}")
    lines = [rf"x'_{{{point.reading.channel}}} &= \sum_i w_i\,x_i"]
    lines += [f"&{'=' if index == 0 else '+'} {term}" for index, term in enumerate(written)]
    return _aligned([*lines, rf"&= {number(point.after)}"])


def _ratio(offset: float, scope: float) -> float:
    return offset / scope if scope else 0.0


def _pair(values: Pair) -> str:
    return rf"({number(values[0])},\, {number(values[1])})"


def _signed(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def _aligned(lines: list[str]) -> str:
    return r"\begin{aligned}" + r"\\".join(lines) + r"\end{aligned}"
