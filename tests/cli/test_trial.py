"""`python -m dysample trial`: what it prints and writes, what it refuses, and what it tries."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dysample import cli
from dysample.measure.macs import Cost
from dysample.swap import audit
from dysample.trial.deploy import TRIES, Attempt, attempts
from dysample.trial.plan import planned, swap_by_plan
from dysample.trial.report import from_json, to_json
from tests.swap.networks import Interpolating, Nested, picture

NAME = "tests.swap.networks:Nested"
WORDS = ["trial", "--model", NAME, "--input", "1x3x16x24", "--to", "dysample"]


def test_from_the_command_line_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trial.json"
    words = [*WORDS, "--at", "up=carafe", "0=", "--start", "--time", "--rounds", "3", "--json", str(file)]
    assert cli.main(words) == 0
    report, printed = from_json(file.read_text(encoding="utf-8")), capsys.readouterr()
    found = audit(Nested().eval(), picture())
    assert [each.site for each in report.survey.sites] == list(found.sites)
    assert {each.site: each.operator for each in report.plan}["up"] == "carafe"
    assert found.sites[0].name not in [each.site for each in report.plan]
    assert report.race is not None
    assert report.race.busy_ratio.lower <= report.race.busy_ratio.median <= report.race.busy_ratio.upper
    assert report.start is not None
    assert report.start.interpolated.value is not None
    assert report.start.interpolated.value < 1e-5
    assert report.attempts == ()
    assert "| up" in printed.out
    assert "4/4 Timing both models in turns" in printed.err
    assert "trial --model tests.swap.networks:Nested --input 1x3x16x24 --to dysample" in report.command
    assert from_json(to_json(report)) == report


def test_json_alone_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*WORDS, "--json", "-"]) == 0
    report = from_json(capsys.readouterr().out)
    tried = Attempt("torch.export", "how", "no", "yes", Cost(None, "", "no output"), "why", 1.5)
    for attempt in (tried, replace(tried, outcome="yes", original=None)):
        other = replace(report, attempts=(attempt,))
        assert from_json(to_json(other)) == other
    assert (report.start, report.race) == (None, None)
    assert report.costs.parameters > report.survey.parameters


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*WORDS, "--at", "nowhere=carafe"], "no site is called 'nowhere'"),
        (["trial", "--model", "smp:FPN:resnet18", "--input", "1x3x50x50"], "does not run with an input of"),
        (["trial", "--model", "smp:Unet:none"], "cannot have the encoder"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("exception", ["up", "=carafe", "up=magic"])
def test_exceptions_are_written_with_an_equals_sign(
    exception: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([*WORDS, "--at", exception])
    assert "--at" in capsys.readouterr().err


@pytest.mark.unhooked
def test_everything_works_with_a_swapped_model() -> None:
    torch.manual_seed(0)
    model = Interpolating(scale_factor=2).eval()
    swapped, _ = swap_by_plan(model, picture(), planned(audit(model, picture()), "dysample+"))
    names = list[str]()
    results = attempts(swapped, model, picture(), progress=names.append)
    assert names == [item.name for item in TRIES] == [result.name for result in results]
    assert [result.outcome for result in results] == ["yes"] * 4, results
    onnx = results[-1]
    assert "of them GridSample" in onnx.words
    assert onnx.difference.value is not None
    assert onnx.difference.value < 1e-4


class _Looking(Interpolating):
    """A network that branches on a value, which no compiler or exporter can follow."""

    def __init__(self) -> None:
        super().__init__(scale_factor=2)

    def forward(self, picture: Tensor) -> Tensor:
        return super().forward(picture if picture.mean().item() > 0 else -picture)


@pytest.mark.unhooked
def test_what_the_original_cannot_do_either_is_said() -> None:
    model = _Looking().eval()
    swapped, _ = swap_by_plan(model, picture(), planned(audit(model, picture()), "dysample"))
    training, compiled, *exports = attempts(swapped, model, picture())
    assert training.outcome == "yes"
    assert [(each.outcome, each.original) for each in (compiled, *exports)] == [("no", "no")] * 3
    assert compiled.words
