"""Truth of objects from files in COCO's format: boxes, instance masks and panoptic maps.

Entries that cannot be used are left out and counted by reason (`left_out`); a file that cannot be used at
all raises `DataError`. Masks are kept as run-length codes and decoded when a picture is read.
"""

import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Bool, Int64, UInt32

from dysample.extras import needed_for
from dysample.images import MAX_PIXELS
from dysample.models.annotations import Objects, Panoptic
from dysample.training.listing import DataError, LeftOut, Reason, decoded, file_bytes
from dysample.training.recipe import CocoFiles

with needed_for("dysample.training"):
    import cv2
    from pycocotools import mask

_codes: Any = mask  # its stubs know neither polygons nor lists of codes

_MOST_CLASSES = 255  # classes and segments are numbered in 8 bits
_MOST_SEGMENTS = 254
_FAR = 10  # pycocotools walks along a polygon's edges point by point, so that a far one costs gigabytes
_Json = dict[str, Any]
_Entry = TypeVar("_Entry")
_Id = int | str


@dataclass(frozen=True, slots=True)
class CocoPicture:
    """A picture that a file lists.

    Attributes:
        name: Name, unlike all others: the file's name without folder and ending where these all differ.
        path: Path of the photograph.
        height: Rows.
        width: Columns.
    """

    name: str
    path: Path
    height: int
    width: int


# --- Objects ---


@dataclass(frozen=True, slots=True)
class _Object:
    """An object: its edges (left, top, right, bottom), and the run-length code of its mask, if any."""

    edges: tuple[float, float, float, float]
    number: int
    crowd: bool
    code: bytes | None


class CocoObjects:
    """The pictures of a file and their objects, which are read on access."""

    def __init__(
        self,
        pictures: Sequence[CocoPicture],
        objects: Mapping[str, Sequence[_Object]],
        classes: tuple[str, ...],
        *,
        masks: bool,
        left_out: tuple[LeftOut, ...],
    ) -> None:
        """Keep what `read_objects` has read."""
        self._pictures = {picture.name: picture for picture in pictures}
        self._objects = objects
        self._classes = classes
        self._masks = masks
        self.names = tuple(self._pictures)
        self.left_out = left_out

    @property
    def pictures(self) -> tuple[CocoPicture, ...]:
        """The pictures, in the order of the file."""
        return tuple(self._pictures.values())

    def picture(self, name: str) -> Path:
        """Return the path of a photograph."""
        return self._pictures[name].path

    def read(self, name: str, size: tuple[int, int]) -> Objects:
        """Return the objects of a picture of this height and width.

        Raises:
            DataError: The file gives the picture another size.
        """
        _check_size(self._pictures[name], size)
        rows = self._objects[name]
        masks = np.zeros((len(rows), *size), bool) if self._masks else None
        for number, row in enumerate(rows):
            if masks is not None and row.code is not None:
                masks[number] = _decoded_mask(row.code, size)
        return Objects(
            *size,
            boxes=np.array([row.edges for row in rows], np.float32).reshape(-1, 4),
            classes=np.array([row.number for row in rows], np.uint8),
            scores=np.ones(len(rows), np.float32),
            masks=masks,
            crowd=np.array([row.crowd for row in rows], bool),
        )

    def content(self, name: str) -> bytes:
        """Return the content of the file that concerns a picture, however it is written."""
        rows = [
            [self._classes[row.number], row.edges, row.crowd, (row.code or b"").decode()]
            for row in self._objects[name]
        ]
        return _canonical(self._pictures[name], rows)


