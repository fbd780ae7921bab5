"""Figures of the questions about what is read: each posed, then solved.

Type is large, and text takes its colour from the theme, except on labels with a ground of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, Float64, Shaped
from plotly.subplots import make_subplots

from app.shared.drawing import plain
from app.views.quiz.questions import LETTERS, Border, Question
from app.views.quiz.reading import Arrow, Start, Value

HEIGHT = 420  # CSS pixels: fits on a screen of 720 with the question above it
_INK = "#1B2330"  # text of labels, which have a light ground of their own
_GROUND = "rgba(255, 255, 255, 0.88)"
LINE = "#7F7F7F"  # legible on white and on black
_AREAS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe-Ito, in the order of the pixels
_HALO, _DARK = "#FFFFFF", "#000000"
_NEAR = 0.6  # low-res pixels to show above and below the point
_TIP = 0.1  # low-res pixels of the shaft that the head covers
_PLACES = ((1, 2), (1, 3), (2, 2), (2, 3))  # row and column of each guess


@dataclass(frozen=True, slots=True)
class Illustration:
    """A figure with its words and data.

    Attributes:
        figure: The chart, coloured by the theme.
        caption: Caption with units, Markdown.
        alt: Text alternative of the chart.
        data: The arrays behind the chart; empty where they would give the answer away.
    """

    figure: go.Figure
    caption: str
    alt: str
    data: Mapping[str, Shaped[np.ndarray, "..."]] = field(default_factory=dict[str, np.ndarray])


def value_posed(question: Question[Value]) -> Illustration:
    """Draw four pixels and a point between their centres."""
    facts = question.facts
    figure = _pixels(facts, [f"{value:g}" for value in facts.values.ravel()])
    x, y = facts.point
    return Illustration(
        figure,
        caption=f"Four pixels with their values; dots are their centres. The point is at ({x:g}, {y:g}) "
        "low-res pixels; the lines between the centres have a length of 1.",
        alt=f"Two by two pixels with the values {_listed(facts)}. A point at ({x:g}, {y:g}), between their "
        "centres at 0.5 and 1.5, nearest to the upper left.",
    )


def value_solved(question: Question[Value]) -> Illustration:
    """Draw the areas that weigh the pixels, and the sum."""
    facts = question.facts
    products = [
        f"{value:g} × {Fraction(float(weight))} = {value * weight:g}"
        for value, weight in zip(facts.values.ravel(), facts.weights.ravel(), strict=True)
    ]
    figure = _pixels(facts, products)
    for area in _areas(facts.point):
        figure.add_shape(area)
    return Illustration(
        figure,
        caption="Each pixel is weighed by the area of the rectangle opposite to it, in the same colour; the "
        f"four areas add up to 1. Sum: {facts.output:g}.",
        alt=f"The same four pixels, each with value times weight: {'; '.join(products)}. Together "
        f"{facts.output:g}.",
        data={"values": facts.values, "weights": facts.weights, "point": np.array(facts.point)},
    )


def _pixels(facts: Value, texts: list[str]) -> go.Figure:
    """Draw pixels with text in their outer halves, the lines between their centres, and the point."""
    figure = go.Figure()
    centre_y, centre_x = (np.indices((2, 2)) + 0.5).reshape(2, -1)
    x, y = facts.point
    square = [0.5, 1.5, 1.5, 0.5, 0.5]
    dotted = {"color": LINE, "width": 2, "dash": "dot"}
    figure.add_scatter(x=square, y=[0.5, 0.5, 1.5, 1.5, 0.5], mode="lines", line=dotted, hoverinfo="skip")
    dots = {"size": 16, "color": _AREAS, "line": {"color": LINE, "width": 2}}
    figure.add_scatter(x=centre_x, y=centre_y, mode="markers", marker=dots, hoverinfo="skip")
    cross = {"size": 18, "symbol": "x", "color": "#D55E00", "line": {"color": _HALO, "width": 2}}
    figure.add_scatter(
        x=[x], y=[y], mode="markers", marker=cross, hovertemplate="(%{x}, %{y})<extra></extra>"
    )
    for at_x, at_y, text in zip(centre_x, centre_y, texts, strict=True):
        outer = at_y - 0.28 if at_y < 1 else at_y + 0.28
        figure.add_annotation(x=at_x, y=outer, text=text, showarrow=False, font_size=22)
    line = {"color": LINE, "width": 2}
    figure.update_layout(
        shapes=[
            {"type": "rect", "x0": i, "x1": i + 1, "y0": j, "y1": j + 1, "line": line}
            for i in (0, 1)
            for j in (0, 1)
        ]
    )
    return spatial(figure, width=2, height=2)


def _areas(point: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the four rectangles around the point, each in the colour of the pixel opposite."""
    x, y = point
    spans = [(x, 1.5, y, 1.5), (0.5, x, y, 1.5), (x, 1.5, 0.5, y), (0.5, x, 0.5, y)]
    common = {"type": "rect", "opacity": 0.75, "line": {"width": 0}, "layer": "below"}
    return [
        common | {"x0": left, "x1": right, "y0": top, "y1": bottom, "fillcolor": colour}
        for (left, right, top, bottom), colour in zip(spans, _AREAS, strict=True)
    ]


