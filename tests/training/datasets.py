"""A tiny data set and recipe, made on the fly, to test training without real data."""

from pathlib import Path

import cv2
import numpy as np
import torch

RECIPE = """\
task = "made-task"
kind = "segmentation"
title = "Made"
dataset = "camvid"
licence = "made for tests"
limits = "Squares."
train_sha256 = ""
test_sha256 = ""
test_split = "test"
classes = ["dark", "bright"]
scored = ["dark", "bright"]
encoder = "mobilenet_v2"
start = "start.pth"
mean = [0.5, 0.5, 0.5]
deviation = [0.5, 0.5, 0.5]
context = 0
frozen_norms = false
widths = [8]
working_side = 48

[encoder_stage]
epochs = 2
batch = 2
crop = 32
resize = [0.8, 1.2]
encoder_rate = 1e-3
head_rate = 1e-2
balance = 0.5

[head_stage]
epochs = 2
batch = 2
crop = 32
resize = [0.8, 1.2]
encoder_rate = 0.0
head_rate = 1e-2
balance = 0.5
"""


def make_data(folder: Path, *, pictures: int = 4) -> Path:
    """Write a camvid-like data set of bright squares on dark ground; return the data folder."""
    root = folder / "camvid"
    for part in ("rgb", "label11"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(pictures):
        label = np.zeros((40, 48), np.uint8)
        top, left = rng.integers(4, 20, size=2)
        label[top : top + 16, left : left + 16] = 1
        noise = rng.integers(0, 30, size=(40, 48, 3))
        cv2.imwrite(str(root / "rgb" / f"p{index}.jpg"), (label[..., None] * 180 + noise).astype(np.uint8))
        label[0, :4] = 255
        cv2.imwrite(str(root / "label11" / f"p{index}.png"), label)
    names = "\n".join(f"p{index}" for index in range(pictures))
    for split in ("train", "test"):
        (root / f"{split}.txt").write_text(names + "\n")
    return folder


def make_start(folder: Path, *, name: str = "mobilenet_v2") -> None:
    """Write random starting weights with the encoder's own keys."""
    from dysample.models.encoder import Encoder

    torch.manual_seed(0)
    torch.save(Encoder(name).backbone.state_dict(), folder / "start.pth")


def make_recipe(folder: Path) -> str:
    """Write the recipe and return its path."""
    path = folder / "made.toml"
    path.write_text(RECIPE)
    return str(path)
