"""Readers for labelled pictures: a folder with `rgb`, one label folder and lists of names."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

IGNORE = 255
_LABELS = {"camvid": "label11", "voc_animals": "label21"}


class DataError(RuntimeError):
    """The data are not there or cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with its labels, 255 where there is none."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    label: UInt8[np.ndarray, "h w"]


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


class SegmentationData:
    """The pictures of one split of one data set, read when they are asked for."""

    def __init__(self, folder: Path, dataset: str, split: str) -> None:
        """Read the list of names.

        Args:
            folder: What `data_folder` gives.
            dataset: "camvid" or "voc_animals".
            split: Name of a list there, such as "train".

        Raises:
            DataError: The data set or the list is missing.
        """
        if dataset not in _LABELS:
            raise DataError(f"no data set is called {dataset!r}; there are {', '.join(_LABELS)}")
        self.dataset = dataset
        self.split = split
        self.root = folder / dataset
        self.labels = _LABELS[dataset]
        listing = self.root / f"{split}.txt"
        if not listing.is_file():
            raise DataError(f"{dataset} has no {split}.txt in {folder}: is the data folder complete?")
        self.names = tuple(listing.read_text().split())

    @property
    def title(self) -> str:
        """Name for people."""
        return f"{self.dataset} {self.split}, {len(self)} pictures"

    def digest(self) -> str:
        """SHA-256 over the names and the bytes of all pictures and labels, in order."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(name.encode())
            for path in self._paths(name):
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def _paths(self, name: str) -> tuple[Path, Path]:
        return self.root / "rgb" / f"{name}.jpg", self.root / self.labels / f"{name}.png"

    def __len__(self) -> int:
        """How many pictures the split has."""
        return len(self.names)

    def __getitem__(self, index: int) -> LabelledPicture:
        """Read one picture and its labels.

        Raises:
            DataError: A file is missing or damaged, or the two differ in size.
        """
        name = self.names[index]
        picture, labels = self._paths(name)
        image = _read(picture, cv2.IMREAD_COLOR)
        label = _read(labels, cv2.IMREAD_UNCHANGED)
        if image.shape[:2] != label.shape:
            raise DataError(f"{name}: picture {image.shape[:2]} and labels {label.shape} differ in size")
        return LabelledPicture(name, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), label)


def _read(path: Path, mode: int) -> np.ndarray:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise DataError(f"{path} is missing or damaged: copy the data set again")
    return picture


def class_shares(data: SegmentationData, classes: int) -> np.ndarray:
    """Share of the labelled pixels that each class has."""
    counts = np.zeros(256, np.int64)
    for index in range(len(data)):
        counts += np.bincount(data[index].label.ravel(), minlength=256)
    return counts[:classes] / max(1, counts[:classes].sum())