def _listed(facts: Value) -> str:
    return ", ".join(f"{value:g}" for value in facts.values.ravel())


def arrow_posed(question: Question[Arrow]) -> Illustration:
    """Draw an edge, a point beside it, and four arrows to choose from."""
    facts = question.facts
    rows, columns = facts.input.shape
    x, y = facts.start
    figure = go.Figure(heat(facts.input))
    for letter, end in zip(LETTERS, facts.choices, strict=True):
        _add_arrow(figure, facts.start, end, _DARK)
        beyond = facts.start + 1.25 * (end - facts.start)
        figure.add_annotation(label(float(beyond[0]), float(beyond[1]), f"<b>{letter}</b>"))
    _add_dot(figure, facts.start)
    named = "; ".join(f"{letter}: {words}" for letter, words in zip(LETTERS, question.choices, strict=True))
    return Illustration(
        spatial(figure, width=columns, height=rows),
        caption=f"{columns} × {rows} low-res pixels, 0 (dark) and 1 (light). The point starts at "
        f"({x:g}, {y:g}), where bilinear reads {facts.before:.2f}; in the fine picture it should be "
        f"{facts.target:.0f}.",
        alt=f"A map that is 0 on the left and 1 on the right of x = {columns / 2:g}. From a point at "
        f"({x:g}, {y:g}) four arrows go out: {named}.",
    )


def arrow_solved(question: Question[Arrow]) -> Illustration:
    """Draw the arrow that gradient descent ends with, enlarged."""
    facts = question.facts
    end = facts.start + facts.learnt
    figure = go.Figure(heat(facts.input))
    _add_arrow(figure, facts.start, end, _DARK)
    _add_dot(figure, facts.start)
    rows, columns = facts.input.shape
    spatial(figure, width=columns, height=rows)
    (x, y), half = facts.start, _NEAR
    figure.update_xaxes(range=[x - 1.35 * half, x + 1.35 * half]).update_yaxes(range=[y + half, y - half])
    figure.add_annotation(label(x, y + 0.2, f"start: reads {facts.before:.2f}"))
    figure.add_annotation(label(end[0], end[1] - 0.2, f"end: reads {facts.after:.2f}"))
    move = f"({facts.learnt[0]:+.2f}, {facts.learnt[1]:+.2f})"
    return Illustration(
        figure,
        caption=f"The offset that gradient descent arrives at, {move} low-res pixels: direction "
        f"{LETTERS[question.right]}. What is read goes from {facts.before:.2f} to {facts.after:.2f}; it "
        f"should be {facts.target:.0f}.",
        alt=f"The learnt arrow goes from ({x:g}, {y:g}) by {move}, in the direction of "
        f"{LETTERS[question.right]}. It reads {facts.after:.2f} instead of {facts.before:.2f}.",
        data={"input": facts.input, "start": facts.start, "offset": facts.learnt},
    )


