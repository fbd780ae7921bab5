"""A tiny depth task with random weights, and pictures with depths, made on the spot."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from dysample.models.manifest import WeightsEntry

TITLE = "Made depth"
LIMITS = "It has seen nothing."
UPSAMPLERS = ("nearest", "bilinear", "carafe", "dysample+")
SIDES = (48, 64)
TEST_DELTA1, TEST_RMS = 0.625, 1.25
PICTURE = "nyuv2-p0"


def make_weights(folder: Path) -> Path:
    """Write a folder of weights with one depth task whose heads have random weights."""
    import torch
    from torch import nn

    from dysample.models.manifest import Manifest
    from dysample.models.tasks import Task
    from dysample.models.weights import new_encoder, new_head
    from dysample.training.ship import write_manifest

    task = Task(
        name="made-depth",
        kind="depth",
        title=TITLE,
        classes=(),
        scored=(),
        encoder="mobilenet_v2",
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
        context=0,
        widths=(8, 8, 8, 8, 8),
        dataset="nyuv2",
        licence="made for tests",
        limits=LIMITS,
        working_side=64,
    )
    torch.manual_seed(0)
    encoder = new_encoder(task)
    modules: dict[str, nn.Module] = {"": encoder}
    for name in UPSAMPLERS:
        torch.manual_seed(1)
        modules[name] = new_head(task, encoder.channels, name)
    entries = tuple(_written(folder, name, module) for name, module in modules.items())
    write_manifest(Manifest(folder, (task,), entries))
    return folder


def _written(folder: Path, name: str, module: "nn.Module") -> "WeightsEntry":
    from safetensors.torch import save

    from dysample.models.manifest import WeightsEntry

    data = save({key: tensor.contiguous() for key, tensor in module.state_dict().items()})
    file = f"{name or 'encoder'}.safetensors"
    (folder / file).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    scores = {"delta1": TEST_DELTA1, "abs_rel": 0.25, "rms": TEST_RMS, "split": "test"} if name else {}
    return WeightsEntry(file, digest, "made-depth", name, 0, "made", "cpu", **scores)


def make_pictures(folder: Path, *, pictures: int = 2) -> Path:
    """Write a data set with classes and depths (in millimetres, 0 in the first row); gives its folder."""
    root = folder / "nyuv2"
    for part in ("rgb", "depth", "label40"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(pictures):
        noise = rng.integers(0, 255, (*SIDES, 3), dtype=np.uint8)
        cv2.imwrite(str(root / "rgb" / f"p{index}.jpg"), noise)
        cv2.imwrite(str(root / "depth" / f"p{index}.png"), made_truth())
        cv2.imwrite(str(root / "label40" / f"p{index}.png"), np.full(SIDES, 2, np.uint8))
    names = "".join(f"p{index}\n" for index in range(pictures))
    (root / "test.txt").write_text(names)
    return folder


def made_truth() -> np.ndarray:
    """Millimetres from 1 m at the left to 4.15 m at the right; unknown in the first row."""
    truth = np.broadcast_to(1000 + 50 * np.arange(SIDES[1]), SIDES).astype(np.uint16).copy()
    truth[0] = 0
    return truth
