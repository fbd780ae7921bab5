"""The page "Watch it learn" without a browser: buttons, settings, and numbers from the engine itself."""

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.engine import local
from dysample.explain.learn import LearnSettings, train_steps
from dysample.explain.learn_tasks import bright_regions, mask_problem, rings
from tests.views.learn.made import (
    PAGE,
    PATIENCE_S,
    choose,
    figures,
    go_label,
    learnt,
    press,
    refused,
    run_to_end,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_DATA", raising=False)
    test = AppTest.from_file(PAGE, default_timeout=PATIENCE_S)
    test.query_params["learn_steps"] = "40"
    return test


def test_it_waits_for_the_visitor(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert go_label(app) == "Start"
    assert app.button(key="learn_pause").disabled
    assert app.button(key="learn_reset").disabled
    first = learnt()[0]
    assert app.warning[0].value.startswith("**Before the first step:**")
    assert f"{first.score.psnr:.2f} dB against {first.bilinear.psnr:.2f} dB" in app.warning[0].value
    assert "mIoU (%)" in app.table[0].value
    assert [len(table.value) for table in app.table] == [2, 4, 4]


def test_a_run_to_its_end_says_how_it_stands_at_every_step(app: AppTest) -> None:
    app.run()
    run_to_end(app)
    expected = learnt()
    assert app.slider(key="learn_time").value == 40
    assert f"by {expected[-1].gain:.2f} dB" in app.success[0].value
    row = app.dataframe[0].value.iloc[0]
    assert row["Gain (dB)"] == expected[-1].gain
    assert row["DySample (dB)"] == pytest.approx(expected[-1].score.psnr)
    app.slider(key="learn_time").set_value(20).run()
    assert "**After 20 steps:**" in (app.success or app.warning)[0].value
    curves, arrows, panes = figures(app)
    titles = [note["text"] for note in panes["layout"]["annotations"]]
    assert f"DySample, step 20<br>{expected[10].score.psnr:.2f} dB" in titles
    (shown,) = (trace for trace in curves["data"] if trace["name"] == "Step shown" and trace["showlegend"])
    assert shown["x"] == [20]
    assert shown["y"] == pytest.approx([expected[10].score.psnr])
    assert "Step 20, group 4 of 4" in "\n".join(element.value for element in app.caption)
    assert arrows["layout"]["xaxis"]["title"]["text"] == "x (low-res pixels)"


def test_pausing_changes_nothing_but_the_time(app: AppTest) -> None:
    app.query_params["learn_steps"] = "400"  # too many for a single look
    app.run()
    press(app, "go")
    assert go_label(app) == "Start"
    assert app.button(key="learn_go").disabled
    assert app.slider(key="learn_passing").disabled
    press(app, "pause")
    assert go_label(app) == "Continue"
    run = app.session_state["learn.run"]
    step = run.step
    assert 0 < step < 400
    app.run()
    assert run.step == step
    assert app.slider(key="learn_time").value == run.snapshots[-1].step
    app.slider(key="learn_time").set_value(400).run()
    assert app.slider(key="learn_time").value == run.snapshots[-1].step, "there is nothing later to see"
    press(app, "go")
    assert run.step > step
    press(app, "reset")
    assert go_label(app) == "Start"
    assert app.session_state["learn.run"].step == 0
    assert app.slider(key="learn_time").value == 0


def test_a_changed_setting_starts_anew_and_says_so(app: AppTest) -> None:
    app.query_params["learn_steps"] = "400"
    app.run()
    choose(app, "learn_groups", 8)
    assert not app.info, "nothing was under way"
    press(app, "go")
    choose(app, "learn_style", "pl")
    assert "starts from the beginning" in app.info[0].value
    assert go_label(app) == "Start"
    assert app.session_state["learn.run"].step == 0


def test_finished_runs_are_listed_with_their_settings(app: AppTest) -> None:
    app.run()
    run_to_end(app)
    press(app, "go")  # again: the same, so listed once
    while go_label(app) != "Start again":
        app.run()
    assert len(app.dataframe[0].value) == 1
    choose(app, "learn_grid", "nearest")
    app.toggle(key="learn_dynamic").set_value(True).run()
    app.number_input(key="learn_seed").set_value(3).run()
    run_to_end(app)
    table = app.dataframe[0].value
    expected = learnt(LearnSettings(initial="nearest", dynamic_scope=True), seed=3)[-1]
    assert list(table["Gain (dB)"]) == [expected.gain, learnt()[-1].gain]
    assert list(table["Initial grid"]) == ["Nearest", "Bilinear"]
    assert list(table["Dynamic"]) == ["yes", "no"]
    assert list(table["Seed"]) == [3, 0]


def test_the_address_gives_the_same_problem(app: AppTest) -> None:
    address = {
        "learn_task": "Enlarge a coarse mask",
        "learn_scale": "×4",
        "learn_groups": "2",
        "learn_scope": "1",
    }
    for name, value in (address | {"learn_side": "144 px", "learn_style": "PL", "learn_seed": "7"}).items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    choice = app.session_state["learn.run"].choice
    assert (choice.task, choice.scale, choice.side, choice.seed) == ("mask", 4, 144, 7)
    assert choice.settings == LearnSettings(scope=1.0, groups=2, style="pl")
    image = rings(144)
    problem = mask_problem(image, bright_regions(image), scale=4)
    first = next(train_steps(problem, choice.settings, seed=7))
    assert f"{first.score.iou:.3f} against {first.bilinear.iou:.3f}" in app.warning[0].value
    assert len(figures(app)[0]["layout"]["annotations"]) == 3


@pytest.mark.parametrize(
    ("name", "value"), [("learn_groups", "3"), ("learn_seed", "x"), ("learn_side", "9"), ("learn_from", "?")]
)
def test_nonsense_in_the_address_falls_back(app: AppTest, name: str, value: str) -> None:
    app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.error
    assert app.session_state["learn.run"].choice.settings == LearnSettings()


def test_too_many_waiting_computations_are_a_sentence(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether at the start or under way; afterwards it goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(local, "turn", refused)
        app.run()
        assert not app.exception
        assert "computations wait already" in app.error[0].value
    app.run()
    assert not app.error
    with monkeypatch.context() as patch:
        patch.setattr(local, "turn", refused)
        app.session_state["learn.run"].go()
        app.run()
        assert not app.exception
        assert "computations wait already" in app.info[0].value
        assert not app.session_state["learn.run"].going
    run_to_end(app)
    assert app.slider(key="learn_time").value == 40
