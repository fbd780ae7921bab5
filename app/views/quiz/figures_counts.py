"""Figures of the questions about counts, of weights and of reaches: each posed, then solved."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64
from plotly.subplots import make_subplots

from app.shared.drawing import plain
from app.views.quiz.figures import HEIGHT, LINE, Illustration, bare
from app.views.quiz.questions import LETTERS, Double, Guess, Linear, Question, Shuffle, Touch, Weight
from app.views.scope.figures import COLOURS, reach_squares

_FIRST, _LAST, _OTHER = "#0072B2", "#E69F00", "#56B4E9"  # Okabe-Ito
_BOX = {"width": 0.92, "height": 0.42}
_GAP = 12  # channels between the two rectangles
_WINDOW = 0.34  # low-res pixels to show around the cell in a small panel
_CROSS = {"size": 16, "symbol": "x", "color": "#D55E00", "line": {"color": "#FFFFFF", "width": 2}}


def shuffle_posed(question: Question[Shuffle]) -> Illustration:
    """Draw both pipelines with the shapes of their tensors."""
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
    return Illustration(
        figure.update_layout(plain(HEIGHT)),
        caption="Shapes are channels × rows × columns. “Linear” is a 1×1 convolution, “shuffle” lays "
        f"{pixels} channels out as {s} × {s} pixels. The last box holds x and y for {facts.first.groups} "
        f"groups in {facts.first.label}, for {facts.last.groups} in {facts.last.label}.",
        alt=f"Two pipelines. LP: {', '.join(first)}. PL: {', '.join(last)}.",
    )


def shuffle_solved(question: Question[Shuffle]) -> Illustration:
    """Draw both weight matrices to scale."""
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
    return Illustration(
        figure.update_layout(plain(HEIGHT - 60)),
        caption=f"The weights of the linear layers to scale, one unit of area each: {words}, without "
        "biases. The lines cut the upper rectangle into pieces of the lower one’s size.",
        alt=f"Two rectangles to scale. {words}: {first.inputs} by {first.outputs} against {last.inputs} by "
        f"{last.outputs}.",
        data={"lp": np.array([first.inputs, first.outputs]), "pl": np.array([last.inputs, last.outputs])},
    )


def _pipeline(figure: go.Figure, column: int, name: str, flow: tuple[str, ...], colour: str) -> None:
    """Add boxes one below the other, joined by arrows with the operation beside them."""
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
    """Add a rectangle of inputs by outputs, with its text above the first one and beside the other."""
    sides = {"x0": 0, "x1": layer.inputs, "y0": top, "y1": top + layer.outputs}
    line = {"color": colour, "width": 3}
    figure.add_shape(type="rect", **sides, fillcolor=colour, opacity=0.55, line=line, layer="below")
    text = f"<b>{name}</b>: {layer.inputs} × {layer.outputs} = {layer.weights:,}"
    words = {"text": text, "showarrow": False, "font_size": 18, "xanchor": "left"}
    if top == 0:
        figure.add_annotation(x=0, y=0, yanchor="bottom", **words)
    else:
        figure.add_annotation(x=layer.inputs, y=top + layer.outputs / 2, xshift=8, **words)


def weight_posed(question: Question[Weight]) -> Illustration:
    """Draw CARAFE's bar, and four that could be DySample's."""
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
    return Illustration(
        _bars(figure, total),
        caption=f"Parameters for maps of {facts.channels} channels at s = 2. CARAFE has {total:,}.",
        alt=f"CARAFE has {total:,} parameters. Four bars could be DySample's: "
        f"{', '.join(map(': '.join, zip(LETTERS, question.choices, strict=True)))}.",
    )


def weight_solved(question: Question[Weight]) -> Illustration:
    """Draw the layers of both operators as bars."""
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
    return Illustration(
        _bars(figure, total),
        caption=f"Parameters for maps of {facts.channels} channels at s = 2, biases included: {total:,} "
        f"({parts}) against {points:,}, {total / points:.1f} times as many.",
        alt=f"CARAFE has {total:,} parameters ({parts}), DySample {points:,}.",
        data={
            "carafe": np.array([layer.parameters for layer in facts.kernels]),
            "dysample": np.array([points]),
        },
    )


def _bars(figure: go.Figure, most: int) -> go.Figure:
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(range=[0, 1.04 * most], title_text="Parameters", tickformat=",", nticks=5)
    figure.update_xaxes(tickfont_size=15, title_font_size=16)
    figure.update_yaxes(autorange="reversed", tickfont_size=18)
    return figure.update_layout(plain(HEIGHT - 60))


def double_posed(question: Question[Double]) -> Illustration:
    """Draw the reaches for the paper's scope, and a place."""
    facts = question.facts
    caption = (
        f"Where the four points of a cell can go with scope {facts.scope:g}, and, paler, those around it. "
    )
    return Illustration(
        _with_place(reach_squares(facts.before), facts.place),
        caption=caption + "The cross lies in one reach. Lengths in low-res pixels.",
        alt=f"Square reaches side by side, touching, each {2 * facts.scope:g} low-res pixels wide. A cross "
        f"at ({facts.place[0]:g}, {facts.place[1]:g}) lies in one of them.",
    )


