"""Weights to guess: of offsets predicted after the shuffle, and of points against kernels."""

import numpy as np
import plotly.graph_objects as go

from app.figures.layout import plain
from app.figures.quiz_drawing import HEIGHT, LINE, Drawing
from app.questions.cost import Linear, Shuffle, Weight
from app.questions.question import LETTERS, Question

_FIRST, _LAST, _OTHER = "#0072B2", "#E69F00", "#56B4E9"  # Okabe-Ito
_BOX = {"width": 0.92, "height": 0.42}
_GAP = 12  # weights between the two rectangles


def shuffle_posed(question: Question[Shuffle]) -> Drawing:
    """Both pipelines with the shapes of what flows through them."""
    facts = question.facts
    s, pixels = facts.scale, facts.scale**2
    low, high = "h × w", f"{s}h × {s}w"
    first = (
        f"{facts.first.inputs} × {low}", "linear", f"{facts.first.outputs} × {low}", "shuffle",
        f"{facts.first.outputs // pixels} × {high}",
    )  # fmt: skip
    last = (
        f"{facts.last.inputs * pixels} × {low}", "shuffle", f"{facts.last.inputs} × {high}", "linear",
        f"{facts.last.outputs} × {high}",
    )  # fmt: skip
    figure = go.Figure()
    for column, (name, colour, flow) in enumerate((("LP", _FIRST, first), ("PL", _LAST, last))):
        linear = facts.first if name == "LP" else facts.last
        _pipeline(figure, column, f"<b>{name}</b>: {linear.label}", flow, colour)
    figure.update_xaxes(range=[-0.5, 1.5], visible=False).update_yaxes(range=[3.3, -0.9], visible=False)
    return Drawing(
        figure.update_layout(plain(HEIGHT)),
        caption="Shapes are channels × rows × columns. “Linear” is a 1×1 convolution, “shuffle” lays "
        f"{pixels} channels out as {s} × {s} pixels. The last box holds x and y for {facts.first.groups} "
        f"groups in {facts.first.label}, for {facts.last.groups} in {facts.last.label}.",
        alt=f"Two pipelines. LP: {', '.join(first)}. PL: {', '.join(last)}.",
    )


def shuffle_solved(question: Question[Shuffle]) -> Drawing:
    """Both weight matrices to scale."""
    facts = question.facts
    first, last = facts.first, facts.last
    below = first.outputs + _GAP
    figure = go.Figure()
    _matrix(figure, "LP", first, _FIRST, top=0)
    _matrix(figure, "PL", last, _LAST, top=below)
    for x in range(last.inputs, first.inputs, last.inputs):
        figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=first.outputs, line={"color": _LAST, "width": 3})
    for y in range(last.outputs, first.outputs, last.outputs):
        figure.add_shape(type="line", x0=0, x1=first.inputs, y0=y, y1=y, line={"color": _LAST, "width": 3})
    figure.update_xaxes(range=[-2, first.inputs + 2], title_text="input channels")
    figure.update_yaxes(
        range=[below + last.outputs + 2, -_GAP], scaleanchor="x", title_text="outputs", showticklabels=False
    )
    figure.update_xaxes(
        showgrid=False, zeroline=False, constrain="domain", tickfont_size=15, title_font_size=16
    )
    figure.update_yaxes(showgrid=False, zeroline=False, constrain="domain", title_font_size=16)
    words = f"{first.label} has {first.weights:,} weights, {last.label} {last.weights:,}"
    return Drawing(
        figure.update_layout(plain(HEIGHT - 60)),
        caption=f"The weights of the linear layers to scale, one unit of area each: {words}, without "
        "biases. The lines cut the upper rectangle into pieces of the lower one’s size.",
        alt=f"Two rectangles to scale. {words}: {first.inputs} by {first.outputs} against {last.inputs} by "
        f"{last.outputs}.",
        data={"lp": np.array([first.inputs, first.outputs]), "pl": np.array([last.inputs, last.outputs])},
    )


def weight_posed(question: Question[Weight]) -> Drawing:
    """CARAFE's bar, and four that could be DySample's."""
    facts = question.facts
    total = sum(layer.parameters for layer in facts.kernels)
    figure = go.Figure()
    names = ["CARAFE", *(f"{letter} ?" for letter in LETTERS)]
    sizes = [total, *facts.guesses]
    colours = [_FIRST, *["rgba(230, 159, 0, 0.25)"] * len(facts.guesses)]
    line = {"color": [_FIRST, *[_LAST] * len(facts.guesses)], "width": 3}
    figure.add_bar(
        y=names, x=sizes, orientation="h", marker={"color": colours, "line": line}, hoverinfo="skip"
    )
    return Drawing(
        _bars(figure, total),
        caption=f"Parameters for maps of {facts.channels} channels at s = 2. CARAFE has {total:,}.",
        alt=f"CARAFE has {total:,} parameters. Four bars could be DySample's: "
        f"{', '.join(map(': '.join, zip(LETTERS, question.choices, strict=True)))}.",
    )


