"""Drawing of a model as a flow of maps: down the encoder, and up again through its enlargements."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Shaped

from app.shared.drawing import Part, plain
from app.theme import CHANGED, IGNORED, MARGINAL
from dysample.swap import Site
from dysample.trial.plan import Plan
from dysample.trial.survey import Survey

Fate = Literal["swapped", "possible", "alone"]
FATES: Mapping[Fate, str] = {
    "swapped": "Swapped",
    "possible": "Can be swapped, not selected",
    "alone": "Left alone",
}
_COLOURS: Mapping[Fate, str] = {"swapped": MARGINAL, "possible": CHANGED, "alone": "#9AA3AE"}
_SYMBOLS: Mapping[Fate, str] = {"swapped": "circle", "possible": "square", "alone": "diamond"}
_HEIGHT = 400
_REACH = 0.36  # half the length of an enlargement's arrow, in columns
_SILENT: Part = {"hoverinfo": "skip", "showlegend": False}


@dataclass(frozen=True, slots=True)
class Node:
    """An enlargement in the drawing.

    Attributes:
        site: The enlargement.
        fate: What the plan does with it.
        column: Position along the flow.
        parents: `order` of the enlargements that its map went through last.
    """

    site: Site
    fate: Fate
    column: float
    parents: tuple[int, ...]


def _fate(site: Site, plan: Plan) -> Fate:
    """Return what a plan does with a site."""
    if any(swap.site == site.name for swap in plan):
        return "swapped"
    return "alone" if site.choice == "never" else "possible"


def nodes(survey: Survey, plan: Plan) -> tuple[Node, ...]:
    """Return all enlargements, in columns behind those of the encoder."""
    sites = [surveyed.site for surveyed in survey.sites]
    above = {site.order: set(site.after) for site in sites}
    first = len(survey.levels) + 1
    return tuple(
        Node(site, _fate(site, plan), first + index, _direct(site, above)) for index, site in enumerate(sites)
    )


def _direct(site: Site, above: Mapping[int, set[int]]) -> tuple[int, ...]:
    """Return the sites before a site with no other site in between."""
    passed = set[int]().union(*(above[order] for order in site.after))
    return tuple(order for order in site.after if order not in passed)


def flow(survey: Survey, plan: Plan) -> go.Figure:
    """Draw a model: sizes of maps upwards, the order of the calls to the right."""
    drawn = nodes(survey, plan)
    traces = [_links(survey, drawn), _encoder(survey)]
    for fate in FATES:
        alike = [node for node in drawn if node.fate == fate]
        if alike:
            traces += [_arrows(alike, fate), _marks(alike, fate)]
    layout: Part = {"xaxis": _x_axis(survey, drawn), "yaxis": _y_axis(survey), "hovermode": "closest"}
    layout["hoverlabel"] = {"align": "left"}
    return go.Figure(traces, layout | plain(_HEIGHT, above=44, below=34, left=10, legend=True))


def _links(survey: Survey, drawn: Sequence[Node]) -> Part:
    ends = {node.site.order: node for node in drawn}
    x, y = list[float | None](), list[float | None]()
    for node in drawn:
        to = (node.column - _REACH, log2(node.site.input[-2]))
        begin = [(ends[order].column + _REACH, log2(ends[order].site.output[-2])) for order in node.parents]
        for start in begin or _level(survey, node.site):
            x += [start[0], to[0], None]
            y += [start[1], to[1], None]
    stroke: Part = {"color": IGNORED, "width": 1, "dash": "dot"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": stroke, **_SILENT}


def _level(survey: Survey, site: Site) -> list[tuple[float, float]]:
    """Return the last map of the encoder that has the size of a site's input."""
    same = [index for index, shape in enumerate(survey.levels, start=1) if shape[-2] == site.input[-2]]
    return [(float(same[-1]), log2(site.input[-2]))] if same else []