def read_objects(
    path: Path, classes: tuple[str, ...], *, pictures: Path | None = None, masks: bool = False
) -> CocoObjects:
    """Read a file of COCO's detections or instances.

    Args:
        path: The JSON file.
        classes: Names of the classes; objects of other categories are left out.
        pictures: Folder that the file names of pictures are relative to; the JSON file's own by default.
        masks: Read masks too; objects without one are left out.

    Raises:
        DataError: The file cannot be used; the message says why.
    """
    file = _CocoFile.open(path, classes, pictures or path.parent)
    objects: dict[str, list[_Object]] = {picture.name: [] for picture in file.pictures.values()}
    tally = _Tally("objects", path.name)
    ids = set[Hashable]()

    def object_of(entry: _Json) -> tuple[str, _Object]:
        _once(_id(entry, "id"), ids)
        picture = file.picture_of(entry)
        number = file.class_of(entry)
        edges = _edges(entry, picture)
        code = _code(_value(entry, "segmentation"), picture) if masks else None
        return picture.name, _Object(edges, number, _crowd(entry), code)

    for name, row in tally.parsed(file.annotations, "annotation", object_of):
        objects[name].append(row)
    return CocoObjects(
        tuple(file.pictures.values()),
        objects,
        classes,
        masks=masks,
        left_out=_reports(file.tally, tally),
    )


# --- Panoptic maps ---


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment: its value in the PNG file."""

    value: int
    number: int
    crowd: bool


@dataclass(frozen=True, slots=True)
class _Map:
    """A picture's PNG file, the segments that are used, and the values of the others."""

    path: Path
    segments: tuple[_Segment, ...]
    void: frozenset[int]


