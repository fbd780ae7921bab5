"""What DySample gives before training, as a figure to guess from."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.layout import plain
from app.figures.quiz_drawing import HEIGHT, Drawing, bare, heat, label
from app.questions.question import LETTERS, Question
from app.questions.reading import Start

_PLACES = ((1, 2), (1, 3), (2, 2), (2, 3))


def posed(question: Question[Start]) -> Drawing:
    """The input and the four guesses, with DySample's own output left open."""
    facts = question.facts
    figure = _panels(facts, "DySample: ?", LETTERS)
    side = len(facts.input)
    bare(figure, side=side)
    figure.add_annotation(label(side / 2, side / 2, "?", size=48), row=2, col=1)
    words = "; ".join(f"{letter}, {each}" for letter, each in zip(LETTERS, question.choices, strict=True))
    return Drawing(
        figure,
        caption=f"A map of {side} × {side} low-res pixels, and four guesses at twice its size. Values from 0 "
        "(dark) to 1 (light).",
        alt=f"A map of {side} by {side} pixels with a diagonal edge from 0 to 1, and four enlarged "
        f"versions of it: {words}.",
    )


def solved(question: Question[Start]) -> Drawing:
    """The same with DySample's output, and how far each guess is from it."""
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
    return Drawing(
        bare(figure, side=len(facts.input)),
        caption="“Off by” is the largest difference of a pixel from DySample’s, on a map from 0 to 1. "
        f"Started from the nearest grid, DySample is off from nearest neighbour by {facts.from_nearest:.2g}.",
        alt=f"The output of a new DySample, and the largest difference of each guess from it: {numbers}.",
        data={"input": facts.input, "dysample": facts.output}
        | {f"guess_{letter}": each for letter, each in zip(LETTERS, facts.guesses, strict=True)},
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
