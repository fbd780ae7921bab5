"""Figures of the page "Check yourself": they draw what was computed, and give no answer away too early."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.views.quiz import figures, figures_counts, questions, reading
from app.views.quiz.figures import Illustration
from app.views.quiz.questions import LETTERS, Question

Case = tuple[Question[Any], Illustration, Illustration]
Draw = Callable[[Question[Any]], Illustration]
CASES: dict[str, tuple[Callable[[], Question[Any]], Draw, Draw]] = {
    "start": (reading.start, figures.start_posed, figures.start_solved),
    "value": (reading.value, figures.value_posed, figures.value_solved),
    "arrow": (reading.arrow, figures.arrow_posed, figures.arrow_solved),
    "double": (questions.double, figures_counts.double_posed, figures_counts.double_solved),
    "touch": (questions.touch, figures_counts.touch_posed, figures_counts.touch_solved),
    "shuffle": (questions.shuffle, figures_counts.shuffle_posed, figures_counts.shuffle_solved),
    "weight": (questions.weight, figures_counts.weight_posed, figures_counts.weight_solved),
    "border": (questions.border, figures.border_posed, figures.border_solved),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    make, posed, solved = CASES[request.param]
    question = make()
    return question, posed(question), solved(question)


def texts(drawing: Illustration) -> list[str]:
    """Return all text of a figure: annotations, and labels of bars."""
    notes = [note.text for note in drawing.figure.layout.annotations]
    bars = [
        text for bar in drawing.figure.select_traces({"type": "bar"}) for text in (bar.text, *bar.y) if text
    ]
    return notes + bars


def test_themes_shine_through_and_words_are_there(
    case: tuple[Question[Any], Illustration, Illustration],
) -> None:
    for drawing in case[1:]:
        layout = drawing.figure.layout
        assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
        assert layout.font.color is None
        assert layout.width is None
        assert layout.height <= 430
        assert len(drawing.caption) > 20
        assert len(drawing.alt) > 20
        for note in layout.annotations:
            assert (note.font.color is None) == (note.bgcolor is None)


def test_the_question_does_not_give_the_answer_away(
    case: tuple[Question[Any], Illustration, Illustration],
) -> None:
    _, posed, solved = case
    assert not posed.data
    assert solved.data
    assert "✓" not in " ".join(texts(posed))
    assert posed.figure != solved.figure


def test_start_marks_the_right_guess_and_shows_the_output() -> None:
    question = reading.start()
    drawing = figures.start_solved(question)
    (marked,) = [text for text in texts(drawing) if "✓" in text]
    assert marked.startswith(LETTERS[question.right])
    assert f"{question.facts.differences[question.right]:.2g}" in marked
    maps = [trace.z for trace in drawing.figure.data]
    assert len(maps) == 6
    np.testing.assert_array_equal(maps[-1], question.facts.output)
    assert len(figures.start_posed(question).figure.data) == 5


def test_the_areas_are_the_weights() -> None:
    facts = reading.value().facts
    figure = figures.value_solved(reading.value()).figure
    areas = [(s.x1 - s.x0) * (s.y1 - s.y0) for s in figure.layout.shapes if s.fillcolor]
    np.testing.assert_allclose(areas, facts.weights.ravel())
    corners = [np.array([0.5, 0.5]), np.array([1.5, 0.5]), np.array([0.5, 1.5]), np.array([1.5, 1.5])]
    for shape, corner in zip([s for s in figure.layout.shapes if s.fillcolor], corners, strict=True):
        opposite = 2 - corner
        assert any(np.allclose(opposite, (x, y)) for x in (shape.x0, shape.x1) for y in (shape.y0, shape.y1))
    assert "16 × 9/16 = 9" in [note.text for note in figure.layout.annotations]


def test_arrows_have_their_true_length_and_direction() -> None:
    question = reading.arrow()
    facts = question.facts
    heads = list(figures.arrow_posed(question).figure.select_traces({"name": "arrow"}))
    np.testing.assert_allclose([(head.x[0], head.y[0]) for head in heads], facts.choices)
    assert [head.marker.angle % 360 for head in heads] == [270, 90, 0, 180]
    (learnt,) = figures.arrow_solved(question).figure.select_traces({"name": "arrow"})
    np.testing.assert_allclose((learnt.x[0], learnt.y[0]), facts.start + facts.learnt)
    assert learnt.marker.angle == pytest.approx(90, abs=1e-3)


def test_the_reaches_over_the_cross_are_marked() -> None:
    question = questions.double()
    x, y = question.facts.place
    heavy = [s for s in figures_counts.double_solved(question).figure.layout.shapes if s.line.width == 5]
    assert len(heavy) == int(question.choices[question.right])
    assert all(s.x0 < x < s.x1 and s.y0 < y < s.y1 for s in heavy)
    assert len({(s.line.color, s.line.dash) for s in heavy}) == len(heavy)


def test_four_scopes_stand_side_by_side() -> None:
    question = questions.touch()
    drawing = figures_counts.touch_solved(question)
    titles = texts(drawing)
    assert [title.split("<br>")[0] for title in titles] == ["A: 1/9", "B: 1/6 ✓", "C: 1/4", "D: 1/3"]
    assert "100 % covered, 0 % twice or more" in titles[question.right]
    sides = {round(s.x1 - s.x0, 6) for s in drawing.figure.layout.shapes if s.fillcolor}
    np.testing.assert_allclose(sorted(sides), [2 / 9, 1 / 3, 1 / 2, 2 / 3], atol=1e-6)


def test_weight_matrices_are_to_scale_and_cut_into_eight() -> None:
    question = questions.shuffle()
    shapes = figures_counts.shuffle_solved(question).figure.layout.shapes
    areas = [(s.x1 - s.x0) * (s.y1 - s.y0) for s in shapes if s.type == "rect"]
    assert areas == [question.facts.first.weights, question.facts.last.weights]
    upright = sum(s.x0 == s.x1 for s in shapes if s.type == "line")
    level = sum(s.y0 == s.y1 for s in shapes if s.type == "line")
    assert (upright + 1) * (level + 1) == areas[0] / areas[1] == 8
    boxes = texts(figures_counts.shuffle_posed(question))
    assert "32 × h × w" in boxes
    assert "64 × 2h × 2w" in boxes


def test_bars_are_as_long_as_the_layers() -> None:
    question = questions.weight()
    posed = figures_counts.weight_posed(question).figure.data[0]
    assert list(posed.y) == ["CARAFE", "A ?", "B ?", "C ?", "D ?"]
    assert list(posed.x[1:]) == list(question.facts.guesses)
    bars = [(bar.y[0], bar.x[0]) for bar in figures_counts.weight_solved(question).figure.data]
    assert bars == [("CARAFE", 16448), ("CARAFE", 57700), ("DySample", 8224)]


def test_the_border_shows_both_outputs_and_the_corner() -> None:
    question = questions.border()
    drawing = figures.border_solved(question)
    maps = [trace.z for trace in drawing.figure.data]
    np.testing.assert_array_equal(maps[0], question.facts.carafe)
    np.testing.assert_array_equal(maps[1], question.facts.dysample)
    assert "0.36 in the corner" in drawing.alt
    assert {"0.36", "1.00"} <= set(texts(drawing))
