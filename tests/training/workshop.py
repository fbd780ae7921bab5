"""Runs on made-up data, and helpers to inspect them."""

from pathlib import Path

import torch

from dysample.cli import main
from dysample.training.runs import load_checkpoint
from tests.training.datasets import make_data, make_recipe, make_start

HEADS = ("nearest", "bilinear", "dysample")


def make_workshop(folder: Path) -> Path:
    """Data, starting weights, recipe, and a finished run of both stages, packed and scored."""
    make_data(folder)
    make_start(folder)
    make_recipe(folder)
    assert run(folder, "train", "--upsampler", *HEADS) == 0
    assert run(folder, "pack", "--pretrained", str(folder / "pretrained")) == 0
    return folder


def run(folder: Path, verb: str, *options: str, runs: str = "runs") -> int:
    where = [] if verb == "evaluate" else ["--runs", str(folder / runs)]
    return main([verb, str(folder / "made.toml"), "--data", str(folder), *where, *options])


def part(folder: Path, runs: str, stage: str, name: str = "bilinear") -> Path:
    return folder / runs / "made-task" / stage / f"{name}-seed0"


def ends_alike(first: Path, second: Path) -> None:
    ends = [load_checkpoint(folder / "checkpoint.pt") for folder in (first, second)]
    assert ends[0] is not None
    assert ends[1] is not None
    for key, value in ends[0]["module"].items():
        torch.testing.assert_close(ends[1]["module"][key], value, msg=key)
