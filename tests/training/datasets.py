"""A tiny data set and recipe, made on the fly, to test training without real data."""

import json
from collections.abc import Sequence
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

_CATEGORIES = {1: "dark", 2: "bright", 3: "ground"}


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


def make_objects(root: Path, names: Sequence[str], size: tuple[int, int]) -> None:
    """Write COCO's files of three squares in each of a data set's photographs, which are ``rgb/<name>.jpg``.

    They are ``objects.json``, ``panoptic.json`` and the folder ``panoptic``; categories are a dark square,
    a bright square, and the ground around them.
    """
    height, width = size
    images = [
        {"id": number, "file_name": f"rgb/{name}.jpg", "height": height, "width": width}
        for number, name in enumerate(names, start=1)
    ]
    content = {"images": images, "categories": [{"id": k, "name": name} for k, name in _CATEGORIES.items()]}
    squares = [(1, 2, 3, 18), (2, 24, 6, 16), (1, 4, 26, 20)]  # category, left, top, side
    objects = [
        {
            "id": 10 * number + place,
            "image_id": number,
            "category_id": category,
            "bbox": [left, top, side, side],
            "segmentation": [_square(left, top, side)],
            "iscrowd": 0,
        }
        for number in range(1, len(names) + 1)
        for place, (category, left, top, side) in enumerate(squares)
    ]
    (root / "objects.json").write_text(json.dumps(content | {"annotations": objects}))
    segments = np.full(size, 9, np.uint8)
    for place, (_, left, top, side) in enumerate(squares, start=1):
        segments[top : top + side, left : left + side] = place
    (root / "panoptic").mkdir()
    for name in names:
        blue, green = np.zeros_like(segments), np.zeros_like(segments)
        cv2.imwrite(str(root / "panoptic" / f"{name}.png"), np.stack([blue, green, segments], axis=-1))
    infos = [{"id": place, "category_id": square[0]} for place, square in enumerate(squares, start=1)]
    maps = [
        {
            "image_id": number,
            "file_name": f"{name}.png",
            "segments_info": [*infos, {"id": 9, "category_id": 3}],
        }
        for number, name in enumerate(names, start=1)
    ]
    (root / "panoptic.json").write_text(json.dumps(content | {"annotations": maps}))


def _square(left: int, top: int, side: int) -> list[int]:
    right, bottom = left + side, top + side
    return [left, top, right, top, right, bottom, left, bottom]


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
