"""Figures and tables of the page "Offsets": histograms, lengths group by group, statistics of all steps."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.shared.drawing import plain
from app.theme import ACROSS, DOWN, MARGINAL
from dysample.explain.offsets import OffsetField
from dysample.explain.statistics import Histogram, OffsetRow, PointStatistics

OffsetColumns = dict[str, list[str] | list[float] | list[float | None]]
_HEIGHT = 320
_GROUP_HEIGHT = 150
_SMALL = {"size": 12}
_RARE = 0.002  # share of the offsets that lie outside the initial view of the histograms


def histograms(statistics: PointStatistics, *, scale: int) -> go.Figure:
    """Draw the histograms of the offsets along x and along y, with scope and marginal value marked."""
    figure = go.Figure()
    for name, histogram, colour, dash in (
        ("x", statistics.x, ACROSS, "solid"),
        ("y", statistics.y, DOWN, "4px,2px"),
    ):
        figure.add_trace(_steps(name, histogram, statistics.points, colour, dash))
    for value, text, dash in (
        (
            statistics.max_scope,
            "scope: a factor" if _static(statistics) else "largest scope: a factor",
            "solid",
        ),
        (1 / (2 * scale), f"1/(2s) = {1 / (2 * scale):g}: reaches touch", "dot"),
    ):
        for side in (-1, 1):
            figure.add_vline(side * value, line={"color": MARGINAL, "dash": dash, "width": 1.5})
        figure.add_trace(
            go.Scatter(x=[None], y=[None], mode="lines", name=text, line={"color": MARGINAL, "dash": dash})
        )
    figure.update_xaxes(title="offset in low-res pixels", range=_range(statistics))
    figure.update_yaxes(title="share of the points in %", rangemode="tozero")
    return figure.update_layout(plain(_HEIGHT, above=40, legend=True))


def _steps(name: str, histogram: Histogram, points: int, colour: str, dash: str) -> go.Scatter:
    share = 100 * np.asarray(histogram.counts) / points
    return go.Scatter(
        x=np.asarray(histogram.edges),
        y=np.append(share, share[-1:]),
        name=f"along {name}",
        mode="lines",
        line={"color": colour, "shape": "hv", "width": 2, "dash": dash},
        hovertemplate="from %{x:.3f}: %{y:.2f} %<extra></extra>",
    )


def _range(statistics: PointStatistics) -> tuple[float, float]:
    """Return a range around zero that holds the scope and all but the rarest offsets."""
    counts = np.asarray(statistics.x.counts) + np.asarray(statistics.y.counts)
    edges = np.abs(np.asarray(statistics.x.edges))
    far = np.maximum(edges[:-1], edges[1:])
    order = np.argsort(far)
    common = np.cumsum(counts[order]) <= (1 - _RARE) * counts.sum()
    reach = 1.1 * max(statistics.max_scope, float(far[order][common].max(initial=0)))
    return -reach, reach


def histograms_alt(statistics: PointStatistics, *, scale: int) -> str:
    """Return the text alternative of `histograms`."""
    scope = (
        f"The scope is {statistics.max_scope:.3g}"
        if _static(statistics)
        else f"The scope goes from {statistics.min_scope:.2f} to {statistics.max_scope:.2f}"
    )
    return (
        f"Two histograms of {statistics.points} offsets, along x and along y. Their mean length is "
        f"{statistics.mean_length:.3f} low-res pixels, the greatest {statistics.max_length:.3f}. {scope}, "
        f"and bounds none of them; the marginal value is {1 / (2 * scale):g}."
    )


def _static(statistics: PointStatistics) -> bool:
    return statistics.min_scope == statistics.max_scope


def histogram_arrays(statistics: PointStatistics) -> dict[str, np.ndarray]:
    """Return the histograms as arrays, for download."""
    return {
        "x_counts": np.asarray(statistics.x.counts),
        "y_counts": np.asarray(statistics.y.counts),
        "length_counts": np.asarray(statistics.length.counts),
        "offset_edges": np.asarray(statistics.x.edges),
        "length_edges": np.asarray(statistics.length.edges),
    }


def histograms_caption(statistics: PointStatistics) -> str:
    """Return the caption of `histograms`, which says what the scope does and does not do."""
    scope = (
        f"the scope, {statistics.max_scope:.3g}"
        if _static(statistics)
        else f"the largest scope, {statistics.max_scope:.2f}"
    )
    return (
        f"Offsets of all groups along x and along y. Green: {scope}, and (dotted) the scope at which the "
        "reaches of neighbouring points touch. The scope multiplies a raw value that has no bound, so it "
        f"limits nothing: the longest offset here is {statistics.max_length:.2f} low-res pixels. A double "
        "click shows the rarest, longest offsets, too."
    )


def group_lengths(field: OffsetField, *, longest: float) -> go.Figure:
    """Draw one map per group of how far its points moved, in one colour scale.

    Args:
        field: The offsets.
        longest: Length in low-res pixels of the last colour; longer offsets have it, too.
    """
    groups = len(field.lengths)
    columns = 2 if groups <= 4 else 4
    rows = -(-groups // columns)
    titles = [f"group {k + 1}" for k in range(groups)]
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.03, vertical_spacing=0.1
    )
    for k, lengths in enumerate(field.lengths):
        hover = f"%{{z:.3f}}<extra>group {k + 1}</extra>"
        trace = go.Heatmap(z=lengths, coloraxis="coloraxis", hovertemplate=hover)
        row, column = k // columns + 1, k % columns + 1
        figure.add_trace(trace, row=row, col=column)
        figure.update_yaxes(scaleanchor="x" if k == 0 else f"x{k + 1}", row=row, col=column)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", constrain="domain")
    figure.update_annotations(font=_SMALL)
    bar = {"title": {"text": "length in low-res pixels", "side": "bottom"}, "thickness": 12}
    bar |= {"orientation": "h", "y": 0, "yanchor": "top"}
    figure.update_layout(coloraxis={"colorscale": "Viridis", "cmin": 0, "cmax": longest, "colorbar": bar})
    return figure.update_layout(plain(_GROUP_HEIGHT * rows + 84, above=28, below=56))


def group_lengths_alt(field: OffsetField) -> str:
    """Return the text alternative of `group_lengths`."""
    means = ", ".join(f"group {k} {lengths.mean():.3f}" for k, lengths in enumerate(field.lengths, start=1))
    return f"Lengths of the offsets of every output point, one picture a group. Mean lengths: {means}."


def steps_table(rows: Sequence[OffsetRow], labels: Mapping[str, str]) -> OffsetColumns:
    """Return the statistics of all steps and groups as columns; lengths are in low-res pixels."""
    statistics = [row.statistics for row in rows]
    return {
        "Step": [labels[row.step] for row in rows],
        "Group": ["all" if row.group is None else str(row.group + 1) for row in rows],
        "Mean length": [entry.mean_length for entry in statistics],
        "Longest": [entry.max_length for entry in statistics],
        "Left own cell (%)": [100 * entry.left_cell for entry in statistics],
        "Order swapped (%)": [_percent(entry.swaps.share) for entry in statistics],
        "Clamped at border (%)": [100 * entry.clamped for entry in statistics],
        "Clamped unmoved (%)": [100 * entry.clamped_unmoved for entry in statistics],
        "Mean scope": [entry.mean_scope for entry in statistics],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def cell_table(field: OffsetField, row: int, column: int) -> OffsetColumns:
    """Return offset and scope of every point of a cell as columns, group by group, in low-res pixels."""
    places = list(np.ndindex(len(field.vectors), field.scale, field.scale))
    here = [(group, row * field.scale + i, column * field.scale + j) for group, i, j in places]
    return {
        "Group": [str(group + 1) for group, _, _ in places],
        "Place": [f"{i}, {j}" for _, i, j in places],
        "x": [float(field.vectors[at][0]) for at in here],
        "y": [float(field.vectors[at][1]) for at in here],
        "Length": [float(field.lengths[at]) for at in here],
        "Scope x": [float(field.scopes[at][0]) for at in here],
        "Scope y": [float(field.scopes[at][1]) for at in here],
    }
