"""All upsamplers on the page about one's own model, and files that are only read, without a browser."""

import io
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from app.shared import worker
from app.views.model import tables
from dysample.measure.complexity import META
from dysample.measure.machine import Machine
from dysample.measure.macs import Cost
from dysample.measure.timing import Race, Spread, Timing
from dysample.models.smp import smp_model
from dysample.swap.site import Site
from dysample.trial.decision import SWAPPABLE, Candidate, Decision, to_json, to_line
from dysample.trial.survey import survey
from tests.views.opened import PATIENCE_S, markdown, open_page

pytestmark = pytest.mark.slow

MACHINE = Machine("Abacus", 2, "", None, "Linux", "3.11", "2.14", "0.1", ())


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.delenv("DYSAMPLE_FACTORIES", raising=False)
    return open_page("model")


def row(number: int, name: str) -> Candidate:
    timing, ratio = Timing(Spread(1, 1, 1), Spread(1, 1, 1), 1), 1 + number / 10
    race = Race(timing, timing, *[Spread(ratio, ratio - 0.01, ratio + 0.01)] * 2)
    return Candidate(name, 5, 9, number, Cost(0, "", ""), race, memory=Cost(110.0, "MiB", ""))


def made(rows: int = len(SWAPPABLE)) -> Decision:
    shapes = (1, 8, 4, 4), (1, 8, 8, 8)
    site = Site("up[0]", "up", 0, 0, 1, "net.py:1", "functional", "nearest", False, *shapes, 2, "swap", "")
    found = [row(number, name) for number, name in enumerate(SWAPPABLE)][:rows]
    return Decision(
        "dysample decide", "2026-01-02", MACHINE, "net", (1, 3, 8, 8), 1000, Cost(10**9, "", ""), (site,) * 5,
        layout="channels_last", rounds=9, memory=Cost(100.0, "MiB", ""), rows=tuple(found),
    )  # fmt: skip


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a program that reports made-up rows in the place of `python -m dysample`, and notes its words."""
    asked, whole = tmp_path / "asked.json", made()
    lines = [to_line(whole, name) for name in SWAPPABLE]
    path = tmp_path / "program.py"
    path.write_text(
        f"#!{worker.sys.executable}\n"
        "import json, pathlib, sys, time\n"
        f"pathlib.Path({str(asked)!r}).write_text(json.dumps(sys.argv))\n"
        f"for line in {lines!r}[:3]:\n    print(line, file=sys.stderr, flush=True)\n"
        "print('40/100 Time and memory: Deconvolution', file=sys.stderr, flush=True)\n"
        f"if not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n    time.sleep(100)\n"
        f"pathlib.Path(sys.argv[-1]).write_text({to_json(whole)!r})\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    monkeypatch.setattr(worker.sys, "executable", str(path))
    return asked


def wait(app: AppTest, done: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, [error.value for error in app.error]
        time.sleep(0.05)
        app.run()
        assert not app.exception


def cells(app: AppTest, column: str) -> list[str]:
    return [cell.replace("\u00a0", " ") for cell in app.table[0].value[column]]


def test_before_it_is_measured_the_table_has_parameters_and_gains(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert cells(app, "Upsampler")[0] == "Nearest (as it is)"
    assert len(cells(app, "Upsampler")) == len(SWAPPABLE)
    parameters = dict(zip(cells(app, "Upsampler"), cells(app, "Parameters"), strict=True))
    assert parameters["DySample+"] == "+63,648"
    assert set(cells(app, "Time, CPU")) == {"–"}
    assert "↑" in cells(app, "Gain here")[SWAPPABLE.index("dysample")]
    assert not any(
        "Only training can show the effect on accuracy in your" in each for each in [markdown(app)]
    )


def test_rows_come_one_by_one_and_cancelling_keeps_them(app: AppTest, program: Path) -> None:
    app.run()
    app.button(key="model_begin_decide").click().run()
    wait(app, lambda: cells(app, "Time, CPU")[2] != "–")
    assert cells(app, "Time, CPU")[:4] == ["× 1.00 (0.99 to 1.01)", "× 1.10 (1.09 to 1.11)",
                                            "× 1.20 (1.19 to 1.21)", "–"]  # fmt: skip
    wait(app, lambda: "Deconvolution" in app.get("progress")[0].proto.text)
    app.button(key="model_cancel_decide").click().run()
    wait(app, lambda: any("what had been measured is kept" in each.value for each in app.warning))
    assert cells(app, "Time, CPU")[2] == "× 1.20 (1.19 to 1.21)"


def test_the_whole_comes_with_advice_that_can_be_taken(app: AppTest, program: Path) -> None:
    (program.parent / "go").touch()
    app.run()
    app.button(key="model_begin_decide").click().run()
    wait(app, lambda: any(each.key == "model_take" for each in app.button))
    words = json.loads(program.read_text(encoding="utf-8"))
    assert words[1:8] == [
        "-m",
        "dysample",
        "decide",
        "--model",
        "smp:Unet:resnet18",
        "--input",
        "1x3x256x256",
    ]
    assert "--where" not in words
    (advice,) = [each.value for each in app.markdown if "Only training can show" in each.value][-1:]
    assert advice.startswith("**DySample**: +5 parameters")
    assert "1.50 times the network’s time here (with bilinear interpolation 1.10 times)" in advice
    app.button(key="model_take").click().run()
    assert app.selectbox(key="model_to").value == "dysample"
    assert cells(app, "Time, CPU")[-1] == "× 1.80 (1.79 to 1.81)", "the table does not depend on the choice"


def test_chosen_sites_are_asked_for(app: AppTest, program: Path) -> None:
    app.run()
    app.selectbox(key="model_site:smp:Unet:resnet18:decoder.blocks.0[0]").set_value("").run()
    app.button(key="model_begin_decide").click().run()
    wait(app, program.exists)
    time_ = time.monotonic() + PATIENCE_S
    while not program.read_text(encoding="utf-8"):
        assert time.monotonic() < time_
    words = json.loads(program.read_text(encoding="utf-8"))
    first = words.index("--where")
    assert words[first + 1 : first + 5] == [f"decoder.blocks.{number}[0]" for number in range(1, 5)]
    app.session_state["model.job.decide"].cancel()


def test_without_a_site_nothing_can_be_compared(app: AppTest) -> None:
    app.query_params["model_family"] = "PAN"
    app.query_params["model_encoder"] = "mobilenet_v2"
    app.run()
    assert app.button(key="model_begin_decide").disabled


def test_what_is_not_measured_yet_is_filled_in_by_the_survey() -> None:
    with META:
        model = smp_model("smp:Unet:resnet18").eval()
    surveyed = survey(model, torch.empty(1, 3, 64, 64, device=META))
    before = tables.unmeasured(surveyed, tables.usual_sites(surveyed), "net")
    assert tables.completed(before, None) == before
    found = tables.completed(before, made(rows=2))
    assert [each.operator for each in found.rows] == list(SWAPPABLE)
    assert [each.time is None for each in found.rows] == [False] * 2 + [True] * (len(SWAPPABLE) - 2)
    assert found.rows[-1].parameters > 0


def test_captions_say_how_it_was_measured_and_what_is_missing() -> None:
    whole = made()
    assert "median and quartiles of 9 rounds, all with channels last" in tables.caption(whole)
    assert "Abacus" in " ".join(tables.how(whole))
    unknown = Decision("", "", MACHINE, "", (), 0, Cost(None, "", ""), ())
    assert len(tables.how(whole)) > len(tables.how(unknown))
    late = tuple(Candidate(name, reason="No times.") for name in ("carafe", "dysample"))
    partly = replace(whole, rows=(*late, Candidate("nearest")))
    assert tables.notes(partly) == ("CARAFE, DySample: No times.",)


# --- Files ---


def exported() -> bytes:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    )
    target = io.BytesIO()
    torch.export.save(torch.export.export(model.eval(), (torch.rand(1, 3, 18, 18),)), target)
    return target.getvalue()


@pytest.mark.unhooked
def test_a_file_is_looked_into_and_a_bad_one_is_a_sentence(app: AppTest) -> None:
    app.query_params["model_from"] = "A file, to look into"
    app.run()
    assert not app.exception
    assert "nothing in it is run or unpickled" in markdown(app)
    app.file_uploader(key="model_file").upload("net.pt2", exported()).run()
    assert not app.exception
    table = app.table[0].value
    assert list(table["Map"]) == ["4×16×16 to 4×32×32"]
    assert list(table["Mode"]) == ["bilinear, corners aligned"]
    assert list(table["Scale"]) == ["×2"]
    app.file_uploader(key="model_file").upload("net.onnx", b"<script>alert(1)</script>").run()
    assert not app.exception
    assert not app.table
    assert app.error[0].value.startswith("The file is damaged, or no model that can be read here")
