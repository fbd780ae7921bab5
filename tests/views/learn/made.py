"""Helpers for the tests of the page "Watch it learn"."""

import json
from collections.abc import Generator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.pages import page_at
from app.shared.engine.turns import BusyError
from dysample.explain.learn import LearnSettings, Snapshot, train_steps
from dysample.explain.learn_tasks import picture_problem, rings
from tests.explain.squares import chessboard

PAGE = str(page_at("learn").file)
PATIENCE_S = 120


def choose(app: AppTest, key: str, value: object) -> None:
    next(element for element in app.get("button_group") if element.key == key).set_value(value).run()
    assert not app.exception


def press(app: AppTest, name: str) -> None:
    app.button(key=f"learn_{name}").click().run()
    assert not app.exception


def go_label(app: AppTest) -> str:
    return app.button(key="learn_go").label


def run_to_end(app: AppTest) -> None:
    """Rerun the page until the run ends, as the browser does."""
    press(app, "go")
    for _ in range(100):
        if go_label(app) == "Start again":
            return
        app.run()
        assert not app.exception
    pytest.fail("the run did not end")


def figures(app: AppTest) -> list[dict[str, dict[str, list[dict[str, str]]]]]:
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def learnt(settings: LearnSettings | None = None, seed: int = 0) -> list[Snapshot]:
    problem = picture_problem(rings(96))
    return list(train_steps(problem, settings or LearnSettings(), steps=40, snapshot_every=2, seed=seed))


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def unfair(side: int = 96) -> np.ndarray:
    """Return hard edges to learn from and soft waves held out, which training on the edges makes worse."""
    image, black = rings(side), chessboard(side, side, 24)
    row, column = np.mgrid[:side, :side]
    image[black] = (127 + 100 * np.sin(column / 4) * np.sin(row / 4))[black][:, None]
    return image


@contextmanager
def refused(shape: tuple[int, ...]) -> Generator[None]:
    """A turn on a device for which too many wait."""
    raise BusyError("128 computations wait already: try again in a minute.")
    yield
