"""The Evidence page without a browser: it shows the numbers of made-up evidence."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.pages import page_at
from app.views.evidence import compute
from dysample.measure.complexity import site_macs
from dysample.scores.paper import paper_table
from tests.views.evidence.made import DEPTH, STREET, segmentation, write_folder

pytestmark = pytest.mark.slow

PAGE = str(page_at("evidence").file)
PATIENCE_S = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("pretrained"))


@pytest.fixture
def app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(folder))
    return AppTest.from_file(PAGE, default_timeout=PATIENCE_S)


def choose(app: AppTest, key: str, value: str) -> None:
    next(each for each in app.get("button_group") if each.key == key).set_value(value).run()
    assert not app.exception


def open_at(app: AppTest, section: str, task: str) -> AppTest:
    app.run()
    if section != "Measured here":
        choose(app, "evidence_section", section)
    key = "evidence_task_segmentation" if section == "Beside the paper" else "evidence_task"
    choose(app, key, task)
    return app


def test_the_table_holds_the_evidence(app: AppTest) -> None:
    open_at(app, "Measured here", STREET)
    table = app.dataframe[0].value.set_index(["Upsampler", "Trained"])
    row = table.loc[("CARAFE", "shared encoder")]
    found = next(each for each in segmentation(STREET, (0, 1, 2)).rows if each.upsampler == "carafe")
    assert row["mIoU (%)"] == pytest.approx(100 * found.scores[0].spread.mean)
    assert found.scores[0].spread.deviation is not None
    assert row["± sd"] == pytest.approx(100 * found.scores[0].spread.deviation)
    assert row["Seeds"] == 3
    assert len(app.get("plotly_chart")) == 2
    choose(app, "evidence_trained", "end-to-end")
    assert "one seed" in app.markdown[-1].value or any("one seed" in each.value for each in app.markdown)


def test_depth_has_errors_and_no_classes(app: AppTest) -> None:
    open_at(app, "Measured here", DEPTH)
    choose(app, "evidence_score_depth", "rms")
    assert "RMS (m)" in app.dataframe[0].value.columns
    assert len(app.get("plotly_chart")) == 1
    assert any("DySample+" in each.value and "Better than Bilinear" in each.value for each in app.markdown)


def test_what_is_not_measured_is_said_with_its_command(app: AppTest) -> None:
    open_at(app, "Measured here", "indoor-segmentation")
    assert "not measured yet" in app.info[0].value
    assert "evaluate indoor-segmentation --runs runs" in app.code[0].value
    assert not app.dataframe


def test_damaged_evidence_is_an_error_in_a_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / STREET / "evidence.json").write_text("{", encoding="utf-8")
    monkeypatch.setenv("DYSAMPLE_PRETRAINED", str(tmp_path / "copy"))
    app = open_at(AppTest.from_file(PAGE, default_timeout=PATIENCE_S), "Measured here", STREET)
    assert "damaged" in app.error[0].value


def test_ours_stand_beside_table_4(app: AppTest) -> None:
    open_at(app, "Beside the paper", STREET)
    paper, both = app.dataframe[0].value, app.dataframe[1].value.set_index("Upsampler")
    assert list(paper["mIoU (%)"]) == [float(cell) for cell in paper_table("table4").column("miou")]
    assert both.loc["SAPA-B", "Paper, gain"] == pytest.approx(43.20 - 41.68)
    assert both.loc["SAPA-B", "Source"] == "Table 4, row 8"
    assert any("the paper**" in each.value for each in app.markdown)
    app.selectbox(key="evidence_table").set_value("table5").run()
    assert not app.exception
    assert any("we train no MaskFormer" in each.value for each in app.markdown)


def test_tables_of_objects_have_a_place_for_ours(app: AppTest) -> None:
    open_at(app, "Beside the paper", STREET)
    app.selectbox(key="evidence_table").set_value("table8").run()
    assert not app.exception
    assert list(app.dataframe[0].value["PQ"]) == [float(cell) for cell in paper_table("table8").column("pq")]
    assert "not measured yet" in app.info[0].value
    assert "sweep everyday-panoptic" in app.code[0].value


def test_the_cost_of_a_network_with_regions_is_counted_on_its_pyramid() -> None:
    sites = compute.task_sites("everyday-panoptic")
    assert [(site.height, site.width) for site in sites] == [(12, 16), (24, 32), (48, 64)]
    assert len({site.channels for site in sites}) == 1


def test_the_bubbles_say_where_latencies_come_from(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    open_at(app, "Score and cost", STREET)
    captions = "\n".join(each.value for each in app.caption)
    assert len(app.get("plotly_chart")) == 2
    assert "docs/benchmark.json" in captions
    assert "RTX 3090" in captions, "the paper's scores stand against the paper's times at first"
    choose(app, "evidence_clock", "here")
    assert "RTX 3090" not in "\n".join(each.value for each in app.caption)
    monkeypatch.setenv("DYSAMPLE_BENCHMARK", "nowhere.json")
    app.run()
    assert "python -m dysample bench" in app.code[0].value
    assert len(app.get("plotly_chart")) == 1


def test_ablations_stand_beside_the_paper(app: AppTest) -> None:
    open_at(app, "Ablations", STREET)
    tables = {tuple(each.value.columns): each.value for each in app.dataframe}
    ours = next(value for columns, value in tables.items() if "Variant" in columns)
    assert ours["Paper: mIoU (%)"].iloc[0] in (42.2, 42.4)
    assert len(app.info) == 2  # tables 1 and 3 are not measured


@pytest.mark.parametrize("operator", ["carafe", "a2u", "fade", "sapa", "dysample+", "deconv"])
def test_two_small_maps_tell_the_count_of_a_large_one(operator: str) -> None:
    site = compute.SiteSpec(64, 32, 11, 14)
    assert compute._macs(operator, [site]).value == site_macs(operator, site).value