class CocoPanoptic:
    """The pictures of a file and their panoptic maps, which are read on access.

    Pixels whose value the file does not list have no segment. They are counted as maps are read.
    """

    def __init__(
        self,
        pictures: Sequence[CocoPicture],
        maps: Mapping[str, _Map],
        classes: tuple[str, ...],
        left_out: tuple[LeftOut, ...],
    ) -> None:
        """Keep what `read_panoptic` has read."""
        self._pictures = {picture.name: picture for picture in pictures}
        self._maps = maps
        self._classes = classes
        self._left_out = left_out
        self._pixels = 0
        self._unlisted: dict[str, tuple[int, int]] = {}  # pixels and the first value, by picture
        self._read = set[str]()
        self.names = tuple(self._pictures)

    @property
    def pictures(self) -> tuple[CocoPicture, ...]:
        """The pictures, in the order of the file."""
        return tuple(self._pictures.values())

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not used, including the pixels of all maps that have been read so far."""
        if not self._unlisted:
            return self._left_out
        name, (_, value) = next(iter(self._unlisted.items()))
        count = sum(pixels for pixels, _ in self._unlisted.values())
        reason = Reason("of segments that are not listed", count, f"{value} in {self._maps[name].path.name}")
        return (*self._left_out, LeftOut("pixels", self._pixels, (reason,)))

    def picture(self, name: str) -> Path:
        """Return the path of a photograph."""
        return self._pictures[name].path

    def read(self, name: str, size: tuple[int, int]) -> Panoptic:
        """Read the map of a picture of this height and width.

        Raises:
            DataError: The map is missing or damaged, or differs in size from the picture.
        """
        _check_size(self._pictures[name], size)
        row = self._maps[name]
        values = _values(row.path)
        if values.shape != size:
            raise DataError(f"{name}: picture {size} and map {values.shape} differ in size ({row.path.name})")
        present = np.unique(values)
        segments = [segment for segment in row.segments if segment.value in present]
        self._note(name, values, present)
        # Every value that is present gets the number of its segment, and 0 if it has none.
        numbers = {segment.value: number for number, segment in enumerate(segments, start=1)}
        table = np.array([numbers.get(int(value), 0) for value in present], np.uint8)
        return Panoptic(
            table[np.searchsorted(present, values)],
            classes=np.array([segment.number for segment in segments], np.uint8),
            scores=np.ones(len(segments), np.float32),
            crowd=np.array([segment.crowd for segment in segments], bool),
        )

    def _note(self, name: str, values: UInt32[np.ndarray, "h w"], present: UInt32[np.ndarray, " n"]) -> None:
        """Count the pixels of segments that the file does not list, once for each picture."""
        if name in self._read:
            return
        self._read.add(name)
        self._pixels += values.size
        listed = {0, *self._maps[name].void, *(segment.value for segment in self._maps[name].segments)}
        unlisted = [int(value) for value in present if int(value) not in listed]
        if unlisted:
            self._unlisted[name] = (int(np.isin(values, unlisted).sum()), unlisted[0])

    def content(self, name: str) -> bytes:
        """Return the content of the file that concerns a picture, however it is written, and its map.

        Raises:
            DataError: The map is missing.
        """
        row = self._maps[name]
        segments = [[part.value, self._classes[part.number], part.crowd] for part in row.segments]
        return _canonical(self._pictures[name], segments) + file_bytes(row.path)


def read_panoptic(
    path: Path, classes: tuple[str, ...], *, pictures: Path | None = None, maps: Path | None = None
) -> CocoPanoptic:
    """Read a file of COCO's panoptic segmentations.

    Args:
        path: The JSON file.
        classes: Names of the classes; segments of other categories are left out.
        pictures: Folder that the file names of pictures are relative to; the JSON file's own by default.
        maps: Folder of the PNG files, whose pixels hold the ids of segments: as R + 256 G + 65536 B, or as
            they are in files of one channel. If none is given, the folder beside the JSON file that has its
            name.

    Raises:
        DataError: The file cannot be used, or a picture has more than 254 segments; the message says why.
    """
    file = _CocoFile.open(path, classes, pictures or path.parent)
    folder = maps or path.with_suffix("")
    if not folder.is_dir():
        raise DataError(f"the folder {folder}, with the maps of {path.name}, is missing: name it, or copy it")
    rows: dict[str, _Map] = {}
    parts = _Tally("segments", path.name)
    tally = _Tally("maps", path.name)

    def map_of(entry: _Json) -> tuple[str, _Map]:
        picture = file.picture_of(entry)
        if picture.name in rows:
            raise _FaultError("for a picture that has one already")
        image = folder / _typed(entry, "file_name", str)
        segments = _typed(entry, "segments_info", list)
        if not _is_file(image):
            raise _FaultError("whose PNG file is missing", image.name)
        return picture.name, _segments(file, image, segments, parts, f" in picture {picture.name}")

    for name, row in tally.parsed(file.annotations, "annotation of picture", map_of, key="image_id"):
        if len(row.segments) > _MOST_SEGMENTS:
            raise DataError(
                f"{path.name}: {name} has {len(row.segments)} segments, and at most {_MOST_SEGMENTS} can be "
                "told apart: remove the picture, or merge segments"
            )
        rows[name] = row
    mapped = [picture for picture in file.pictures.values() if picture.name in rows]
    for picture in file.pictures.values():
        if picture.name not in rows:
            file.tally.add("without a map that can be used", picture.name)
    file.tally.check(len(mapped))
    return CocoPanoptic(mapped, rows, classes, _reports(file.tally, tally, parts))


def _segments(file: "_CocoFile", image: Path, entries: list[Any], tally: "_Tally", within: str) -> _Map:
    """Return a picture's map; the values of segments that are left out become void."""
    values = set[Hashable]()

    def segment_of(entry: _Json) -> _Segment:
        value = _typed(entry, "id", int)
        if not 0 < value < 1 << 24:
            raise _FaultError("whose 'id' is not from 1 to 16,777,215")
        _once(value, values)
        return _Segment(value, file.class_of(entry), _crowd(entry))

    segments = tuple(tally.parsed(entries, "segment", segment_of, within=within))
    void = values - {segment.value for segment in segments}
    return _Map(image, segments, frozenset(cast(set[int], void)))


