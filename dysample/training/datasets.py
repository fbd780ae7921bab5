"""Readers for pictures with truth: folders with `rgb`, one for each kind of truth, and lists of names."""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

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
