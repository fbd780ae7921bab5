"""The page "Check yourself" without a browser: choosing, locking, the address, the score."""

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.pages import page_at
from app.views.quiz import questions, reading
from app.views.quiz.questions import wordings
from tests.views.opened import open_page

pytestmark = pytest.mark.slow

PAGE = str(page_at("quiz").file)
MAKERS = (
    reading.start, reading.value, reading.arrow, questions.double,
    questions.touch, questions.shuffle, questions.weight, questions.border,
)  # fmt: skip


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=60)


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception


def predict(app: AppTest, index: int) -> None:
    app.radio[0].set_value(index).run()
    press(app, "Check")


def answer_link(app: AppTest):
    """The link beside the verdict, not one at the foot of the page."""
    labels = {words.link for words in wordings().values()}
    (link,) = [link for link in app.get("page_link") if link.proto.label in labels]
    return link


def verdicts(app: AppTest) -> list[str]:
    return [element.value for element in (*app.success, *app.warning)]


def test_nothing_is_answered_before_a_prediction_is_locked(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert app.subheader[0].value == f"1. {wordings()['start'].ask}"
    assert len(app.radio[0].options) == 4
    (check,) = [button for button in app.button if button.label == "Check"]
    assert check.disabled
    assert not verdicts(app)
    app.radio[0].set_value(2).run()
    assert not verdicts(app)
    (check,) = [button for button in app.button if button.label == "Check"]
    assert not check.disabled
    assert "question" not in app.query_params


def test_a_wrong_prediction_is_kind_names_the_answer_and_is_locked(app: AppTest) -> None:
    app.run()
    question = reading.start()
    predict(app, 0)
    assert verdicts(app) == [f"Not this one. The answer is **C**: {question.choices[2]}."]
    assert not app.radio
    choices = next(element.value for element in app.markdown if "your prediction" in element.value)
    assert f"- **A**: {question.choices[0]} **✗ your prediction**" in choices
    assert f"- **C**: {question.choices[2]} **✓ the answer**" in choices
    assert any(element.value == wordings()["start"].why.strip() for element in app.markdown)
    assert any(wordings()["start"].link in element.value for element in app.caption)  # served on its own
    press(app, "Next question")
    press(app, "Previous")
    assert verdicts(app)


def test_all_predictions_right_is_a_full_score() -> None:
    """Every answer on the way links to a page of the app."""
    app = open_page("quiz").run()
    for number, make in enumerate(MAKERS, start=1):
        assert app.subheader[0].value.startswith(f"{number}. ")
        question = make()
        predict(app, question.right)
        assert verdicts(app) == [f"Right: **{'ABCD'[question.right]}**: {question.choices[question.right]}."]
        link = answer_link(app)
        assert link.proto.page_script_hash
        assert link.proto.label == list(wordings().values())[number - 1].link
        press(app, "Next question" if number < len(MAKERS) else "See your score")
        expected = str(number + 1) if number < len(MAKERS) else "score"
        assert app.query_params["question"] in (expected, [expected])
    assert app.subheader[0].value == "You predicted 8 of 8"
    assert list(app.table[0].value["Result"]) == ["✓ right"] * 8
    press(app, "Start again")
    assert app.subheader[0].value.startswith("1. ")
    assert "question" not in app.query_params
    assert app.radio[0].value is None


def test_the_score_distinguishes_right_wrong_and_open(app: AppTest) -> None:
    app.run()
    predict(app, reading.start().right)
    press(app, "Next question")
    press(app, "Skip")
    predict(app, (reading.arrow().right + 1) % 4)
    app.query_params["question"] = "score"
    app.run()
    assert app.subheader[0].value == "You predicted 1 of 8"
    table = app.table[0].value
    assert list(table["Result"]) == ["✓ right", "not answered", "✗ wrong", *["not answered"] * 5]
    assert list(table["You"])[:3] == ["C", "–", "C"]
    assert list(table["Answer"])[:3] == ["C", "–", "B"]
    press(app, "Go to question 2")
    assert app.subheader[0].value.startswith("2. ")


def test_the_address_leads_to_a_question(app: AppTest) -> None:
    app.query_params["question"] = "5"
    app.run()
    assert app.subheader[0].value == f"5. {wordings()['touch'].ask}"
    press(app, "Previous")
    assert app.query_params["question"] in ("4", ["4"])


@pytest.mark.parametrize("nonsense", ["0", "99", "-1", "x", "²"])
def test_nonsense_in_the_address_is_the_first_question(app: AppTest, nonsense: str) -> None:
    app.query_params["question"] = nonsense
    app.run()
    assert not app.exception
    assert app.subheader[0].value.startswith("1. ")
    assert "question" not in app.query_params


def test_answers_are_kept_while_one_tries_it_on_another_page() -> None:
    app = open_page("quiz")
    app.query_params["question"] = "4"
    app.run()
    predict(app, questions.double().right)
    link = answer_link(app)
    assert (link.proto.page, link.proto.label) == ("scope", wordings()["double"].link)
    app._page_hash = calc_hash(link.proto.page)
    del app.query_params["question"]
    app.run()
    assert not app.exception
    assert app.title[0].value == "Scope and overlap"
    app._page_hash = calc_hash("quiz")
    app.run()
    assert app.subheader[0].value.startswith("4. ")
    assert verdicts(app)[0].startswith("Right: ")
    assert app.query_params["question"] in ("4", ["4"])


def test_answers_survive_a_reload() -> None:
    """The address alone brings a new session to the same answers."""
    right = [make().right for make in MAKERS]
    wrong = (right[1] + 1) % 4
    app = AppTest.from_file(PAGE, default_timeout=60)
    app.query_params["answers"] = f"{'ABCD'[right[0]]}{'ABCD'[wrong]}------"
    app.query_params["question"] = "score"
    app.run()
    assert not app.exception
    assert app.subheader[0].value == "You predicted 1 of 8"
    assert list(app.table[0].value["Result"]) == ["✓ right", "✗ wrong", *["not answered"] * 6]
    press(app, "Go to question 3")
    predict(app, right[2])
    expected = f"{'ABCD'[right[0]]}{'ABCD'[wrong]}{'ABCD'[right[2]]}-----"
    assert app.query_params["answers"] in (expected, [expected])


@pytest.mark.parametrize("nonsense", ["", "ABC", "EEEEEEEE", "ABCDABCDA", "12345678"])
def test_nonsense_answers_in_the_address_are_none(app: AppTest, nonsense: str) -> None:
    app.query_params["answers"] = nonsense
    app.run()
    assert not app.exception
    assert len(app.radio[0].options) == 4


def test_questions_do_not_tell_their_answers() -> None:
    assert "bilinear" not in wordings()["start"].given + "".join(reading.start().choices)
    shuffled = wordings()["shuffle"]
    assert "4 groups for LP and 8 for PL" in shuffled.ask