def _values(path: Path) -> UInt32[np.ndarray, "h w"]:
    """Return the ids of the pixels of a map."""
    values = decoded(path, cv2.IMREAD_UNCHANGED)
    if values.ndim == 2:
        return values.astype(np.uint32)
    if values.dtype != np.uint8 or values.shape[2] < 3:
        raise DataError(f"{path} is not a panoptic map: it has to have 8-bit colours, or one channel")
    blue, green, red = (values[:, :, channel].astype(np.uint32) for channel in range(3))
    return red + (green << 8) + (blue << 16)


# --- Data sets ---


def detection_listing(root: Path, files: CocoFiles, split: str, classes: tuple[str, ...]) -> CocoObjects:
    """List the pictures of a split with boxes.

    Raises:
        DataError: The file is missing or cannot be used.
    """
    return read_objects(
        _path(root, files.annotations, split), classes, pictures=_path(root, files.pictures, split)
    )


def instance_listing(root: Path, files: CocoFiles, split: str, classes: tuple[str, ...]) -> CocoObjects:
    """List the pictures of a split with boxes and masks.

    Raises:
        DataError: The file is missing or cannot be used.
    """
    return read_objects(
        _path(root, files.annotations, split),
        classes,
        pictures=_path(root, files.pictures, split),
        masks=True,
    )


def panoptic_listing(root: Path, files: CocoFiles, split: str, classes: tuple[str, ...]) -> CocoPanoptic:
    """List the pictures of a split with panoptic maps.

    Raises:
        DataError: The file or the folder of maps is missing or cannot be used.
    """
    return read_panoptic(
        _path(root, files.annotations, split),
        classes,
        pictures=_path(root, files.pictures, split),
        maps=_path(root, files.maps, split) if files.maps else None,
    )


def _path(root: Path, pattern: str, split: str) -> Path:
    return root / pattern.replace("{split}", split)


# --- The JSON file ---


