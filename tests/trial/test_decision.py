"""All upsamplers beside each other: rows against the library's own swaps, and what is bounded."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from dysample import swap_upsamplers
from dysample.cli import main
from dysample.measure import count_macs, peak_allocated
from dysample.ops.registry import OPERATORS
from dysample.trial.decision import (
    SWAPPABLE,
    Candidate,
    Decision,
    Question,
    decide,
    from_json,
    merged,
    to_json,
    to_line,
)

pytestmark = [pytest.mark.slow, pytest.mark.unhooked]


class Net(nn.Module):
    """Two enlargements: one of 12 channels, which DySample-S cannot have, and one of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 12, 3, 2, 1)
        self.up = nn.Upsample(scale_factor=2)
        self.middle = nn.Conv2d(12, 16, 3, 2, 1)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        maps = self.middle(self.up(torch.relu(self.down(picture))))
        return self.out(torch.relu(nn.functional.interpolate(maps, scale_factor=2.0, mode="nearest")))


@pytest.fixture(scope="module")
def compared() -> tuple[nn.Module, torch.Tensor, Decision, list[str], list[Decision]]:
    torch.manual_seed(0)
    model, picture = Net().eval(), torch.rand(1, 3, 32, 32)
    steps, parts = list[str](), list[Decision]()
    found = decide(
        model,
        picture,
        Question("tests:Net"),
        announce=lambda words, share: steps.append(words),
        report=lambda decision, operator: parts.append(from_json(to_line(decision, operator))),
    )
    return model, picture, found, steps, parts


Compared = tuple[nn.Module, torch.Tensor, Decision, list[str], list[Decision]]


@pytest.mark.parametrize("name", ["deconv", "carafe", "dysample+", "bilinear"])
def test_a_row_counts_what_a_swap_adds(compared: Compared, name: str) -> None:
    model, picture, found, _, _ = compared
    swapped, report = swap_upsamplers(model, picture, name)
    row = next(row for row in found.rows if row.operator == name)
    assert row.parameters == report.parameters
    before, after = count_macs(model, picture).value, count_macs(swapped, picture).value
    assert before is not None
    assert after is not None
    assert row.macs.value == after - before
    assert row.time is not None
    assert row.time.busy_ratio.lower <= row.time.busy_ratio.median <= row.time.busy_ratio.upper
    assert [(attempt.name, attempt.outcome) for attempt in row.exports] == [
        ("torch.export", "yes"),
        ("ONNX", "yes"),
    ]


def test_all_rows_are_in_the_order_of_the_table(compared: Compared) -> None:
    _, _, found, steps, _ = compared
    assert tuple(row.operator for row in found.rows) == SWAPPABLE
    timed = [step for step in steps if step.startswith("Time and memory")]
    assert timed == [f"Time and memory: {OPERATORS[name].label}" for name in SWAPPABLE]
    assert found.own == "nearest"


def test_an_operator_that_cannot_be_everywhere_says_where(compared: Compared) -> None:
    row = next(row for row in compared[2].rows if row.operator == "dysample-s")
    assert row.sites == 1
    assert row.reason.startswith("It can be at 1 of 2 sites: DySample-S needs channels")


def test_lines_make_up_the_whole(compared: Compared) -> None:
    _, _, found, _, parts = compared
    assert merged(parts) == found
    assert merged([]) is None
    assert from_json(to_json(found)) == found


def test_what_is_no_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="a comparison of upsamplers"):
        from_json('{"command": 1}')


def test_without_time_rows_say_so() -> None:
    found = decide(Net().eval(), torch.rand(1, 3, 32, 32), Question("tests:Net", budget_s=1e-9))
    assert all(row.time is None for row in found.rows)
    assert all("the time for this comparison was up" in row.reason for row in found.rows)
    assert all(isinstance(row, Candidate) and row.sites for row in found.rows)


def test_sites_can_be_chosen(compared: Compared) -> None:
    model, picture, *_ = compared
    found = decide(model, picture, Question("tests:Net", where=("up",), budget_s=1e-9))
    assert [site.name for site in found.sites] == ["up"]
    with pytest.raises(ValueError, match="no site that can be swapped is called 'left'"):
        decide(model, picture, Question("tests:Net", where=("left",)))
    with pytest.raises(ValueError, match="Nothing that changes the size"):
        decide(nn.Conv2d(3, 3, 1).eval(), picture, Question("a convolution"))


def test_the_peak_is_that_of_what_is_held_at_once() -> None:
    def call() -> None:
        one = torch.zeros(1 << 20, dtype=torch.uint8)
        two = torch.zeros(3 << 20, dtype=torch.uint8)
        del two
        torch.zeros(2 << 20, dtype=torch.uint8)
        del one

    assert peak_allocated(call, torch.device("cpu")).value == pytest.approx(4.0, abs=0.1)


def test_the_command_prints_the_advice_and_writes_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["decide", "--model", "tests.trial.test_decision:Net", "--input", "1x3x32x32", "--seconds", "1"]
    files = ["--json", str(tmp_path / "all.json"), "--csv", str(tmp_path / "all.csv"), "--progress"]
    assert main([*words, *files]) == 0
    printed = capsys.readouterr()
    assert "| Upsampler " in printed.out
    assert "Only training can show the effect on accuracy" in printed.out
    assert "The rule: " in printed.out
    found = from_json((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert found.command.startswith("python -m dysample decide --model tests.trial.test_decision:Net")
    assert (tmp_path / "all.csv").read_text(encoding="utf-8").startswith("upsampler,sites,")
    lines = [line for line in printed.err.splitlines() if line.startswith("{")]
    assert json.loads(lines[0])["rows"][0]["operator"] == "nearest"
    assert any(line.endswith("/100 Finding enlargements") for line in printed.err.splitlines())
    assert max(map(len, lines)) < 1 << 14  # what the app takes for a report


def test_a_model_without_enlargements_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--model", "torch.nn:Identity"]) == 2
    assert "dysample: Nothing that changes the size of a map was found." in capsys.readouterr().err
