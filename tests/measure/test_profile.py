"""Profiles of calls: shares add up, parts are right, and the command writes what it prints."""

import json
from pathlib import Path

import pytest

from dysample.cli import main
from dysample.measure.case import BenchCase
from dysample.measure.profile import PARTS, call_parts, from_json, to_json, to_markdown
from tests.views.cost.made import profile

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("operator", "largest", "nothing"),
    [
        ("bilinear", "reading", ("convolution", "moving")),
        ("pixelshuffle", "convolution", ("reading",)),
        ("dysample", None, ()),
        ("carafe", None, ()),
        ("sapa", None, ()),  # its reassembly is made of products, too
    ],
)
def test_shares_add_up_and_belong_to_the_right_part(
    operator: str, largest: str | None, nothing: tuple[str, ...]
):
    found = call_parts(BenchCase(operator, 64, 24, 24))
    shares = {part: found.share(part) for part in PARTS}
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares.values())
    assert found.milliseconds > 0
    assert all(shares[part] == 0 for part in nothing)
    if largest:
        assert found.largest == largest
    else:  # both read the map and predict where, or how
        assert shares["reading"] > 0
        assert shares["convolution"] > 0


def test_only_on_the_cpu():
    with pytest.raises(ValueError, match="only calls on the CPU are taken apart, got device='cuda'"):
        call_parts(BenchCase("bilinear", 4, 4, 4, device="cuda"))


def test_a_report_is_read_as_it_was_written():
    made = profile()
    assert from_json(to_json(made)) == made
    with pytest.raises(ValueError, match="must hold a profile of this version"):
        from_json("{}")


def test_the_page_has_a_row_for_every_operator():
    rows = [line for line in to_markdown(profile()).splitlines() if line.startswith("| DySample")]
    assert rows == ["| DySample | 2 | 60 | 20 | 0 | 10 | 10 |"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "new" / "profile.json"
    names = ["nearest", "sapa", "dysample"]
    assert main(["profile", "--upsampler", *names, "--size", "12x6x5", "--json", str(target)]) == 0
    printed = capsys.readouterr()
    found = from_json(target.read_text(encoding="utf-8"))
    assert [each.case.operator for each in found.calls] == ["nearest", "dysample"]
    assert [each.operator for each in found.refused] == ["sapa"]
    assert "SAPA-B: " in printed.out
    assert "2/3 Watching SAPA-B" in printed.err
    assert found.command == (
        "python -m dysample profile --size 12x6x5 --layout nchw --upsampler nearest sapa dysample"
    )
    assert json.loads(target.read_text(encoding="utf-8"))["calls"][0]["case"]["height"] == 6


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").write_text("", encoding="utf-8")
    target = str(tmp_path / "file" / "x.json")
    assert main(["profile", "--upsampler", "nearest", "--size", "4x4x4", "--json", target]) == 2
    assert "cannot be written" in capsys.readouterr().err