def _encoder(survey: Survey) -> Part:
    shapes = [survey.input, *survey.levels]
    words = [f"{_shape(shape)}<br>map {index} of the encoder" for index, shape in enumerate(shapes)]
    words[0] = f"{_shape(survey.input)}<br>picture"
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": list(range(len(shapes))),
        "y": [log2(shape[-2]) for shape in shapes],
        "text": [str(shape[1]) for shape in shapes],
        "textposition": "bottom left",
        "textfont": {"size": 11},
        "line": {"color": IGNORED, "width": 2},
        "marker": {"color": IGNORED, "size": 9, "symbol": "square"},
        "hovertext": words,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "name": "Encoder (channels)",
    }


def _arrows(drawn: Sequence[Node], fate: Fate) -> Part:
    x, y = list[float | None](), list[float | None]()
    for node in drawn:
        x += [node.column - _REACH, node.column + _REACH, None]
        y += [log2(node.site.input[-2]), log2(node.site.output[-2]), None]
    stroke: Part = {"color": _COLOURS[fate], "width": 4}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": stroke, **_SILENT}


def _marks(drawn: Sequence[Node], fate: Fate) -> Part:
    middle = [(log2(node.site.input[-2]) + log2(node.site.output[-2])) / 2 for node in drawn]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [node.column for node in drawn],
        "y": middle,
        "text": [str(node.site.order) for node in drawn],
        "textfont": {"size": 12, "color": "#000000"},
        "marker": {"color": _COLOURS[fate], "size": 21, "symbol": _SYMBOLS[fate]},
        "hovertext": [hover_words(node.site) for node in drawn],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "name": FATES[fate],
    }


def hover_words(site: Site) -> str:
    """Return a site in a few lines, for the pointer."""
    corners = ", corners aligned" if site.align_corners else ""
    scale = f" ×{site.scale}" if site.scale else ""
    lines = [
        f"<b>{site.order}  {html.escape(site.name)}</b>",
        f"{_shape(site.input)} to {_shape(site.output)}",
        f"{site.mode}{scale}{corners}",
        html.escape(site.source),
    ]
    return "<br>".join([*lines, *map(html.escape, _wrapped(site.reason))])


def _wrapped(text: str, width: int = 48) -> list[str]:
    lines = list[str]()
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _x_axis(survey: Survey, drawn: Sequence[Node]) -> Part:
    encoder, decoder = len(survey.levels) / 2, [node.column for node in drawn]
    places = [encoder] if survey.levels else [0.0]
    names = ["encoder" if survey.levels else "picture"]
    if decoder:
        places.append((decoder[0] + decoder[-1]) / 2)
        names.append("enlargements, in the order of their calls")
    last = decoder[-1] if decoder else len(survey.levels)
    ticks: Part = {"tickvals": places, "ticktext": names, "ticks": ""}
    return {"range": [-0.8, last + 0.8], "showgrid": False, "zeroline": False, **ticks}


def _y_axis(survey: Survey) -> Part:
    shapes = [survey.input, *survey.levels]
    shapes += [shape for surveyed in survey.sites for shape in (surveyed.site.input, surveyed.site.output)]
    rows = sorted({shape[-2] for shape in shapes})
    ticks: Part = {"tickvals": [log2(row) for row in rows], "ticktext": [str(row) for row in rows]}
    room = [log2(rows[0]) - 0.6, log2(rows[-1]) + 0.5]
    return {"title": {"text": "rows of the map (pixels)"}, "zeroline": False, "range": room, **ticks}


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape[1:]))


def flow_data(survey: Survey) -> Mapping[str, Shaped[np.ndarray, "..."]]:
    """Return the numbers behind the drawing."""
    sites = [surveyed.site for surveyed in survey.sites]
    return {
        "levels": np.array([shape[1:] for shape in survey.levels]),
        "names": np.array([site.name for site in sites]),
        "inputs": np.array([site.input[1:] for site in sites]),
        "outputs": np.array([site.output[1:] for site in sites]),
        "scales": np.array([site.scale or 0 for site in sites]),
    }
