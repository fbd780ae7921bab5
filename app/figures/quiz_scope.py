"""Reaches to guess: how many lie over a place, and at which scope they touch."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float64
from plotly.subplots import make_subplots

from app.figures.layout import plain
from app.figures.quiz_drawing import HEIGHT, LINE, Drawing, bare
from app.figures.scope import COLOURS, reach_squares
from app.questions.question import LETTERS, Question
from app.questions.scope import Double, Guess, Touch

_WINDOW = 0.34  # low-res pixels around the cell that a small panel shows
_CROSS = {"size": 16, "symbol": "x", "color": "#D55E00", "line": {"color": "#FFFFFF", "width": 2}}


def double_posed(question: Question[Double]) -> Drawing:
    """The reaches as they are with the paper's scope, and a place."""
    facts = question.facts
    caption = (
        f"Where the four points of a cell can go with scope {facts.scope:g}, and, paler, those around it. "
    )
    return Drawing(
        _with_place(reach_squares(facts.before), facts.place),
        caption=caption + "The cross lies in one reach. Lengths in low-res pixels.",
        alt=f"Square reaches side by side, touching, each {2 * facts.scope:g} low-res pixels wide. A cross "
        f"at ({facts.place[0]:g}, {facts.place[1]:g}) lies in one of them.",
    )


def double_solved(question: Question[Double]) -> Drawing:
    """The reaches with the doubled scope; those over the place have a heavy border."""
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
    return Drawing(
        figure,
        caption=f"Scope {facts.doubled:g}: the {count} reaches over the cross have heavy borders. Share of "
        f"the plane in more than one reach: {before} before, {after} now.",
        alt=f"Square reaches, each {2 * facts.doubled:g} low-res pixels wide, overlap everywhere: {count} "
        f"lie over the cross. {after} of the plane is in more than one reach, against {before} before.",
        data={"rectangles": facts.after.rectangles, "over": facts.over, "place": np.array(facts.place)},
    )


def touch_posed(question: Question[Touch]) -> Drawing:
    """The points alone."""
    facts = question.facts
    caption = f"The {facts.scale**2} points of a cell at s = {facts.scale}, and those around it, "
    return Drawing(
        reach_squares(facts.points),
        caption=caption + "without their reaches. Lengths in low-res pixels.",
        alt=f"A cell of one low-res pixel with {facts.scale} by {facts.scale} points, spread evenly over it.",
    )


def touch_solved(question: Question[Touch]) -> Drawing:
    """The reaches of every guess side by side."""
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
    figure.update_layout(shapes=shapes)  # one by one they would take seconds
    bare(figure.update_layout(plain(HEIGHT, above=50)), side=1 + _WINDOW)
    figure.update_xaxes(range=[-_WINDOW, 1 + _WINDOW]).update_yaxes(range=[1 + _WINDOW, -_WINDOW])
    numbers = "; ".join(f"{guess.name}: {_shares(guess)}" for guess in facts.guesses)
    return Drawing(
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
    found = guess.overlap
    return f"{100 * found.covered:.0f} % covered, {100 * found.overlapped:.0f} % twice or more"


def _near(guess: Guess) -> Bool[np.ndarray, " n"]:
    """The reaches that a small panel shows."""
    centres = guess.reaches.centres
    return np.all((centres > -_WINDOW) & (centres < 1 + _WINDOW), axis=1)


def _squares(rectangles: Float64[np.ndarray, "n 4"], axis: str) -> list[dict[str, Any]]:
    """Reaches and the cell's frame on the axes of a panel."""
    common: dict[str, Any] = {"type": "rect", "xref": f"x{axis}", "yref": f"y{axis}"}
    look = {"fillcolor": COLOURS[0], "opacity": 0.35, "line": {"color": COLOURS[1], "width": 2}}
    squares = [
        {**common, **look, "x0": left, "y0": top, "x1": right, "y1": bottom}
        for left, top, right, bottom in rectangles.tolist()
    ]
    frame = {"x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"color": LINE, "width": 4}}
    return [*squares, common | frame]


def _with_place(figure: go.Figure, place: tuple[float, float]) -> go.Figure:
    x, y = place
    figure.add_scatter(x=[x], y=[y], mode="markers", marker=_CROSS, hoverinfo="skip")
    return figure
