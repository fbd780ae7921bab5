"""The map's border to guess: what becomes of a constant map."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32
from plotly.subplots import make_subplots

from app.figures.layout import plain
from app.figures.quiz_drawing import HEIGHT, Drawing, bare, heat, label, spatial
from app.questions.border import Border
from app.questions.question import Question


def posed(question: Question[Border]) -> Drawing:
    """The constant map, and the output pixel in its corner."""
    side = question.facts.side
    figure = go.Figure(heat(np.ones((side, side), np.float32)))
    corner = {"x0": 0, "y0": 0, "x1": 0.5, "y1": 0.5, "line": {"color": "#D55E00", "width": 5}}
    figure.add_shape(type="rect", **corner)
    figure.add_annotation(label(0.8, 0.25, "<b>?</b>", size=22))
    figure.add_annotation(label(side / 2, side / 2, "1 everywhere", size=20))
    return Drawing(
        spatial(figure, width=side, height=side),
        caption=f"A map of {side} × {side} low-res pixels, all 1. The frame is an output pixel.",
        alt=f"A map of {side} by {side} pixels that is 1 everywhere; the output pixel in its upper left "
        "corner is marked.",
    )


def solved(question: Question[Border]) -> Drawing:
    """Both operators' outputs, with numbers in the corner, at the edge and in the middle."""
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
    return Drawing(
        bare(figure.update_layout(plain(HEIGHT, above=40)), side=facts.side),
        caption=f"The map of ones, enlarged by both before training; dark is 0, light 1. {numbers}.",
        alt=f"Two maps. {numbers}.",
        data={"carafe": facts.carafe, "dysample": facts.dysample},
    )


def _values(facts: Border, output: Float32[np.ndarray, "H W"]) -> tuple[float, float, float]:
    """In the corner, in the middle of the upper edge, and in the middle."""
    middle = facts.side
    return float(output[0, 0]), float(output[0, middle]), float(output[middle, middle])
