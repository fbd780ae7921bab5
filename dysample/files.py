"""Atomic writes, writes requested on the command line, and typed records from JSON."""

import json
import os
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


class DiskError(OSError):
    """A file cannot be written; the message says why, and that the previous file is intact."""


def write_aside(path: Path, data: bytes) -> None:
    """Write a file atomically: at any moment either the old or the new one is complete.

    Raises:
        DiskError: The disk is full, or the folder cannot be written to.
    """
    aside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DiskError(
            f"{path} could not be written ({error.strerror or error}); what was there before is whole"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a file requested on the command line, creating its folders.

    Raises:
        ValueError: The file cannot be written; the message says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error


def record_from(kind: type[Record], plain: Any) -> Record:
    """Build a record from parsed JSON, checked against the types that it declares.

    Args:
        kind: A dataclass of records, `tuple[..., ...]`, `Literal`, plain values and unions of these.
        plain: The parsed JSON of `asdict(record)`.

    Raises:
        ValueError: A field is missing, unknown, or of another type; the message says which.
    """
    return cast(Record, _typed(kind, plain, ""))


def report_from(kind: type[Record], text: str, what: str) -> Record:
    """Read a record from the text of a JSON file.

    Args:
        kind: As for `record_from`.
        text: Content of the file.
        what: Noun for the error message, for example "a profile".

    Raises:
        ValueError: The text is not JSON, or not the JSON of such a record.
    """
    try:
        plain = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"the file must hold {what}, got JSON that is nested too deeply") from error
    try:
        return record_from(kind, plain)
    except ValueError as error:
        raise ValueError(f"the file must hold {what} of this version: {error}") from error


def _typed(kind: Any, plain: Any, where: str) -> Any:
    options: tuple[Any, ...] = get_args(kind) if _is_union(kind) else (kind,)
    if plain is None and NoneType in options:
        return None
    first = options[0]
    if is_dataclass(first) and isinstance(plain, dict):
        return _record(first, cast(dict[str, Any], plain), where)
    if get_origin(first) is tuple and isinstance(plain, list):
        items = enumerate(cast(list[Any], plain))
        return tuple(_typed(get_args(first)[0], item, f"{where}[{index}]") for index, item in items)
    if get_origin(first) is Literal and plain in get_args(first):
        return plain
    if type(plain) in options:
        return plain
    if type(plain) is int and float in options:  # JSON may write 1.0 as 1
        return float(plain)
    raise ValueError(f"{where or 'the whole'} must be {_words(kind)}, got {plain!r:.60}")


def _record(kind: Any, plain: dict[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    # Records from before a field was added lack it: then its default is what they say.
    optional = {field.name for field in fields(kind) if field.default is not MISSING} - plain.keys()
    for key in (*hints, *plain):
        if (key not in plain and key not in optional) or key not in hints:
            verb = "has no" if key in hints else "has an unknown"
            raise ValueError(f"{where or 'the whole'} {verb} {key!r}")
    path = f"{where}." if where else ""
    present = (key for key in hints if key not in optional)
    return kind(**{key: _typed(hints[key], plain[key], path + key) for key in present})


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (UnionType, Union)  # Union, where a member is a Literal


def _words(kind: Any) -> str:
    """Describe a type in an error message."""
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    if _is_union(kind):
        return " or ".join(_words(option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list"
    names = {float: "a number", int: "a whole number", str: "text", bool: "true or false", NoneType: "null"}
    return names.get(kind, "an object")
