"""Names with options: "dysample@groups=8,scope=0.1" is the row "dysample" with two options changed.

The signs are safe in shells and in the names of files, since runs are kept in folders of that name.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dysample.ops.spec import OperatorSpec

MARK = "@"
_SIZES = ("scale", "guide_channels")  # decided by the host, not by a name
_WORDS: dict[str, Callable[[Any], str]] = {
    "groups": lambda value: "1 group" if value == 1 else f"{value} groups",
    "style": lambda value: value.upper(),
    "dynamic_scope": lambda value: "dynamic scope" if value else "static scope",
    "scope": lambda value: f"scope {value:g}",
    "initial": lambda value: f"{value} grid",
}


def variant(rows: Mapping[str, OperatorSpec], name: str) -> tuple[str, OperatorSpec]:
    """Look up a row, or a row with options changed.

    Args:
        rows: The table.
        name: A key of it, or such as ``"dysample@groups=8,style=pl"``.

    Returns:
        The one name that all spellings of this operator share, and the row with its options merged.

    Raises:
        ValueError: There is no such row, or it has no such option or value.
    """
    base, mark, rest = name.partition(MARK)
    if base not in rows:
        raise ValueError(f"no upsampler is called {base!r}; there are {', '.join(rows)}")
    if not mark:
        return base, rows[base]
    given = _read(rows[base], base, rest)
    wanted = _defaults(rows[base]) | dict(rows[base].options) | given
    # Rows of one factory differ by their options alone: the nearest row gives the name.
    near = {key: _changes(row, wanted) for key, row in rows.items() if row.factory is rows[base].factory}
    key = min(near, key=lambda row: len(near[row]))
    if not near[key]:
        return key, rows[key]
    label = ", ".join([rows[key].label, *(_WORDS[option](value) for option, value in near[key].items())])
    spelled = ",".join(f"{option}={_spelled(value)}" for option, value in near[key].items())
    return f"{key}{MARK}{spelled}", replace(rows[key], label=label, options=wanted)


def _defaults(row: OperatorSpec) -> dict[str, object]:
    """Options of a row's factory, in the order of its signature, with the values that it would take."""
    parameters = inspect.signature(row.factory).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.kind is each.KEYWORD_ONLY and each.name not in _SIZES
    }


def _changes(row: OperatorSpec, wanted: Mapping[str, object]) -> dict[str, object]:
    mine = _defaults(row) | dict(row.options)
    return {option: value for option, value in wanted.items() if mine[option] != value}


def _read(row: OperatorSpec, base: str, text: str) -> dict[str, object]:
    """The options of a name, such as ``"groups=8,style=pl"``."""
    known = _defaults(row)
    if not known:
        raise ValueError(f"{base} has no options, got {text!r}")
    hints = get_type_hints(getattr(row.factory, "__init__"))  # noqa: B009 - of a class, not of an instance
    found: dict[str, object] = {}
    for part in text.split(","):
        option, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{base}: an option is written as in groups=8, got {part!r}")
        if option not in known:
            raise ValueError(f"{base} has no option {option!r}; it has {', '.join(known)}")
        if option in found:
            raise ValueError(f"{base}: the option {option} is given twice")
        found[option] = _value(f"{base}: {option}", hints[option], value)
    return found


def _value(what: str, kind: Any, text: str) -> object:
    if get_origin(kind) is Literal or kind is bool:
        choices = {"true": True, "false": False} if kind is bool else {each: each for each in get_args(kind)}
        if text not in choices:
            raise ValueError(f"{what} must be one of {', '.join(choices)}, got {text!r}")
        return choices[text]
    try:
        return kind(text)
    except ValueError as error:
        number = "an integer" if kind is int else "a number"
        raise ValueError(f"{what} must be {number}, got {text!r}") from error


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