def _add_arrow(
    figure: go.Figure, start: Float64[np.ndarray, " 2"], end: Float64[np.ndarray, " 2"], colour: str
) -> None:
    """Add an arrow of true length on a halo."""
    across, down = end - start
    length = float(np.hypot(across, down))
    shaft = end - (end - start) * min(_TIP / length, 0.3)
    head = {
        "symbol": "arrow",
        "size": 24,
        "angle": float(np.degrees(np.arctan2(across, -down))),
        "color": colour,
        "line": {"color": _HALO, "width": 2},
    }
    x, y = np.stack([start, shaft]).T
    for stroke, width in ((_HALO, 10), (colour, 5)):
        line = {"color": stroke, "width": width}
        figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")
    figure.add_scatter(x=end[:1], y=end[1:], mode="markers", marker=head, hoverinfo="skip", name="arrow")


def _add_dot(figure: go.Figure, place: Float64[np.ndarray, " 2"]) -> None:
    dot = {"size": 18, "color": "#D55E00", "line": {"color": _HALO, "width": 3}}
    hover = "(%{x}, %{y})<extra></extra>"
    figure.add_scatter(x=place[:1], y=place[1:], mode="markers", marker=dot, hovertemplate=hover)


def start_posed(question: Question[Start]) -> Illustration:
    """Draw the input and the four guesses, with a gap for DySample's output."""
    facts = question.facts
    figure = _panels(facts, "DySample: ?", LETTERS)
    side = len(facts.input)
    bare(figure, side=side)
    figure.add_annotation(label(side / 2, side / 2, "?", size=48), row=2, col=1)
    words = "; ".join(f"{letter}, {name}" for letter, name in zip(LETTERS, question.choices, strict=True))
    return Illustration(
        figure,
        caption=f"A map of {side} × {side} low-res pixels, and four guesses at twice its size. Values from 0 "
        "(dark) to 1 (light).",
        alt=f"A map of {side} by {side} pixels with a diagonal edge from 0 to 1, and four enlarged "
        f"versions of it: {words}.",
    )


def start_solved(question: Question[Start]) -> Illustration:
    """Draw the input, the guesses and DySample's output, with the distance of each guess from it."""
    facts = question.facts
    titles = [
        f"{letter}{' ✓' if index == question.right else ''}<br>off by {difference:.2g}"
        for index, (letter, difference) in enumerate(zip(LETTERS, facts.differences, strict=True))
    ]
    figure = _panels(facts, "DySample, new", titles)
    figure.add_trace(heat(facts.output, pixel=0.5), row=2, col=1)
    numbers = ", ".join(
        f"{letter} {difference:.2g}" for letter, difference in zip(LETTERS, facts.differences, strict=True)
    )
    return Illustration(
        bare(figure, side=len(facts.input)),
        caption="“Off by” is the largest difference of a pixel from DySample’s, on a map from 0 to 1. "
        f"Started from the nearest grid, DySample is off from nearest neighbour by {facts.from_nearest:.2g}.",
        alt=f"The output of a new DySample, and the largest difference of each guess from it: {numbers}.",
        data={"input": facts.input, "dysample": facts.output}
        | {f"guess_{letter}": guess for letter, guess in zip(LETTERS, facts.guesses, strict=True)},
    )


def _panels(facts: Start, output: str, titles: Sequence[str]) -> go.Figure:
    side = len(facts.input)
    names = [f"Input<br>{side} × {side}", titles[0], titles[1], output, titles[2], titles[3]]
    figure = make_subplots(
        rows=2, cols=3, subplot_titles=names, horizontal_spacing=0.04, vertical_spacing=0.17
    )
    figure.add_trace(heat(facts.input), row=1, col=1)
    for guess, (row, column) in zip(facts.guesses, _PLACES, strict=True):
        figure.add_trace(heat(guess, pixel=0.5), row=row, col=column)
    return figure.update_layout(plain(HEIGHT, above=50))