class _FaultError(Exception):
    """An entry cannot be used, for a reason that follows a number: "with a box of no area"."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class _Tally:
    """Counts of the entries of one sort in a file, and of those left out, by reason."""

    sort: str
    file: str
    total: int = 0
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def add(self, reason: str, label: str, detail: str = "") -> None:
        """Count an entry as left out."""
        of_file = f"{label} of {self.file}"
        count, first = self.reasons.get(reason, (0, f"{of_file}: {detail}" if detail else of_file))
        self.reasons[reason] = (count + 1, first)

    def parsed(
        self,
        entries: Iterable[Any],
        what: str,
        parse: Callable[[_Json], _Entry],
        *,
        key: str = "id",
        within: str = "",
    ) -> Iterator[_Entry]:
        """Yield what `parse` makes of the entries that can be used, and count the others.

        Args:
            entries: The entries.
            what: What one of them is called.
            parse: Raises `_FaultError` for an entry that cannot be used.
            key: Key that tells it from others.
            within: Part of the file that they belong to.
        """
        for place, entry in enumerate(entries, start=1):
            self.total += 1
            try:
                if not isinstance(entry, dict):
                    raise _FaultError("that are not JSON objects")
                yield parse(cast(_Json, entry))
            except _FaultError as fault:
                self.add(fault.reason, f"{what} {_label(entry, key, place)}{within}", fault.detail)

    def report(self) -> LeftOut:
        """Return the counts."""
        rows = (Reason(words, count, first) for words, (count, first) in self.reasons.items())
        return LeftOut(self.sort, self.total, tuple(rows))

    def check(self, used: int) -> None:
        """Raise a `DataError` if no entry is used."""
        if not used:
            why = f": {self.report()}" if self.reasons else ""
            raise DataError(f"{self.file} has no {self.sort} that can be used{why}")


def _label(entry: Any, key: str, place: int) -> str:
    name = cast(_Json, entry).get(key) if isinstance(entry, dict) else None
    return str(name) if isinstance(name, int | str) else f"at place {place}"


def _reports(*tallies: _Tally) -> tuple[LeftOut, ...]:
    return tuple(tally.report() for tally in tallies if tally.reasons)


@dataclass(frozen=True, slots=True)
class _CocoFile:
    """A file that has been read: its pictures and categories by id, and its annotations as they are.

    Attributes:
        pictures: The pictures that can be used.
        without: Ids of the pictures that are left out.
        categories: Names of the categories.
        numbers: Index of each class of the task.
        annotations: Entries that have not been checked.
        tally: Count of the pictures.
    """

    pictures: dict[_Id, CocoPicture]
    without: set[_Id]
    categories: dict[_Id, str]
    numbers: dict[str, int]
    annotations: list[Any]
    tally: _Tally

    @classmethod
    def open(cls, path: Path, classes: tuple[str, ...], folder: Path) -> "_CocoFile":
        """Read a file.

        Raises:
            DataError: It cannot be used.
        """
        if len(classes) > _MOST_CLASSES:
            raise DataError(f"a task of objects has at most {_MOST_CLASSES} classes, got {len(classes)}")
        content = _loaded(path)
        images, annotations, categories = (
            _list(content, key, path) for key in ("images", "annotations", "categories")
        )
        names = _categories(categories, path)
        numbers = {name: number for number, name in enumerate(classes)}
        if numbers.keys().isdisjoint(names.values()):
            raise DataError(
                f"{path.name} has none of the classes {', '.join(classes)}: its categories are "
                f"{', '.join(sorted(set(names.values()))) or 'none'}"
            )
        tally = _Tally("pictures", path.name)
        pictures, without = _pictures(images, folder, tally)
        tally.check(len(pictures))
        return cls(pictures, without, names, numbers, annotations, tally)

    def picture_of(self, entry: _Json) -> CocoPicture:
        """Return the picture of an annotation."""
        key = _id(entry, "image_id")
        if key in self.without:
            raise _FaultError("of a picture that is left out", f"picture {key}")
        if key not in self.pictures:
            raise _FaultError("of a picture that is not listed", f"picture {key}")
        return self.pictures[key]

    def class_of(self, entry: _Json) -> int:
        """Return the class of an annotation or a segment."""
        key = _id(entry, "category_id")
        if key not in self.categories:
            raise _FaultError("of a category that is not listed", f"category {key}")
        name = self.categories[key]
        if name not in self.numbers:
            raise _FaultError("of a category that the task does not have", name)
        return self.numbers[name]


def _loaded(path: Path) -> _Json:
    """Return the JSON object of a file."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: is the data folder complete?") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not JSON: byte {error.start} is not text in {error.encoding}") from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise DataError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is not in COCO's format: it has to hold an object, with a list of images")
    return cast(_Json, content)


def _list(content: _Json, key: str, path: Path) -> list[Any]:
    rows = content.get(key)
    if not isinstance(rows, list):
        wrong = "has no" if key not in content else "has something else for a"
        raise DataError(f"{path} is not in COCO's format: it {wrong} list {key!r}")
    return cast(list[Any], rows)


def _categories(entries: list[Any], path: Path) -> dict[_Id, str]:
    """Return the names of the categories by id."""
    names: dict[_Id, str] = {}
    for place, entry in enumerate(entries, start=1):
        label = f"{path.name}: category {_label(entry, 'id', place)}"
        try:
            if not isinstance(entry, dict):
                raise _FaultError("that is not a JSON object")
            row = cast(_Json, entry)
            key, name = _id(row, "id"), _typed(row, "name", str)
        except _FaultError as fault:
            raise DataError(f"{label} cannot be used: it is one {fault.reason}") from fault
        if key in names:
            raise DataError(f"{label} is listed twice, as {names[key]!r} and as {name!r}")
        names[key] = name
    return names