def double_solved(question: Question[Double]) -> Illustration:
    """Draw the reaches for the doubled scope, with a heavy border around those over the place."""
    facts = question.facts
    figure = reach_squares(facts.after)
    for index, (left, top, right, bottom) in enumerate(facts.after.rectangles[facts.over]):
        line = {
            "color": COLOURS[index % len(COLOURS)],
            "width": 5,
            "dash": ("solid", "dash", "dot", "dashdot")[index % 4],
        }
        figure.add_shape(type="rect", x0=left, y0=top, x1=right, y1=bottom, line=line)
    _with_place(figure, facts.place)
    count = int(facts.over.sum())
    before, after = (f"{100 * share:.0f} %" for share in facts.shares)
    return Illustration(
        figure,
        caption=f"Scope {facts.doubled:g}: the {count} reaches over the cross have heavy borders. Share of "
        f"the plane in more than one reach: {before} before, {after} now.",
        alt=f"Square reaches, each {2 * facts.doubled:g} low-res pixels wide, overlap everywhere: {count} "
        f"lie over the cross. {after} of the plane is in more than one reach, against {before} before.",
        data={"rectangles": facts.after.rectangles, "over": facts.over, "place": np.array(facts.place)},
    )


def _with_place(figure: go.Figure, place: tuple[float, float]) -> go.Figure:
    x, y = place
    figure.add_scatter(x=[x], y=[y], mode="markers", marker=_CROSS, hoverinfo="skip")
    return figure


def touch_posed(question: Question[Touch]) -> Illustration:
    """Draw the points without their reaches."""
    facts = question.facts
    caption = f"The {facts.scale**2} points of a cell at s = {facts.scale}, and those around it, "
    return Illustration(
        reach_squares(facts.points),
        caption=caption + "without their reaches. Lengths in low-res pixels.",
        alt=f"A cell of one low-res pixel with {facts.scale} by {facts.scale} points, spread evenly over it.",
    )


def touch_solved(question: Question[Touch]) -> Illustration:
    """Draw the reaches of all guesses side by side."""
    facts = question.facts
    titles = [
        _title(index == question.right, *pair)
        for index, pair in enumerate(zip(LETTERS, facts.guesses, strict=True))
    ]
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=titles, horizontal_spacing=0.04, vertical_spacing=0.16
    )
    shapes: list[dict[str, Any]] = []
    for index, guess in enumerate(facts.guesses):
        near = _near(guess)
        x, y = guess.reaches.centres[near].T
        place = {"row": index // 2 + 1, "col": index % 2 + 1}
        dots = {"size": 6, "color": LINE}
        figure.add_scatter(x=x, y=y, mode="markers", marker=dots, hoverinfo="skip", **place)
        shapes += _squares(guess.reaches.rectangles[near], str(index + 1) if index else "")
    figure.update_layout(shapes=shapes)  # adding them one by one takes seconds
    bare(figure.update_layout(plain(HEIGHT, above=50)), side=1 + _WINDOW)
    figure.update_xaxes(range=[-_WINDOW, 1 + _WINDOW]).update_yaxes(range=[1 + _WINDOW, -_WINDOW])
    numbers = "; ".join(f"{guess.name}: {_shares(guess)}" for guess in facts.guesses)
    return Illustration(
        figure,
        caption="Reaches of one cell (frame) and around it for the four scopes, in low-res pixels: how much "
        "of the plane is in a reach, and how much in more than one.",
        alt=f"Four panels of square reaches around {facts.scale} by {facts.scale} points. {numbers}.",
        data={
            f"rectangles_{letter}": guess.reaches.rectangles
            for letter, guess in zip(LETTERS, facts.guesses, strict=True)
        },
    )


def _title(right: bool, letter: str, guess: Guess) -> str:
    return f"{letter}: {guess.name}{' ✓' if right else ''}<br>{_shares(guess)}"


def _shares(guess: Guess) -> str:
    overlap = guess.overlap
    return f"{100 * overlap.covered:.0f} % covered, {100 * overlap.overlapped:.0f} % twice or more"


def _near(guess: Guess) -> Bool[np.ndarray, " n"]:
    """Return the mask of the reaches that a small panel shows."""
    centres = guess.reaches.centres
    return np.all((centres > -_WINDOW) & (centres < 1 + _WINDOW), axis=1)


def _squares(rectangles: Float64[np.ndarray, "n 4"], axis: str) -> list[dict[str, Any]]:
    """Return the reaches and the frame of the cell on the axes of a panel."""
    common: dict[str, Any] = {"type": "rect", "xref": f"x{axis}", "yref": f"y{axis}"}
    look = {"fillcolor": COLOURS[0], "opacity": 0.35, "line": {"color": COLOURS[1], "width": 2}}
    squares = [
        {**common, **look, "x0": left, "y0": top, "x1": right, "y1": bottom}
        for left, top, right, bottom in rectangles.tolist()
    ]
    frame = {"x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"color": LINE, "width": 4}}
    return [*squares, common | frame]
