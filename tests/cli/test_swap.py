"""`python -m dysample audit` and `swap`: what they print, write and refuse."""

import argparse
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, load_model, save_file
from torch import nn

from dysample import swap_upsamplers
from dysample.cli import swap
from dysample.cli.parser import audit_options, swap_options
from tests.swap.networks import Nested, picture

NAME = "tests.swap.networks:Nested"


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    audit_options(commands.add_parser("audit"))
    swap_options(commands.add_parser("swap"))
    options = parser.parse_args(words)
    return {"audit": swap.run_audit, "swap": swap.run_swap}[options.command](options)


def test_audit_prints_the_sites(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("audit", "--model", NAME, "--input", "1x3x16x24") == 0
    assert "| inner[2] (2 times) |" in capsys.readouterr().out


def test_swap_writes_weights_that_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, first, last = Nested(), tmp_path / "first.safetensors", tmp_path / "new" / "last.safetensors"
    save_file(model.state_dict(), first)
    words = ["swap", "--model", NAME, "--weights", str(first), "--input", "1x3x16x24", "--to", "dysample"]
    assert _run(*words, "--where", "up", "0", "--out", str(last)) == 0
    assert "2 of 6 sites, 576 parameters added." in capsys.readouterr().out
    swapped, _ = swap_upsamplers(Nested(), picture(), "dysample", where=["up", "[0]"])
    load_model(swapped, str(last))
    assert torch.equal(swapped.before.weight, model.before.weight)
    assert "up.swapped_upsamplers.0.steps.0.offset.weight" in load_file(last)


@pytest.mark.parametrize("wrapped", [False, True])
def test_pickles_of_tensors_are_read(tmp_path: Path, wrapped: bool) -> None:
    weights = Nested().state_dict()
    file = tmp_path / "weights.pth"
    torch.save({"model": weights, "epoch": 3} if wrapped else weights, file)
    assert _run("audit", "--model", NAME, "--weights", str(file), "--input", "1x3x16x24") == 0


class _Anything:
    """An object that a pickle must not hold."""


@pytest.mark.parametrize(
    ("name", "held", "said"),
    [
        ("weights.pth", _Anything(), "holds more than tensors"),
        ("weights.pth", {"epoch": 3}, "holds no state_dict"),
        ("weights.h5", {}, "weights must be .safetensors, or pickles"),
        ("weights.safetensors", {}, "is no safetensors file"),
        ("weights.pth", {"before.weight": torch.zeros(1)}, "does not fit the model"),
    ],
)
def test_weights_that_are_refused(tmp_path: Path, name: str, held: object, said: str) -> None:
    file = tmp_path / name
    torch.save(held, file)
    with pytest.raises(ValueError, match=said):
        _run("audit", "--model", NAME, "--weights", str(file))


def test_weights_that_are_damaged_or_missing(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged"):
        _run("audit", "--model", NAME, "--weights", str(file))
    with pytest.raises(ValueError, match="there is no file"):
        _run("audit", "--model", NAME, "--weights", str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests.swap.networks", "a model is named as in package.module:function"),
        ("no_such_package:make", "no_such_package cannot be imported"),
        ("tests.swap.networks:make", "tests.swap.networks has no function 'make'"),
        ("tests.swap.networks:__name__", "must be a function that makes a model, it is a str"),
        ("collections:OrderedDict", "must give a torch.nn.Module, it gives a OrderedDict"),
        ("torch.nn:Conv2d", r"torch.nn:Conv2d\(\) fails: TypeError"),
    ],
)
def test_factories_that_are_wrong(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _run("audit", "--model", name)


def vision_transformer() -> nn.Module:
    """A network that asserts a single input size."""
    return timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [(NAME, "1x4x16x16"), (NAME, "16"), (f"{__name__}:{vision_transformer.__name__}", "1x3x48x48")],
)
def test_inputs_that_the_model_does_not_take(name: str, shape: str) -> None:
    with pytest.raises(ValueError, match=f"does not run with an input of {shape}"):
        _run("audit", "--model", name, "--input", shape)


def locked() -> nn.Module:
    """A network with an attribute that cannot be copied."""
    model = Nested()
    model.up.lock = threading.Lock()
    return model


def weight_normed() -> nn.Module:
    """A network that holds a computed weight."""
    model = Nested()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        nn.utils.weight_norm(model.before)
    return model


def lazy() -> nn.Module:
    """A network whose weights have no shape yet."""
    return nn.Sequential(nn.LazyConv2d(8, 3, padding=1), nn.Upsample(scale_factor=2), nn.LazyConv2d(2, 1))


@pytest.mark.parametrize("command", ["audit", "swap"])
def test_the_input_is_not_blamed_for_the_model(command: str) -> None:
    with pytest.raises(ValueError, match="part 'up' has an attribute 'lock' of the type lock") as raised:
        _run(command, "--model", f"{__name__}:{locked.__name__}", "--input", "1x3x16x16")
    assert "--input" not in str(raised.value)


def test_errors_name_the_line() -> None:
    with pytest.raises(ValueError, match=r"RuntimeError: .* \(in modules/conv\.py:[0-9]+\)"):
        _run("audit", "--model", NAME, "--input", "1x4x16x16")


@pytest.mark.parametrize("make", [weight_normed, lazy])
def test_computed_and_lazy_weights(
    make: Callable[[], nn.Module], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "swapped.safetensors"
    words = ["--model", f"{__name__}:{make.__name__}", "--input", "1x3x16x16"]
    assert _run("audit", *words) == 0
    assert _run("swap", *words, "--out", str(out)) == 0
    swapped, report = swap_upsamplers(make(), picture())
    assert report.swapped
    swapped(picture())
    load_model(swapped, str(out))
    assert f"{len(report.swapped)} of {len(report.rows)} sites" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "nothing"), "no upsampler is called 'nothing'"),
        (("--input", "3x"), "a shape is written as 1x3x256x256"),
        (("--out", "weights.pth"), "weights are written as .safetensors"),
    ],
)
def test_options_that_are_wrong(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _run("swap", "--model", NAME, *words)
    assert said in capsys.readouterr().err


def test_models_of_the_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_networks.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Upsample(scale_factor=2)\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert _run("swap", "--model", "my_own_networks:make", "--input", "1x8x16x16", "--where", "0") == 0
