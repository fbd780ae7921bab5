"""The tutorial on swapping runs as written. It exports, so it runs without the shape hook."""

import re

import pytest

from tests import ROOT

PAGE = ROOT / "docs" / "swapping.md"


@pytest.mark.unhooked
@pytest.mark.filterwarnings("ignore")  # of the exporters
def test_the_tutorial_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "| decoder.blocks.4[0]" in printed
    assert "63,648 parameters more" in printed
