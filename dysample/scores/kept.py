"""Statistics of many runs in one small file, from which every number comes back to the bit.

Runs of one task on the same pictures differ little. So an array is kept for all runs together: the least
value over the runs, then what every run has beyond it, run after run at each place. Integers are split into
planes of bytes, of which the upper ones are mostly zero, and LZMA packs all planes as one stream. Floating
point numbers are integers first: see `FORMS`.
"""

import json
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import isfinite, lcm

import numpy as np
from jaxtyping import Float64, UInt

from dysample.files import record_from

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
_TYPES = ("uint8", "uint16", "int32", "int64", "float64")
_MOST_PARTS = 1 << 20  # of which a share is some; a double tells such fractions apart
_LENGTH = 4  # bytes of the length of the header

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Column:
    """One array of several runs, as the header of a file describes it.

    Attributes:
        name: Name of the array.
        type: Name of its type in NumPy.
        shape: Its shape in each of the runs.
        form: Name in `FORMS`.
        planes: For every table of integers in that form, the planes of the least values and of the rest.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    form: str
    planes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Runs whose arrays have the same names, types and shapes."""

    runs: tuple[str, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds, in this order."""

    groups: tuple[Group, ...]


def fold(runs: Mapping[str, Arrays]) -> bytes:
    """Return the arrays of runs as the content of one file.

    Args:
        runs: Arrays by name, by name of the run.

    Raises:
        ValueError: An array has a type that no statistics have.
    """
    groups: list[Group] = []
    planes: list[bytes] = []
    for names in _alike(runs).values():
        columns: list[Column] = []
        for name, first in runs[names[0]].items():
            if first.dtype.name not in _TYPES:
                raise ValueError(f"arrays must be of {', '.join(_TYPES)}, and {name} is {first.dtype.name}")
            form, tables = _in_smallest_form(np.stack([runs[run][name] for run in names]))
            split = [_split(table) for table in tables]
            columns.append(Column(name, first.dtype.name, first.shape, form, tuple(map(_counts, split))))
            planes += [plane for part in split for side in part for plane in side]
        groups.append(Group(tuple(names), tuple(columns)))
    header = json.dumps(asdict(Header(tuple(groups))), separators=(",", ":")).encode()
    content = b"".join((len(header).to_bytes(_LENGTH, "little"), header, *planes))
    return lzma.compress(content, filters=_FILTERS)


def unfold(data: bytes) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays that `fold` was given, by name of the run.

    Raises:
        ValueError: The data are damaged.
    """
    try:
        content = memoryview(lzma.decompress(data, format=lzma.FORMAT_XZ))
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(str(error).rstrip(".")) from error
    length = int.from_bytes(content[:_LENGTH], "little")
    header = record_from(Header, json.loads(bytes(content[_LENGTH : _LENGTH + length])))
    rest = _Planes(content[_LENGTH + length :])
    runs: dict[str, dict[str, np.ndarray]] = {}
    for group in header.groups:
        columns = [(column, _restored(column, len(group.runs), rest)) for column in group.columns]
        for index, run in enumerate(group.runs):
            runs[run] = {column.name: values[index] for column, values in columns}
    rest.check_end()
    return runs


def _alike(runs: Mapping[str, Arrays]) -> dict[object, list[str]]:
    """Return the names of runs that can be folded together."""
    groups: dict[object, list[str]] = {}
    for run, arrays in runs.items():
        alike = tuple((name, values.dtype.name, values.shape) for name, values in arrays.items())
        groups.setdefault(alike, []).append(run)
    return groups


# --- Planes of bytes ---


def _split(table: UInt[np.ndarray, "runs ..."]) -> tuple[list[bytes], list[bytes]]:
    """Return the planes of the least values over the runs, and of what is left, lowest bytes first."""
    least = np.asarray(table.min(0))
    return _planes(least.T), _planes((table - least).T)  # transposed: the runs of one place are neighbours


def _counts(split: tuple[list[bytes], list[bytes]]) -> tuple[int, int]:
    return len(split[0]), len(split[1])


def _planes(values: UInt[np.ndarray, "..."]) -> list[bytes]:
    count = (int(values.max(initial=0)).bit_length() + 7) // 8
    octets = np.ascontiguousarray(values, "<u8").view(np.uint8).reshape(-1, 8)
    return [octets[:, index].tobytes() for index in range(count)]


class _Planes:
    """The planes of a file, taken one after the other."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._position = 0

    def take(self, count: int, shape: tuple[int, ...], width: int) -> np.ndarray:
        """Return unsigned integers of `width` bytes that the next planes hold.

        Raises:
            ValueError: The file ends before.
        """
        size = int(np.prod(shape, dtype=np.int64))
        octets = np.zeros((size, width), np.uint8)
        for index in range(count):
            plane = self._content[self._position : self._position + size]
            if len(plane) < size:
                raise ValueError("it ends too early")
            octets[:, index] = plane
            self._position += size
        return octets.view(f"<u{width}").reshape(shape)

    def check_end(self) -> None:
        """Raise ValueError if something is left."""
        if self._position != len(self._content):
            raise ValueError("it holds more than it says")


def _restored(column: Column, runs: int, planes: _Planes) -> list[np.ndarray]:
    """Return the array of each run."""
    if column.form not in FORMS:
        raise ValueError(f"{column.name} has the form {column.form!r}, which this version does not know")
    shape = column.shape[::-1]
    tables: list[np.ndarray] = []
    for least, rest in column.planes:
        width = 4 if max(least, rest) < 4 else 8  # a sum needs a byte more at most
        lowest = planes.take(least, shape, width)
        tables.append((planes.take(rest, (*shape, runs), width) + lowest[..., None]).T)
    values = FORMS[column.form].restore(*tables).astype(np.dtype(column.type), copy=False)
    # Columns are contiguous, as `of_classes` leaves them: the order of a sum decides its last bit.
    apart = np.ascontiguousarray(np.moveaxis(values.T, -1, 0))
    return [np.asarray(one).T for one in apart]


# --- Forms ---


@dataclass(frozen=True, slots=True)
class Form:
    """A way to write numbers as integers without loss.

    Attributes:
        integers: Returns tables of integers; the first axis of each is the runs. They need not be right:
            the form is taken only if `restore` makes the numbers of them again.
        restore: Makes the numbers of these tables.
    """

    integers: Callable[[np.ndarray], Sequence[UInt[np.ndarray, "..."]]]
    restore: Callable[..., np.ndarray]


def _in_smallest_form(values: np.ndarray) -> tuple[str, Sequence[UInt[np.ndarray, "..."]]]:
    """Return the first form that restores all values to the bit, and their integers in it."""
    for name, form in FORMS.items():
        with np.errstate(invalid="ignore"):
            tables = form.integers(values)
            again = form.restore(*tables).astype(values.dtype)
        if again.tobytes() == values.tobytes():
            return name, tables
    raise AssertionError("the bits of a value restore it")


def _whole(values: np.ndarray) -> UInt[np.ndarray, "..."]:
    return values.astype(np.int64).astype(np.uint64)


def _shares(values: np.ndarray) -> tuple[UInt[np.ndarray, "..."], ...]:
    """Return the numerators, and the denominators, which all runs have in common."""
    places = values.reshape(len(values), -1).T.tolist()
    wholes = np.array([_denominator(place) for place in places], np.float64).reshape(values.shape[1:])
    return _whole(np.rint(values * wholes)), _whole(np.broadcast_to(wholes, values.shape))


def _denominator(values: Sequence[float]) -> int:
    """Return the least common denominator of some values; 1 if they have none that is small enough."""
    common = 1
    for value in filter(isfinite, values):
        common = lcm(common, Fraction(value).limit_denominator(_MOST_PARTS).denominator)
        if common > _MOST_PARTS:
            return 1
    return common


def _share(parts: UInt[np.ndarray, "..."], wholes: UInt[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    return parts.astype(np.float64) / wholes.astype(np.float64)


# The first form that is exact is taken. A mean of truth values is a share of the pixels.
FORMS: dict[str, Form] = {
    "whole": Form(lambda values: [_whole(values)], lambda table: table),
    "share": Form(_shares, _share),
    "double": Form(
        lambda values: [values.view(np.uint64)], lambda table: table.astype(np.uint64).view(np.float64)
    ),
}
