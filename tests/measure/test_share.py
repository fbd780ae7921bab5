"""The share of upsampling in shipped networks, on clocks that move only on request."""

import json
from pathlib import Path

import pytest

from dysample import cli
from dysample.measure import share as hosts
from dysample.measure.share import Picture, host_share
from dysample.measure.timing import Call, Sample


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole forward pass takes a second, its upsampling a quarter; each is called once."""

    def stopwatch(call: Call, calls: int) -> Sample:
        output = call()
        seconds = 0.25 if output is None else 1.0
        return Sample(seconds, seconds)

    monkeypatch.setattr(hosts, "cpu_stopwatch", stopwatch)


def test_the_share_of_a_network():
    share = host_share(Picture("street-segmentation", 32, 64), "dysample", implementation="plain", rounds=1)
    assert share.times.ratio(share.clock).median == 0.25


def test_from_the_command_line_to_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["share", "indoor-depth:32x40", "--upsampler", "bilinear", "dysample+", "--rounds", "1"]
    assert cli.main([*words, "--implementation", "plain", "--json", str(tmp_path / "share.json")]) == 0
    table = capsys.readouterr().out
    assert "| indoor-depth | 32×40 | Bilinear | – | 1 | 1000 | 250.0 | 25.0 % (25.0–25.0) |" in table
    assert "| indoor-depth | 32×40 | DySample+ | plain | 1 | 1000 |" in table
    written = json.loads((tmp_path / "share.json").read_text(encoding="utf-8"))
    assert [row["upsampler"] for row in written["rows"]] == ["bilinear", "dysample+"]
    assert written["command"].startswith("python -m dysample share indoor-depth:32x40 --upsampler")


@pytest.mark.parametrize("text", ["street", "street:32", "street:31x64", "street:axb", "street:32x64x2"])
def test_pictures_that_are_refused(text: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["share", text])
    assert f"such as everyday-segmentation:375x500, got '{text}'" in capsys.readouterr().err
    assert cli.main(["share", "gardens:32x32"]) == 2