def weight_solved(question: Question[Weight]) -> Drawing:
    """Both operators' layers as bars."""
    facts = question.facts
    total = sum(layer.parameters for layer in facts.kernels)
    figure = go.Figure()
    layers = [
        ("CARAFE", layer, colour) for layer, colour in zip(facts.kernels, (_FIRST, _OTHER), strict=True)
    ]
    layers += [("DySample", layer, _LAST) for layer in facts.points]
    for operator, layer, colour in layers:
        figure.add_bar(
            y=[operator],
            x=[layer.parameters],
            orientation="h",
            marker_color=colour,
            name=layer.name,
            text=f"{layer.name}<br>{layer.parameters:,}",
            textangle=0,
            textfont_size=16,
            textposition="outside" if operator == "DySample" else "inside",
            insidetextanchor="middle",
            constraintext="inside",
            hovertemplate="%{x:,} parameters",
        )
    points = sum(layer.parameters for layer in facts.points)
    parts = ", ".join(f"{layer.name} {layer.parameters:,}" for layer in facts.kernels)
    return Drawing(
        _bars(figure, total),
        caption=f"Parameters for maps of {facts.channels} channels at s = 2, biases included: {total:,} "
        f"({parts}) against {points:,}, {total / points:.1f} times as many.",
        alt=f"CARAFE has {total:,} parameters ({parts}), DySample {points:,}.",
        data={
            "carafe": np.array([layer.parameters for layer in facts.kernels]),
            "dysample": np.array([points]),
        },
    )


def _pipeline(figure: go.Figure, column: int, name: str, flow: tuple[str, ...], colour: str) -> None:
    """Boxes one below the other, joined by arrows with the operation beside them."""
    figure.add_annotation(x=column, y=-0.62, text=name, showarrow=False, font_size=19)
    for row, text in enumerate(flow[::2]):
        y = 1.35 * row
        sides = {"x0": column - _BOX["width"] / 2, "x1": column + _BOX["width"] / 2}
        line = {"color": colour, "width": 3}
        figure.add_shape(type="rect", **sides, y0=y - _BOX["height"], y1=y + _BOX["height"] / 1.6, line=line)
        figure.add_annotation(x=column, y=y - 0.07, text=text, showarrow=False, font_size=18)
    for row, text in enumerate(flow[1::2]):
        y = 1.35 * row
        ends = {"x": column, "y": y + 0.92, "ax": column, "ay": y + 0.3, "axref": "x", "ayref": "y"}
        figure.add_annotation(**ends, arrowhead=2, arrowwidth=3, arrowcolor=LINE, text="", showarrow=True)
        figure.add_annotation(
            x=column, y=y + 0.6, xshift=12, xanchor="left", text=text, showarrow=False, font_size=17
        )


def _matrix(figure: go.Figure, name: str, layer: Linear, colour: str, *, top: int) -> None:
    """A rectangle of inputs by outputs; its words stand above the first one, and beside the other."""
    sides = {"x0": 0, "x1": layer.inputs, "y0": top, "y1": top + layer.outputs}
    line = {"color": colour, "width": 3}
    figure.add_shape(type="rect", **sides, fillcolor=colour, opacity=0.55, line=line, layer="below")
    text = f"<b>{name}</b>: {layer.inputs} × {layer.outputs} = {layer.weights:,}"
    words = {"text": text, "showarrow": False, "font_size": 18, "xanchor": "left"}
    if top == 0:
        figure.add_annotation(x=0, y=0, yanchor="bottom", **words)
    else:
        figure.add_annotation(x=layer.inputs, y=top + layer.outputs / 2, xshift=8, **words)


def _bars(figure: go.Figure, most: int) -> go.Figure:
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(range=[0, 1.04 * most], title_text="Parameters", tickformat=",", nticks=5)
    figure.update_xaxes(tickfont_size=15, title_font_size=16)
    figure.update_yaxes(autorange="reversed", tickfont_size=18)
    return figure.update_layout(plain(HEIGHT - 60))
