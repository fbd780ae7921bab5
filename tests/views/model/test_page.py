"""The page about one's own model without a browser: it shows the library's own numbers."""

import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.shared import worker
from dysample import swap_upsamplers
from dysample.models.smp import smp_model
from tests.views.opened import PATIENCE_S, open_page

pytestmark = pytest.mark.slow

UNET = "smp:Unet:resnet18"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_FACTORIES", raising=False)
    return open_page("model")


def metric(app: AppTest, label: str) -> str:
    return next(metric.value for metric in app.metric if metric.label == label)


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception


def wait(app: AppTest, words: str) -> None:
    """Run the page again whenever its jobs have ended, until there is such a button."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(words in button.label for button in app.button):
        keys = [f"model.job.{stage}" for stage in ("look", "measure", "deploy")]
        jobs = [app.session_state[key] for key in keys if key in app.session_state]
        while any(job.going for job in jobs):  # running the page meanwhile would take time from them
            assert time.monotonic() < deadline, [error.value for error in app.error]
            for job in jobs:
                job.poll()
            time.sleep(0.1)
        assert time.monotonic() < deadline, [error.value for error in app.error]
        app.run()
        assert not app.exception


def test_it_opens_with_the_costs_of_a_unet(app: AppTest) -> None:
    app.run()
    assert not app.exception
    _, report = swap_upsamplers(smp_model(UNET).eval(), torch.rand(1, 3, 64, 64))
    assert metric(app, "Sites swapped") == "5 of 5"
    assert metric(app, "Parameters") == f"{report.parameters:+,}"
    assert metric(app, "Deploys") == "–"
    assert len(app.get("plotly_chart")) == 2
    python, command = (code.value for code in app.code)
    assert 'smp.Unet("resnet18", encoder_weights=None, classes=21)' in python
    assert command.startswith(f"python -m dysample trial --model {UNET} --input 1x3x256x256 --to dysample+")


def test_a_site_gets_an_operator_of_its_own(app: AppTest) -> None:
    app.run()
    first, second = (f"model_site:{UNET}:decoder.blocks.{number}[0]" for number in range(2))
    app.selectbox(key=first).set_value("carafe").run()
    app.selectbox(key=second).set_value("").run()
    assert not app.exception
    assert metric(app, "Sites swapped") == "4 of 5"
    command = app.code[1].value
    assert "'decoder.blocks.0[0]=carafe' 'decoder.blocks.1[0]='" in command
    assert '"carafe", where=["decoder.blocks.0[0]"]' in app.code[0].value


def test_aligned_corners_are_left_by_default(app: AppTest) -> None:
    app.query_params["model_family"] = "PAN"
    app.query_params["model_encoder"] = "mobilenet_v2"
    app.run()
    assert not app.exception
    assert metric(app, "Sites swapped").startswith("0 of ")
    assert app.button(key="model_begin_measure").disabled
    assert any("aligns corners" in caption.value for caption in app.caption)


def test_a_size_that_does_not_fit_is_explained(app: AppTest) -> None:
    app.query_params["model_family"] = "FPN"
    app.query_params["model_rows_256"] = "250"
    app.run()
    assert not app.exception
    assert "does not take pictures of 250×256 pixels" in app.error[0].value
    app.number_input(key="model_rows_256").set_value(128).run()
    assert not app.error
    assert metric(app, "Sites swapped") == "3 of 10"


def test_plain_interpolation_has_no_gains_in_the_paper(app: AppTest) -> None:
    app.query_params["model_to"] = "Bilinear"
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    assert any("swaps Bilinear out, not in" in caption.value for caption in app.caption)
    assert any("limits concern sampling at points" in caption.value for caption in app.caption)


def test_factories_are_not_called_unless_the_server_allows_them(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.query_params["model_from"] = "Your own factory"
    app.query_params["model_factory"] = "tests.swap.networks:Nested"
    app.run()
    assert not app.exception
    assert any("does not let visitors name factories" in text.value for text in app.markdown)
    assert not app.text_input
    monkeypatch.setenv("DYSAMPLE_FACTORIES", "my_package, tests.views.anatomy.made")
    app.run()
    assert "does not allow factories of tests.swap.networks" in app.error[0].value
    app.text_input(key="model_factory").set_value("os").run()
    # Joiners keep a browser from making links of what looks like an address.
    assert "named as in package.module:function" in app.error[0].value.replace("\u2060", "")


@pytest.mark.slow
def test_a_factory_is_looked_at_and_measured_in_another_process(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYSAMPLE_FACTORIES", "tests")
    app.query_params["model_from"] = "Your own factory"
    app.query_params["model_factory"] = "tests.swap.networks:Nested"
    app.query_params["model_rows_256"] = app.query_params["model_columns_256"] = (
        "32"  # it has many enlargements
    )
    app.run()
    wait(app, "Measure on this machine")
    assert metric(app, "Sites swapped") == "5 of 6"
    press(app, "model_begin_measure")
    wait(app, "Measure on this machine again")
    assert metric(app, "Time, here").startswith("× ")
    assert any("of the swapped model is" in text.value for text in app.markdown)
    race = next(table.value for table in app.table if "Model" in table.value)
    assert list(race["Model"]) == ["Original", "Swapped", "Swapped / original"]


def test_a_failed_process_is_explained(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.sys, "executable", "/bin/cat")  # it knows no -m and ends at once
    app.run()
    press(app, "model_begin_measure")
    wait(app, "Measure on this machine")
    assert app.error[0].value.startswith("Measure on this machine: Its process ended with status")
