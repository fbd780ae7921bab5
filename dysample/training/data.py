"""Readers for pictures with truth: folders with `rgb`, one for each kind of truth, and lists of names."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from dysample.extras import needed_for
from dysample.training.recipe import Stage

with needed_for("dysample.training"):
    import cv2

IGNORE = 255
Label = UInt8[np.ndarray, "_h _w"] | Float32[np.ndarray, "_h _w"]


class DataError(RuntimeError):
    """The data are not there or cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with its truth: classes (255 where there is none), or metres (0 where there is none)."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    label: Label


@dataclass(frozen=True, slots=True)
class _Truth:
    """Where a data set keeps one kind of truth.

    Attributes:
        folder: Of PNG files, below the data set's.
        first: Value of the first class; smaller values are pixels without one.
        metres: What a depth of 1 stands for; None where the values are classes.
    """

    folder: str
    first: int = 0
    metres: float | None = None


_SEGMENTATION = {"camvid": _Truth("label11"), "voc_animals": _Truth("label21"), "nyuv2": _Truth("label40", 1)}
_DEPTH = {"nyuv2": _Truth("depth", metres=0.001)}
_KINDS = {"segmentation": _SEGMENTATION, "depth": _DEPTH}


def data_folder(option: str | None = None) -> Path:
    """The folder that holds the data sets: the option, else `DYSAMPLE_DATA`.

    Raises:
        DataError: Neither is given, or it is no folder.
    """
    value = option or os.environ.get("DYSAMPLE_DATA")
    if not value:
        raise DataError("no data folder: give --data FOLDER or set DYSAMPLE_DATA to it")
    folder = Path(value)
    if not folder.is_dir():
        raise DataError(f"the data folder {value!r} does not exist: give --data FOLDER or set DYSAMPLE_DATA")
    return folder


class PictureData:
    """The pictures of one split of one data set, read when they are asked for."""

    def __init__(self, folder: Path, dataset: str, split: str, kind: str = "segmentation") -> None:
        """Read the list of names.

        Args:
            folder: What `data_folder` gives.
            dataset: "camvid", "voc_animals" or "nyuv2".
            split: Name of a list there, such as "train".
            kind: "segmentation" or "depth".

        Raises:
            DataError: The data set or the list is missing, or has no such truth.
        """
        truths = _KINDS.get(kind, {})
        if dataset not in truths:
            known = ", ".join(truths) or "none"
            raise DataError(f"no data set called {dataset!r} has truth for {kind}; those that have: {known}")
        self.dataset = dataset
        self.split = split
        self.root = folder / dataset
        self._truth = truths[dataset]
        listing = self.root / f"{split}.txt"
        if not listing.is_file():
            raise DataError(f"{dataset} has no {split}.txt in {folder}: is the data folder complete?")
        self.names = tuple(listing.read_text().split())

    @property
    def title(self) -> str:
        """Name for people."""
        return f"{self.dataset} {self.split}, {len(self)} pictures"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the names and the bytes of all pictures and truths, in order."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(name.encode())
            for path in self._paths(name):
                digest.update(_bytes(path))
        return digest.hexdigest()

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.root / "rgb" / f"{name}.jpg", self.root / self._truth.folder / f"{name}.png"

    def __len__(self) -> int:
        """How many pictures the split has."""
        return len(self.names)

    def __getitem__(self, index: int) -> LabelledPicture:
        """Read one picture and its truth.

        Raises:
            DataError: A file is missing or damaged, or the two differ in size.
        """
        name = self.names[index]
        picture, truth = self._paths(name)
        image = _decoded(picture, cv2.IMREAD_COLOR)
        values = _decoded(truth, cv2.IMREAD_UNCHANGED)
        if image.shape[:2] != values.shape:
            raise DataError(f"{name}: picture {image.shape[:2]} and truth {values.shape} differ in size")
        return LabelledPicture(name, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._label(values))

    def _label(self, values: np.ndarray) -> Label:
        first, metres = self._truth.first, self._truth.metres
        if metres is not None:
            return values.astype(np.float32) * np.float32(metres)
        if not first:
            return values
        return np.where(values < first, IGNORE, values.astype(np.int16) - first).astype(np.uint8)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} is missing or damaged: copy the data set again") from error


def _decoded(path: Path, mode: int) -> np.ndarray:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise DataError(f"{path} is missing or damaged: copy the data set again")
    return picture


def class_shares(data: PictureData, classes: int) -> np.ndarray:
    """Share of the labelled pixels that each class has, 0 to 1."""
    counts = np.zeros(256, np.int64)
    for index in range(len(data)):
        counts += np.bincount(data[index].label.ravel(), minlength=256)
    return counts[:classes] / max(1, counts[:classes].sum())


# Batches for training: random size, crop, flip and light, the same for the same seed.


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
