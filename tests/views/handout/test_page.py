"""The handout without a browser: figures, captions and questions of what was chosen."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.glossary import terms
from app.views.quiz.questions import wordings
from tests.views.opened import markdown, open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def app() -> AppTest:
    app = open_page("handout")
    app.query_params["picture"] = "street"
    app.query_params["task"] = "Street scenes"
    app.query_params["up"] = ["Bilinear", "DySample"]
    return app.run()


def figures(app: AppTest) -> list[str]:
    """The pictures with their captions, as HTML."""
    return [part.proto.body for part in app.get("html") if "<figure" in part.proto.body]


def test_it_shows_what_was_chosen(app: AppTest) -> None:
    assert not app.exception
    assert not app.error
    assert "**Task**: Street scenes. **Upsamplers**: Bilinear and DySample." in markdown(app)
    for body in figures(app):
        assert re.findall(r"<strong>(.+?)</strong>", body) == ["Photograph", "Bilinear", "DySample", "Truth"]
        assert body.count("data:image/png;base64,") == 1 + 2 * 3
        assert "pedestrian" in body or "bicyclist" in body


def test_figures_are_numbered_through_and_have_captions(app: AppTest) -> None:
    captions = re.findall(r"<figcaption>(.+?)</figcaption>", "".join(figures(app)))
    captions += [caption.value for caption in app.caption if caption.value.startswith("Figure")]
    numbers = [int(re.match(r"Figure (\d+)\. \S", text)[1]) for text in captions]
    assert numbers == list(range(1, 2 + 2 + len(wordings()) + 1))
    assert len(app.get("plotly_chart")) == 2 + len(wordings())


def test_it_asks_every_question_and_answers_at_the_end(app: AppTest) -> None:
    text = markdown(app)
    questions, _, solutions = text.partition("## Answers")
    for number, words in enumerate(wordings().values(), start=1):
        assert f"**{number}. {words.ask}**" in questions
        assert words.why not in questions
        assert words.why in solutions
    assert questions.count("☐") == 4 * len(wordings())
    for term in terms().values():
        assert term.meaning in solutions


def test_answers_can_be_left_out(app: AppTest) -> None:
    app.toggle(key="solved").set_value(False).run()
    assert not app.exception
    assert "## Answers" not in markdown(app)
    assert "## Questions" in markdown(app)


def test_no_upsampler_asks_for_one(app: AppTest) -> None:
    app.pills(key="up").set_value([]).run()
    assert not app.exception
    assert "Choose at least one upsampler." in [info.value for info in app.info]
