"""Batches for training: random size, crop, flip and light, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from dysample.training.datasets import IGNORE, Label, LabelledPicture, PictureData
from dysample.training.recipe import Stage

_BORDER = (127, 127, 127)  # mid-grey beside the picture, and no truth there


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures in [0, 1], their classes (255 = none) or metres (0 = none), and names for error messages.

    The names are those of the whole batch, also where only a part of it was read.
    """

    image: Float[Tensor, "b 3 h w"]
    label: Int64[Tensor, "b h w"] | Float32[Tensor, "b h w"]
    names: tuple[str, ...]


def batches(
    data: PictureData, stage: Stage, *, seed: int, epoch: int, part: slice = slice(None)
) -> Iterator[Batch]:
    """One epoch in random order, or a part of each batch; a last incomplete batch is left out.

    Every picture has a random stream of its own, made of seed, epoch and index, so an epoch can be
    repeated exactly after an interruption.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(data))
    for first in range(0, len(order) - stage.batch + 1, stage.batch):
        indices = [int(i) for i in order[first : first + stage.batch]]
        chosen = [augment(data[i], stage, np.random.default_rng([seed, epoch, i])) for i in indices[part]]
        image = torch.from_numpy(np.stack([picture.image for picture in chosen]))
        label = torch.from_numpy(np.stack([picture.label for picture in chosen]))
        yield Batch(
            image.permute(0, 3, 1, 2).float() / 255,  # stays channels-last in memory
            label if label.is_floating_point() else label.long(),
            tuple(data.names[i] for i in indices),
        )


def steps_per_epoch(data: PictureData, stage: Stage) -> int:
    """Batches that `batches` gives."""
    return len(data) // stage.batch


def augment(picture: LabelledPicture, stage: Stage, rng: np.random.Generator) -> LabelledPicture:
    """Resize, crop to the stage's square, mirror half of the time, change brightness and contrast.

    What looks twice as large stands at half the depth.
    """
    low, high = stage.resize
    factor = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height, width = (max(1, round(side * factor)) for side in picture.label.shape)
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(picture.image, (width, height), interpolation=interpolation)
    label = cv2.resize(picture.label, (width, height), interpolation=cv2.INTER_NEAREST)
    if label.dtype == np.float32:
        label /= np.float32(factor)
    image, label = _crop(image, label, stage.crop, rng)
    if rng.random() < 0.5:
        image, label = image[:, ::-1], label[:, ::-1]
    return LabelledPicture(picture.name, _light(image, rng), np.ascontiguousarray(label))


def _crop(
    image: UInt8[np.ndarray, "h w 3"], label: Label, side: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "s s 3"], Label]:
    bottom, right = (max(0, side - length) for length in label.shape)
    if bottom or right:
        nothing = IGNORE if label.dtype == np.uint8 else 0
        image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=_BORDER)
        label = cv2.copyMakeBorder(label, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(nothing,))
    top = int(rng.integers(label.shape[0] - side + 1))
    left = int(rng.integers(label.shape[1] - side + 1))
    window = (slice(top, top + side), slice(left, left + side))
    return image[window], label[window]


def _light(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    contrast = rng.uniform(0.75, 1.25)
    tint = contrast * rng.uniform(0.94, 1.06, size=3)
    shift = rng.uniform(-20, 20) + 127.5 * (1 - contrast)
    return np.clip(image * tint.astype(np.float32) + np.float32(shift), 0, 255).astype(np.uint8)