def _pictures(entries: list[Any], folder: Path, tally: _Tally) -> tuple[dict[_Id, CocoPicture], set[_Id]]:
    """Return the pictures by id, and the ids of those that are left out."""
    rows: dict[_Id, tuple[str, int, int]] = {}
    without = set[_Id]()

    def row_of(entry: _Json) -> tuple[_Id, str, int, int]:
        key = _id(entry, "id")
        if key in rows or key in without:
            raise DataError(f"{tally.file}: two pictures have the id {key!r}; ids have to differ")
        without.add(key)
        name = _typed(entry, "file_name", str)
        height, width = _side(entry, "height"), _side(entry, "width")
        if height * width > MAX_PIXELS:
            raise _FaultError(f"of more than {MAX_PIXELS:,} pixels")
        if not _is_file(folder / name):
            raise _FaultError("whose file is missing", str(folder / name))
        without.remove(key)
        return key, name, height, width

    for key, *row in tally.parsed(entries, "picture", row_of):
        rows[key] = cast(tuple[str, int, int], tuple(row))
    names = _names([row[0] for row in rows.values()], tally.file)
    return {
        key: CocoPicture(name, folder / row[0], *row[1:])
        for name, (key, row) in zip(names, rows.items(), strict=True)
    }, without


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def _names(files: list[str], source: str) -> list[str]:
    """Return a name for every picture: the stem of its file, with its folder if stems are not unique."""
    names = [Path(file).stem for file in files]
    if len(set(names)) < len(names):
        names = [Path(file).with_suffix("").as_posix() for file in files]
    first: dict[str, str] = {}
    for name, file in zip(names, files, strict=True):
        if name in first:
            raise DataError(
                f"{source}: the pictures {first[name]!r} and {file!r} have one name; rename a file"
            )
        first[name] = file
    return names


# --- Values of an entry ---


def _value(entry: _Json, key: str) -> Any:
    if key not in entry:
        raise _FaultError(f"without {key!r}")
    return entry[key]


