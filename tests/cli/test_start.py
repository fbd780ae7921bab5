"""Start of the command: help and options without torch, and missing packages."""

import json
import subprocess
import sys
from typing import get_args

import pytest

from dysample import cli
from dysample.cli import options
from dysample.cli.parser import COMMANDS
from dysample.kernels import Implementation
from dysample.measure import PAPER_SIZE
from dysample.measure.case import DTypeName, Layout
from dysample.models.computing import Precision
from dysample.ops import OPERATORS
from dysample.training import ablations, recipe_names
from tests import ROOT

pytestmark = pytest.mark.slow

# Runs the command as `python -m dysample` does, then says which of some modules it has imported.
_PROGRAM = """
import runpy, sys
try:
    runpy.run_module("dysample", run_name="__main__")
finally:
    print("IMPORTED", *{"torch", "numpy", "cv2", "segmentation_models_pytorch"} & sys.modules.keys())
"""


def started(*words: str, program: str = _PROGRAM) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# Asks for the help of many commands in one process, and says after each what it has imported.
_HELPS = """
import json, runpy, sys
from contextlib import redirect_stdout
from io import StringIO
for words in json.loads(sys.argv.pop()):
    sys.argv[1:] = words
    text, status = StringIO(), None
    with redirect_stdout(text):
        try:
            runpy.run_module("dysample", run_name="__main__")
        except SystemExit as end:
            status = end.code
    heavy = sorted({"torch", "numpy", "cv2", "segmentation_models_pytorch"} & sys.modules.keys())
    print(json.dumps([status, text.getvalue(), heavy]))
"""
_ASKED = [["--help"], *([name, "--help"] for name in COMMANDS)]


@pytest.fixture(scope="module")
def helps() -> list[tuple[int, str, list[str]]]:
    """Exit status, text, and imported libraries, for every list of words in `_ASKED`."""
    ended = started(json.dumps(_ASKED), program=_HELPS)
    return [tuple(json.loads(line)) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("words", _ASKED, ids=" ".join)
def test_help_imports_no_torch(words: list[str], helps: list[tuple[int, str, list[str]]]):
    status, text, imported = helps[_ASKED.index(words)]
    assert status == 0
    assert text.startswith(" ".join(["usage: dysample", *words[:-1], "[-h]"]))
    assert imported == []


def test_help_names_commands_recipes_and_ablations(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "1000")  # a long line is not broken, at hyphens for example
    commands = started("--help").stdout
    assert all(f"    {name} " in commands for name in COMMANDS)
    sweep = started("sweep", "--help").stdout
    for name in (*recipe_names(), *(each.name for each in ablations())):
        assert name in sweep


def test_a_command_that_does_not_exist_is_refused():
    ended = started("enlarge")
    assert ended.returncode == 2
    assert "invalid choice: 'enlarge'" in ended.stderr
    assert ended.stdout.split() == ["IMPORTED"]


def test_what_is_written_down_again_is_what_the_modules_say():
    assert get_args(Implementation) == options.IMPLEMENTATIONS
    assert get_args(DTypeName) == options.DTYPES
    assert get_args(Layout) == options.LAYOUTS
    assert get_args(Precision) == options.PRECISIONS
    assert str(PAPER_SIZE) == options.PAPER_SIZE
    assert tuple(options.recipe_names()) == recipe_names()
    assert options.ablation_names() == [each.name for each in ablations()]


def test_a_wrong_operator_is_answered_with_all_names(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["profile", "--upsampler", "bicubic"])
    told = capsys.readouterr().err
    assert f"invalid choice: 'bicubic' (choose from {', '.join(map(repr, OPERATORS))})" in told


@pytest.mark.parametrize(
    ("words", "absent", "sentence"),
    [
        (
            ["train", "indoor-depth", "--data", "."],
            "cv2",
            "dysample.training needs opencv-python-headless: pip install 'dysample-lab[train]'",
        ),
        (
            ["audit", "--model", "smp:Unet:resnet18"],
            "segmentation_models_pytorch",
            "smp:Unet:resnet18 needs segmentation-models-pytorch: pip install 'dysample-lab[models]'",
        ),
        (
            ["share", "indoor-depth:32x32", "--rounds", "1"],
            "segmentation_models_pytorch",
            "load_host needs segmentation-models-pytorch: pip install 'dysample-lab[models]'",
        ),
    ],
)
def test_a_missing_extra_is_one_sentence(words: list[str], absent: str, sentence: str):
    program = f"import sys; sys.modules[{absent!r}] = None\n{_PROGRAM}"
    ended = started(*words, program=program)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == f"dysample: {sentence}"
    assert "Traceback" not in ended.stderr
