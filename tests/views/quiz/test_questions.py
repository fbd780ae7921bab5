"""Questions of the page "Check yourself": the right answers, computed again in another way."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates

from app.pages import page_at
from app.views.quiz import questions, reading
from app.views.quiz.questions import Question, closest, only, wordings


def test_before_training_it_is_bilinear() -> None:
    question = reading.start()
    facts = question.facts
    assert question.choices[question.right] == "a smooth edge"
    low = torch.from_numpy(facts.input)[None, None]
    even = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)[0, 0].numpy()
    np.testing.assert_allclose(facts.guesses[question.right], even, atol=1e-6)
    assert np.abs(facts.output - even).max() == pytest.approx(facts.differences[question.right])
    assert 0 < facts.differences[question.right] < 0.01
    assert min(np.delete(facts.differences, question.right)) > 0.2
    assert 0 < facts.from_nearest < 0.01


def test_the_value_is_that_of_another_library() -> None:
    question = reading.value()
    facts = question.facts
    x, y = facts.point
    read = map_coordinates(facts.values, [[y - 0.5], [x - 0.5]], order=1)[0]
    assert float(question.choices[question.right]) == pytest.approx(read) == facts.output == 11
    assert facts.weights.sum() == pytest.approx(1)


def test_the_arrow_goes_to_the_centre_of_the_bright_pixel() -> None:
    question = reading.arrow()
    facts = question.facts
    assert "away from the edge" in question.choices[question.right]
    np.testing.assert_allclose(facts.start + facts.learnt, (2.5, facts.start[1]), atol=1e-3)
    assert (facts.before, facts.target) == (0.75, 1)
    assert facts.after == pytest.approx(1, abs=1e-3)
    column = int(facts.start[0])
    assert (facts.input[:, column - 1], facts.input[:, column]) == (pytest.approx(0), pytest.approx(1))


def test_twice_the_scope_is_four_reaches_everywhere() -> None:
    question = questions.double()
    facts = question.facts
    places = np.random.default_rng(0).uniform(0, 1, (200, 2))
    left, top, right, bottom = facts.after.rectangles.T
    x, y = places[:, :1], places[:, 1:]
    counts = ((left < x) & (x < right) & (top < y) & (y < bottom)).sum(axis=1)
    assert set(counts) == {4}
    assert question.choices[question.right] == "4"
    assert facts.over.sum() == 4
    assert facts.shares == (0, 1)


def test_at_scale_3_reaches_touch_at_a_sixth() -> None:
    """Up to the right scope no place is in two reaches, and from it on none is in no reach."""
    question = questions.touch()
    x, y = np.random.default_rng(1).uniform(0, 1, (2, 4000, 1))
    shares = []
    for guess in question.facts.guesses:
        left, top, right, bottom = guess.reaches.rectangles.T
        counts = ((left < x) & (x < right) & (top < y) & (y < bottom)).sum(axis=1)
        shares.append(((counts > 0).mean(), (counts > 1).mean()))
        assert (guess.overlap.covered, guess.overlap.overlapped) == pytest.approx(shares[-1], abs=0.03)
    assert [covered == 1 and twice == 0 for covered, twice in shares].index(True) == question.right
    assert question.choices[question.right] == "1/6"
    assert question.facts.marginal == pytest.approx(1 / 6)


def test_shuffling_first_leaves_an_eighth_of_the_weights() -> None:
    question = questions.shuffle()
    facts = question.facts
    assert facts.first.weights == 256 * (2 * 4 * 2 * 2) == facts.first.inputs * facts.first.outputs
    assert facts.last.weights == (256 // 4) * (2 * 8) == facts.last.inputs * facts.last.outputs
    assert question.choices[question.right] == "8 times"


def test_dysample_has_a_ninth_of_carafes_parameters() -> None:
    question = questions.weight()
    facts = question.facts
    carafe = (256 * 64 + 64) + (64 * 9 * 100 + 100)
    assert sum(layer.parameters for layer in facts.kernels) == carafe == 74148
    assert [layer.parameters for layer in facts.points] == [256 * 32 + 32]
    assert question.choices[question.right] == "about a ninth"


def test_only_carafe_gets_darker_at_the_border() -> None:
    """With untrained kernels, a value is the share of the 5×5 pixels that lie inside the map."""
    question = questions.border()
    facts = question.facts
    inside = F.avg_pool2d(torch.ones(1, 1, facts.side, facts.side), 5, stride=1, padding=2)
    expected = inside.repeat_interleave(2, 2).repeat_interleave(2, 3)[0, 0].numpy()
    np.testing.assert_allclose(facts.carafe, expected, atol=0.01)
    assert facts.carafe[0, 0] == pytest.approx(9 / 25, abs=0.01)
    np.testing.assert_allclose(facts.dysample, 1, atol=1e-5)
    assert question.choices[question.right].startswith("CARAFE gets darker")


@pytest.mark.parametrize("make", [reading.start, questions.border])
def test_random_numbers_are_left_alone_and_the_same_every_time(make) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = make()
    torch.testing.assert_close(torch.rand(3), expected)
    again = make()
    for name in ("output", "carafe", "dysample"):
        if hasattr(first.facts, name):
            np.testing.assert_array_equal(getattr(first.facts, name), getattr(again.facts, name))


def test_a_question_without_one_clear_answer_is_refused() -> None:
    assert only([False, True, False]) == 1
    assert closest([0.3, 0.1, 0.5]) == 1
    for holds in ([False, False], [True, True]):
        with pytest.raises(ValueError, match="exactly one choice"):
            only(holds)
    with pytest.raises(ValueError, match="clearly the closest"):
        closest([0.1, 0.15, 0.9])
    with pytest.raises(ValueError, match="must have 4 choices"):
        Question(("a", "b"), 0, None)
    with pytest.raises(ValueError, match="index of one of 4"):
        Question(("a", "b", "c", "d"), 4, None)


def test_every_question_leads_to_a_page() -> None:
    assert 6 <= len(wordings()) <= 8
    for words in wordings().values():
        assert page_at(words.page).file.is_file(), words.page
        assert words.ask.endswith("?")