def _typed(entry: _Json, key: str, kind: type[_Entry]) -> _Entry:
    value = _value(entry, key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _FaultError(f"whose {key!r} is of the wrong type")
    return value


def _id(entry: _Json, key: str) -> _Id:
    value = _value(entry, key)
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise _FaultError(f"whose {key!r} is of the wrong type")
    return value


def _once(value: Hashable, known: set[Hashable]) -> None:
    """Note an id that may occur only once."""
    if value in known:
        raise _FaultError("with the id of an earlier one")
    known.add(value)


def _number(value: Any, key: str) -> float:
    """Return a number, which some files write in a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _FaultError(f"whose {key!r} is of the wrong type")
    try:
        number = float(value)
    except ValueError as error:
        raise _FaultError(f"whose {key!r} is of the wrong type") from error
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _FaultError("with a number that is not finite")
    return number


def _side(entry: _Json, key: str) -> int:
    number = _number(_value(entry, key), key)
    if number < 1 or not number.is_integer():
        raise _FaultError(f"whose {key!r} is not a whole number of pixels")
    return int(number)


def _crowd(entry: _Json) -> bool:
    value = entry.get("iscrowd", 0)
    if value not in (0, 1):
        raise _FaultError("whose 'iscrowd' is neither 0 nor 1")
    return bool(value)


def _edges(entry: _Json, picture: CocoPicture) -> tuple[float, float, float, float]:
    """Return a box's edges (left, top, right, bottom) inside the picture."""
    box = _typed(entry, "bbox", list)
    if len(box) != 4:
        raise _FaultError("whose 'bbox' is not four numbers")
    x, y, width, height = (_number(value, "bbox") for value in box)
    if width <= 0 or height <= 0:
        raise _FaultError("with a box of no area")
    right, bottom = x + width, y + height
    if x >= picture.width or y >= picture.height or right <= 0 or bottom <= 0:
        raise _FaultError("with a box outside the picture")
    edges = (max(x, 0.0), max(y, 0.0), min(right, picture.width), min(bottom, picture.height))
    left, top, right, bottom = map(float, np.array(edges, np.float32))  # as they are used
    if left >= right or top >= bottom:
        raise _FaultError("with a box of no area")
    return left, top, right, bottom


def _check_size(picture: CocoPicture, size: tuple[int, int]) -> None:
    known = (picture.height, picture.width)
    if known != size:
        raise DataError(f"{picture.name}: picture {size} and truth {known} differ in size")


def _canonical(picture: CocoPicture, rows: list[Any]) -> bytes:
    return json.dumps([picture.height, picture.width, rows], separators=(",", ":")).encode()


# --- Masks ---


def _code(segmentation: Any, picture: CocoPicture) -> bytes:
    """Return the compressed run-length code of a mask: polygons, run lengths, or such a code."""
    size = [picture.height, picture.width]
    match segmentation:
        case {"counts": counts, "size": given}:
            if given != size:
                raise _FaultError(
                    "with a mask of another size than the picture", f"{given} instead of {size}"
                )
            code = _checked_code(counts, size)
        case [_, *_]:
            polygons = [_polygon(part, picture) for part in cast(list[Any], segmentation)]
            code = _codes.merge(_codes.frPyObjects(polygons, *size))["counts"]
        case _:
            raise _FaultError("whose 'segmentation' is neither polygons nor run lengths")
    if not int(_codes.area({"size": size, "counts": code})):
        raise _FaultError("with a mask without pixels")
    return code


def _polygon(part: Any, picture: CocoPicture) -> list[float]:
    if not isinstance(part, list):
        raise _FaultError("whose 'segmentation' is neither polygons nor run lengths")
    numbers = [_number(value, "segmentation") for value in cast(list[Any], part)]
    if len(numbers) < 6:
        raise _FaultError("with a polygon of fewer than three points")
    if len(numbers) % 2:
        raise _FaultError("with a polygon of an odd number of coordinates")
    if max(map(abs, numbers)) > _FAR * max(picture.height, picture.width):
        raise _FaultError("with a polygon that reaches far out of the picture")
    return numbers


def _checked_code(counts: Any, size: list[int]) -> bytes:
    """Return the compressed form of run lengths, which must add up to the picture."""
    if isinstance(counts, str):
        code = counts.encode(errors="replace")
        runs = _runs(code).tolist()
    elif isinstance(counts, list) and all(type(run) is int for run in cast(list[Any], counts)):
        code, runs = None, cast(list[int], counts)
    else:
        raise _FaultError("with run lengths of the wrong type")
    if min(runs, default=0) < 0 or sum(runs) != size[0] * size[1]:
        raise _FaultError("with run lengths that do not add up to the picture")
    return code or _codes.frPyObjects({"size": size, "counts": runs}, *size)["counts"]


def _runs(code: bytes) -> Int64[np.ndarray, " n"]:
    """Return the run lengths of a compressed code.

    Every character holds five bits, lowest first, and a bit that says whether the number goes on. From the
    fourth on, a number is the difference to the run before the last. pycocotools reads past the end of a
    damaged code.

    Raises:
        _FaultError: It is damaged.
    """
    bits = np.frombuffer(code, np.uint8).astype(np.int64) - 48
    if not len(bits) or bits.min() < 0 or bits.max() > 63 or bits[-1] & 32:
        raise _FaultError("with a damaged run-length code")
    starts = np.flatnonzero(np.concatenate([[True], (bits[:-1] & 32) == 0]))
    lengths = np.diff(starts, append=len(bits))
    if lengths.max() > 7:  # 35 bits hold any number of pixels
        raise _FaultError("with a damaged run-length code")
    shifts = 5 * (np.arange(len(bits)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((bits & 31) << shifts, starts)
    last = bits[starts + lengths - 1]
    runs -= np.where(last & 16, np.int64(1) << (5 * lengths), 0)  # the highest bit is the sign
    for first in (1, 2):
        runs[first::2] = np.cumsum(runs[first::2])
    return runs


def _decoded_mask(code: bytes, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Return the mask of a code, whose runs go down the columns, the first outside of the mask."""
    runs = _runs(code)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[::-1]).T
