"""The page that learns where it cannot win, and with files that it cannot use."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dysample.explain.learn import LearnSettings, train_steps
from dysample.explain.learn_tasks import picture_problem
from tests.explain.squares import noise
from tests.views.learn.made import PAGE, PATIENCE_S, go_label, png, run_to_end, unfair

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    found = AppTest.from_file(PAGE, default_timeout=PATIENCE_S)
    found.query_params["learn_steps"] = "40"
    return found


def test_it_says_plainly_where_it_does_not_beat_bilinear(app: AppTest) -> None:
    app.query_params["learn_from"] = "Photograph"
    app.run()
    app.file_uploader[0].upload("unfair.png", png(unfair())).run()
    run_to_end(app)
    last = list(train_steps(picture_problem(unfair()), LearnSettings(), steps=40, snapshot_every=2))[-1]
    assert last.gain < 0
    assert not app.success
    assert "does not beat bilinear" in app.warning[0].value
    assert list(app.dataframe[0].value["Gain (dB)"]) == [last.gain]
    assert list(app.dataframe[0].value["Picture"]) == ["unfair.png"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not a picture", "`bad.png`: "),
        (png(noise(40)), "from 48 to 256 pixels a side, got 40 x 40"),
        (png(np.full((120, 120, 3), 90, np.uint8)), "no detail that bilinear misses"),
    ],
)
def test_a_bad_upload_costs_nothing(app: AppTest, data: bytes, words: str) -> None:
    app.query_params["learn_from"] = "Photograph"
    app.run()
    app.file_uploader[0].upload("mine.png", png(unfair())).run()
    run_to_end(app)
    verdict = app.warning[0].value
    app.file_uploader[0].upload("bad.png", data).run()
    assert not app.exception
    assert words in app.error[0].value
    assert app.warning[0].value == verdict
    assert go_label(app) == "Start again"
    assert len(app.dataframe[0].value) == 1
