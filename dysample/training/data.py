"""Pictures with their truth, read from the data folder, and the augmented batches that training sees.

A data set is a folder. Its own listing, of a form that depends on the kind of truth, says which pictures a
split has and where they and their truth lie.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from dysample.extras import needed_for
from dysample.models.annotations import Annotation
from dysample.models.tasks import Kind
from dysample.training.listing import DataError, LeftOut, Listing, decoded, file_bytes
from dysample.training.losses import ObjectTargets
from dysample.training.recipe import CocoFiles, Stage
from dysample.training.truth import TRUTHS, Framing, Truth

with needed_for("dysample.training"):
    import cv2

_BORDER = (127, 127, 127)  # mid-grey beside the picture


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with its truth."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    truth: Annotation


def data_folder(option: str | None = None) -> Path:
    """Return the folder that holds the data sets: the option, else `DYSAMPLE_DATA`.

    Raises:
        DataError: Neither is given, or it is not a folder.
    """
    value = option or os.environ.get("DYSAMPLE_DATA")
    if not value:
        raise DataError("no data folder: give --data FOLDER or set DYSAMPLE_DATA to it")
    folder = Path(value)
    if not folder.is_dir():
        raise DataError(f"the data folder {value!r} does not exist: give --data FOLDER or set DYSAMPLE_DATA")
    return folder


class PictureData:
    """The pictures of one split of a data set, read on access."""

    def __init__(
        self,
        folder: Path,
        dataset: str,
        split: str,
        kind: Kind,
        *,
        classes: tuple[str, ...] = (),
        files: CocoFiles | None = None,
    ) -> None:
        """List the pictures.

        Args:
            folder: The folder that holds the data sets.
            dataset: Name of the data set's folder in it.
            split: Name of a list in that folder, such as "train".
            kind: Kind of truth to read.
            classes: Names of the task's classes, for truth that names the classes of objects.
            files: Where the truth of a data set lies that `TRUTHS` does not know.

        Raises:
            DataError: The data set or the list is missing or damaged, or has no such truth.
        """
        self.truth: Truth[Any, Any] = TRUTHS[kind]
        self.dataset = dataset
        self.split = split
        self.root = folder / dataset
        source = self.truth.sources.get(dataset) if files is None else files
        if source is None:
            known = ", ".join(self.truth.sources)
            raise DataError(f"no data set called {dataset!r} has truth for {kind}; those that have: {known}")
        if not isinstance(source, self.truth.source):
            raise DataError(f"truth for {kind} is not read from COCO's files: remove [coco] from the recipe")
        self._listing: Listing[Annotation] = self.truth.open(self.root, source, split, classes)
        self.names = self._listing.names

    @property
    def title(self) -> str:
        """Label of the split and its number of pictures."""
        return f"{self.dataset} {self.split}, {len(self)} pictures"

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the data set lists and is not used."""
        return self._listing.left_out

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the names, the bytes of all pictures and the content of all truths, in order."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(name.encode())
            digest.update(file_bytes(self._listing.picture(name)))
            digest.update(self._listing.content(name))
        return digest.hexdigest()

    def __len__(self) -> int:
        """Return the number of pictures in the split."""
        return len(self.names)

    def __getitem__(self, index: int) -> LabelledPicture:
        """Read one picture and its truth.

        Raises:
            DataError: A file is missing or damaged, or the two differ in size.
        """
        name = self.names[index]
        image = decoded(self._listing.picture(name), cv2.IMREAD_COLOR)
        annotation = self._listing.read(name, image.shape[:2])
        return LabelledPicture(name, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), annotation)

    def truths(self) -> Iterator[Annotation]:
        """Return an iterator over the truths, read one at a time."""
        return (self[index].truth for index in range(len(self)))


# --- Batches ---


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of augmented pictures.

    Attributes:
        image: RGB in [0, 1].
        label: Classes (255 = none), metres (0 = none), or objects.
        names: Names of the pictures, for error messages: those of the whole batch, even where only a part
            of it was read.
    """

    image: Float[Tensor, "b 3 h w"]
    label: Int64[Tensor, "b h w"] | Float32[Tensor, "b h w"] | ObjectTargets
    names: tuple[str, ...]


def batches(
    data: PictureData, stage: Stage, *, seed: int, epoch: int, part: slice = slice(None)
) -> Iterator[Batch]:
    """Yield one epoch in random order, dropping an incomplete last batch.

    Every picture has its own random stream, seeded with seed, epoch and index, so an epoch can be
    repeated exactly after an interruption. `part` selects the pictures of each batch to read.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(data))
    for first in range(0, len(order) - stage.batch + 1, stage.batch):
        indices = [int(i) for i in order[first : first + stage.batch]]
        pictures = [
            augment(data[i], data.truth, stage, np.random.default_rng([seed, epoch, i]))
            for i in indices[part]
        ]
        image = torch.from_numpy(np.stack([picture.image for picture in pictures]))
        yield Batch(
            image.permute(0, 3, 1, 2).float() / 255,  # stays channels-last in memory
            data.truth.batch([picture.truth for picture in pictures]),
            tuple(data.names[i] for i in indices),
        )


def steps_per_epoch(data: PictureData, stage: Stage) -> int:
    """Return the number of batches in an epoch."""
    return len(data) // stage.batch


def augment(
    picture: LabelledPicture, kind: Truth[Any, Any], stage: Stage, rng: np.random.Generator
) -> LabelledPicture:
    """Resize, crop to the stage's square, mirror half of the time, and change brightness and contrast."""
    framing = draw_framing(picture.image.shape[:2], stage, rng)
    interpolation = cv2.INTER_AREA if framing.factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(picture.image, (framing.width, framing.height), interpolation=interpolation)
    return LabelledPicture(
        picture.name, _light(framing.cut(image, _BORDER), rng), kind.framed(picture.truth, framing)
    )


def draw_framing(size: tuple[int, int], stage: Stage, rng: np.random.Generator) -> Framing:
    """Draw a random framing for a picture of this height and width."""
    low, high = stage.resize
    factor = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height, width = (max(1, round(side * factor)) for side in size)
    return Framing(
        factor=factor,
        height=height,
        width=width,
        top=int(rng.integers(max(height, stage.crop) - stage.crop + 1)),
        left=int(rng.integers(max(width, stage.crop) - stage.crop + 1)),
        side=stage.crop,
        mirrored=bool(rng.random() < 0.5),
    )


def _light(image: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    contrast = rng.uniform(0.75, 1.25)
    tint = contrast * rng.uniform(0.94, 1.06, size=3)
    shift = rng.uniform(-20, 20) + 127.5 * (1 - contrast)
    return np.clip(image * tint.astype(np.float32) + np.float32(shift), 0, 255).astype(np.uint8)