def border_posed(question: Question[Border]) -> Illustration:
    """Draw the constant map, and the output pixel in its corner."""
    side = question.facts.side
    figure = go.Figure(heat(np.ones((side, side), np.float32)))
    corner = {"x0": 0, "y0": 0, "x1": 0.5, "y1": 0.5, "line": {"color": "#D55E00", "width": 5}}
    figure.add_shape(type="rect", **corner)
    figure.add_annotation(label(0.8, 0.25, "<b>?</b>", size=22))
    figure.add_annotation(label(side / 2, side / 2, "1 everywhere", size=20))
    return Illustration(
        spatial(figure, width=side, height=side),
        caption=f"A map of {side} × {side} low-res pixels, all 1. The frame is an output pixel.",
        alt=f"A map of {side} by {side} pixels that is 1 everywhere; the output pixel in its upper left "
        "corner is marked.",
    )


def border_solved(question: Question[Border]) -> Illustration:
    """Draw the outputs of both operators, with numbers in the corner, at the edge and in the middle."""
    facts = question.facts
    figure = make_subplots(rows=1, cols=2, subplot_titles=["CARAFE", "DySample"], horizontal_spacing=0.04)
    for column, output in enumerate((facts.carafe, facts.dysample), start=1):
        figure.add_trace(heat(output, pixel=0.5), row=1, col=column)
        places = ((0.55, 0.3), (facts.side / 2, 0.3), (facts.side / 2, facts.side / 2))
        for (x, y), value in zip(places, _values(facts, output), strict=True):
            figure.add_annotation(label(x, y, f"{value:.2f}"), row=1, col=column)
    carafe, dysample = (
        "{:.2f} in the corner, {:.2f} at the edge and {:.2f} in the middle".format(*_values(facts, output))
        for output in (facts.carafe, facts.dysample)
    )
    numbers = f"CARAFE gives {carafe}; DySample gives {dysample}"
    return Illustration(
        bare(figure.update_layout(plain(HEIGHT, above=40)), side=facts.side),
        caption=f"The map of ones, enlarged by both before training; dark is 0, light 1. {numbers}.",
        alt=f"Two maps. {numbers}.",
        data={"carafe": facts.carafe, "dysample": facts.dysample},
    )


def _values(facts: Border, output: Float32[np.ndarray, "H W"]) -> tuple[float, float, float]:
    """Return the values in the corner, in the middle of the upper edge, and in the middle."""
    middle = facts.side
    return float(output[0, 0]), float(output[0, middle]), float(output[middle, middle])


def heat(values: Float32[np.ndarray, "h w"], *, pixel: float = 1.0) -> go.Heatmap:
    """Return a map of values in [0, 1] whose pixels are squares of side `pixel`, from (0, 0) on."""
    return go.Heatmap(
        z=values,
        x0=pixel / 2,
        dx=pixel,
        y0=pixel / 2,
        dy=pixel,
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        showscale=False,
        hovertemplate="%{z:.3f}<extra></extra>",
    )


def label(x: float, y: float, text: str, *, size: int = 17) -> dict[str, object]:
    """Return an annotation that is legible on any ground."""
    font = {"color": _INK, "size": size}
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "bgcolor": _GROUND,
        "borderpad": 3,
        "font": font,
    }


def spatial(figure: go.Figure, *, width: float, height: float) -> go.Figure:
    """Lay out one map with axes in low-res pixels, y downwards, and square pixels."""
    shared: dict[str, Any] = {
        "showgrid": False,
        "zeroline": False,
        "constrain": "domain",
        "tickfont_size": 15,
        "title_font_size": 16,
    }
    figure.update_xaxes(range=[0, width], title_text="x (low-res pixels)", **shared)
    figure.update_yaxes(range=[height, 0], title_text="y (low-res pixels)", scaleanchor="x", **shared)
    figure.update_yaxes(constraintoward="top")
    return figure.update_layout(plain(HEIGHT))


def bare(figure: go.Figure, *, side: float) -> go.Figure:
    """Lay out several maps without axes, y downwards, and square pixels."""
    hidden: dict[str, Any] = {"visible": False, "constrain": "domain"}
    figure.update_xaxes(range=[0, side], **hidden)
    figure.update_yaxes(range=[side, 0], constraintoward="top", **hidden)
    for number, axis in enumerate(figure.select_yaxes(), start=1):
        axis.scaleanchor = "x" if number == 1 else f"x{number}"
    figure.update_annotations(font_size=16)
    return figure
