"""One sampling point: what it reads, and where it is pulled."""

from fractions import Fraction
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from app.figures.quiz_drawing import LINE, Drawing, heat, label, spatial
from app.questions.question import LETTERS, Question
from app.questions.reading import Arrow, Value

_AREAS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe-Ito, in the order of the pixels
_HALO, _DARK = "#FFFFFF", "#000000"
_NEAR = 0.6  # low-res pixels above and below the point
_TIP = 0.1  # low-res pixels that the head covers of the shaft


def value_posed(question: Question[Value]) -> Drawing:
    """Four pixels and a point between their centres."""
    facts = question.facts
    figure = _pixels(facts, [f"{each:g}" for each in facts.values.ravel()])
    x, y = facts.point
    return Drawing(
        figure,
        caption=f"Four pixels with their values; dots are their centres. The point is at ({x:g}, {y:g}) "
        "low-res pixels; the lines between the centres have a length of 1.",
        alt=f"Two by two pixels with the values {_listed(facts)}. A point at ({x:g}, {y:g}), between their "
        "centres at 0.5 and 1.5, nearest to the upper left.",
    )


def value_solved(question: Question[Value]) -> Drawing:
    """The areas that weigh the pixels, and the sum."""
    facts = question.facts
    products = [
        f"{value:g} × {Fraction(float(weight))} = {value * weight:g}"
        for value, weight in zip(facts.values.ravel(), facts.weights.ravel(), strict=True)
    ]
    figure = _pixels(facts, products)
    figure.update_layout(shapes=[*figure.layout.shapes, *_areas(facts.point)])
    return Drawing(
        figure,
        caption="Each pixel is weighed by the area of the rectangle opposite to it, in the same colour; the "
        f"four areas add up to 1. Sum: {facts.output:g}.",
        alt=f"The same four pixels, each with value times weight: {'; '.join(products)}. Together "
        f"{facts.output:g}.",
        data={"values": facts.values, "weights": facts.weights, "point": np.array(facts.point)},
    )


def arrow_posed(question: Question[Arrow]) -> Drawing:
    """An edge, a point beside it, and four arrows to choose from."""
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
    return Drawing(
        spatial(figure, width=columns, height=rows),
        caption=f"{columns} × {rows} low-res pixels, 0 (dark) and 1 (light). The point starts at "
        f"({x:g}, {y:g}), where bilinear reads {facts.before:.2f}; in the fine picture it should be "
        f"{facts.target:.0f}.",
        alt=f"A map that is 0 on the left and 1 on the right of x = {columns / 2:g}. From a point at "
        f"({x:g}, {y:g}) four arrows go out: {named}.",
    )


def arrow_solved(question: Question[Arrow]) -> Drawing:
    """The arrow that gradient descent ends with, nearer."""
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
    return Drawing(
        figure,
        caption=f"The offset that gradient descent arrives at, {move} low-res pixels: direction "
        f"{LETTERS[question.right]}. What is read goes from {facts.before:.2f} to {facts.after:.2f}; it "
        f"should be {facts.target:.0f}.",
        alt=f"The learnt arrow goes from ({x:g}, {y:g}) by {move}, in the direction of "
        f"{LETTERS[question.right]}. It reads {facts.after:.2f} instead of {facts.before:.2f}.",
        data={"input": facts.input, "start": facts.start, "offset": facts.learnt},
    )


def _pixels(facts: Value, texts: list[str]) -> go.Figure:
    """Pixels with words in their outer halves, the lines between their centres, and the point."""
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
    """The four rectangles around the point, in the colour of the pixel opposite."""
    x, y = point
    spans = [(x, 1.5, y, 1.5), (0.5, x, y, 1.5), (x, 1.5, 0.5, y), (0.5, x, 0.5, y)]
    common = {"type": "rect", "opacity": 0.75, "line": {"width": 0}, "layer": "below"}
    return [
        common | {"x0": left, "x1": right, "y0": top, "y1": bottom, "fillcolor": colour}
        for (left, right, top, bottom), colour in zip(spans, _AREAS, strict=True)
    ]


def _add_arrow(
    figure: go.Figure, start: Float64[np.ndarray, " 2"], end: Float64[np.ndarray, " 2"], colour: str
) -> None:
    """An arrow on its halo, at true length."""
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


def _listed(facts: Value) -> str:
    return ", ".join(f"{value:g}" for value in facts.values.ravel())
