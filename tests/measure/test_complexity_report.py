"""The report of parameters and MACs, and its command."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from dysample import cli
from dysample.measure import complexity
from dysample.measure.complexity import (
    HOSTS,
    UNEXPLAINED,
    ComplexityRow,
    HostComplexity,
    ParameterCount,
    added_parameters,
    host_complexity,
)
from dysample.measure.complexity_table import host_section
from dysample.measure.macs import Cost
from dysample.ops.registry import OPERATORS
from tests import ROOT

PAGE = ROOT / "docs" / "complexity.md"


@pytest.fixture
def short_report(monkeypatch: pytest.MonkeyPatch):
    """One network for the command, and a single layer in place of the one that takes long to build."""
    monkeypatch.setattr(complexity, "HOSTS", {"segformer-b1": HOSTS["segformer-b1"]})
    monkeypatch.setattr(complexity, "segformer_b1", lambda: nn.Conv2d(3, 4, 1, device="meta"))


def test_the_page_is_up_to_date():
    """To update the page: python -m dysample complexity --out docs/complexity.md."""
    page = PAGE.read_text(encoding="utf-8")
    found = host_complexity(HOSTS["segformer-b1"])
    printed = tuple(row for row in found.rows if OPERATORS[row.upsampler].in_paper)
    assert host_section(replace(found, rows=printed)) in page
    sections = re.split(r"^## ", page, flags=re.MULTILINE)
    for host in HOSTS.values():
        (section,) = (part for part in sections if part.startswith(host.label + "\n"))
        for name in (row.upsampler for row in printed):
            count = added_parameters(name, host)
            assert f"| {OPERATORS[name].label} | {count.all:,} | {count.weights_only:,} |" in section


def test_the_page_says_why_a_figure_differs_or_is_missing():
    known, cost = Cost(12, "MACs", "by hand"), Cost(None, "MACs", "the counter does not know aten::xyz")
    rows = (
        ComplexityRow("carafe", ParameterCount(1234, 1000), "+1.0K", known, known, None, ()),
        ComplexityRow("fade", ParameterCount(5, 5), "+6", cost, cost, "+7.0", (UNEXPLAINED,)),
        ComplexityRow("sapa", ParameterCount(5, 5), "+6", known, known, None, (UNEXPLAINED,)),
    )
    lines = host_section(HostComplexity(HOSTS["depthformer"], "Table 9: depth", rows)).splitlines()
    assert lines[-6:] == [
        "| CARAFE | 1,234 | 1,000 | +1.0K | 0.000 G | 0.000 G | – |  |",
        "| FADE | 5 | 5 | +6 | – | – | +7.0 G | 1, 2 |",
        "| SAPA-B | 5 | 5 | +6 | 0.000 G | 0.000 G | – | 2 |",
        "",
        "1. No MACs: the counter does not know aten::xyz.",
        f"2. {UNEXPLAINED}",
    ]


@pytest.mark.parametrize(
    ("host", "name", "reason"),
    [
        ("segformer-b1", "indexnet", "rounded once more"),
        ("segformer-b1", "fade", "with its gate"),
        ("mask-rcnn", "dysample", "cut digits off"),
        ("panoptic-fpn", "sapa", "all 52,416"),
        ("depthformer", "a2u", "No way of counting"),
        ("depthformer", "carafe", ""),
    ],
)
def test_rows_carry_the_known_reasons(monkeypatch: pytest.MonkeyPatch, host: str, name: str, reason: str):
    monkeypatch.setattr(complexity, "OPERATORS", {name: OPERATORS[name]})
    (row,) = host_complexity(HOSTS[host]).rows
    assert [reason in note for note in row.notes] == ([True] if reason else [])


@pytest.mark.usefixtures("short_report")
def test_the_command_writes_both_files(tmp_path: Path):
    page, data = tmp_path / "new" / "page.md", tmp_path / "data.json"
    assert cli.main(["complexity", "--out", str(page), "--json", str(data)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "python -m dysample complexity --out" in text
    assert torch.__version__ in text
    report = json.loads(data.read_text(encoding="utf-8"))
    rows = {row["upsampler"]: row for row in report["hosts"][0]["rows"]}
    assert list(rows) == list(OPERATORS)
    assert rows["dysample"]["parameters"] == {"all": 49344, "weights_only": 49152}
    assert rows["dysample"]["paper_parameters"] == "+49.2K"
    assert rows["deconv"]["macs"]["value"] == 14592 * 589824
    assert rows["nearest"]["paper_macs"] is None
    assert report["whole"]["macs"]["value"] == 512 * 512 * 3 * 4


@pytest.mark.usefixtures("short_report")
def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("")
    assert cli.main(["complexity", "--out", str(tmp_path / "file" / "page.md")]) == 2
    assert "page.md cannot be written" in capsys.readouterr().err
