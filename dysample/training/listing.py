"""The pictures of a split as their data set lists them, and what every reader of truth needs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from dysample.extras import needed_for
from dysample.models.annotations import Annotation

with needed_for("dysample.training"):
    import cv2

_Annotation = TypeVar("_Annotation", bound=Annotation)
_Read = TypeVar("_Read", bound=Annotation, covariant=True)


class DataError(RuntimeError):
    """Data are missing or cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some entries of a file are not used.

    Attributes:
        words: The reason, as it follows a number: "with a box of no area".
        count: Number of entries.
        first: The first of them, with the name of its file.
    """

    words: str
    count: int
    first: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Entries of one sort that are not used.

    Attributes:
        sort: Sort of the entries, in the plural: "objects".
        total: Number of entries of this sort, used or not.
        reasons: Why some are not used; each of those counts once.
    """

    sort: str
    total: int
    reasons: tuple[Reason, ...]

    @property
    def count(self) -> int:
        """Number of entries that are not used."""
        return sum(reason.count for reason in self.reasons)

    def __str__(self) -> str:
        """Return a sentence with all reasons and the first entry of each."""
        parts = [f"{reason.count:,} {reason.words} (first: {reason.first})" for reason in self.reasons]
        verb = "was" if self.count == 1 else "were"
        return f"{self.count:,} of {self.total:,} {self.sort} {verb} left out: {', '.join(parts)}"


@runtime_checkable
class Listing(Protocol[_Read]):
    """The pictures of a split, and their truth."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures, all different."""
        ...

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the data set lists and is not used."""
        ...

    def picture(self, name: str) -> Path:
        """Return the path of a photograph."""
        ...

    def read(self, name: str, size: tuple[int, int]) -> _Read:
        """Read the truth of a picture of this height and width.

        Raises:
            DataError: It is missing or damaged, or differs in size.
        """
        ...

    def content(self, name: str) -> bytes:
        """Return the bytes that tell the truth of a picture from any other, for a digest.

        Raises:
            DataError: It is missing.
        """
        ...


# --- A list of names and a map for each picture ---


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set keeps one kind of truth.

    Attributes:
        folder: Folder of PNG files inside the data set's folder.
        first: Value of the first class; pixels with smaller values have no class.
        metres: Metres that a stored depth of 1 stands for.
    """

    folder: str
    first: int = 0
    metres: float = 1.0


@dataclass(frozen=True, slots=True)
class MapListing(Generic[_Annotation]):
    """A split of a folder with `rgb`, a folder of PNG files, and a list of names for each split.

    Attributes:
        root: Folder of the data set.
        source: Where the truth lies in it.
        names: Names of the pictures.
        decode: Turns the values of a PNG file into the truth.
    """

    root: Path
    source: Source
    names: tuple[str, ...]
    decode: Callable[[np.ndarray, Source], _Annotation]

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Nothing: every name has to have its files."""
        return ()

    def picture(self, name: str) -> Path:
        """Return the path of a photograph."""
        return self.root / "rgb" / f"{name}.jpg"

    def read(self, name: str, size: tuple[int, int]) -> _Annotation:
        """Read the truth of a picture of this height and width.

        Raises:
            DataError: It is missing or damaged, or differs in size.
        """
        values = decoded(self._map(name), cv2.IMREAD_UNCHANGED)
        if values.shape != size:
            raise DataError(f"{name}: picture {size} and truth {values.shape} differ in size")
        return self.decode(values, self.source)

    def content(self, name: str) -> bytes:
        """Return the bytes of a picture's truth.

        Raises:
            DataError: It is missing.
        """
        return file_bytes(self._map(name))

    def _map(self, name: str) -> Path:
        return self.root / self.source.folder / f"{name}.png"


def map_listing(
    root: Path, source: Source, split: str, decode: Callable[[np.ndarray, Source], _Annotation]
) -> MapListing[_Annotation]:
    """Read the list of names of a split.

    Raises:
        DataError: It is missing.
    """
    path = root / f"{split}.txt"
    if not path.is_file():
        raise DataError(f"{root.name} has no {split}.txt in {root.parent}: is the data folder complete?")
    return MapListing(root, source, tuple(path.read_text().split()), decode)


# --- Files ---


def decoded(path: Path, mode: int) -> np.ndarray:
    """Read a picture file in one of OpenCV's modes.

    Raises:
        DataError: The file is missing or damaged.
    """
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise DataError(f"{path} is missing or damaged: copy the data set again")
    return picture


def file_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        DataError: The file is missing.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} is missing or damaged: copy the data set again") from error
