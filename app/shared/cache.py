"""What pages have computed, kept for all visitors within one budget of bytes."""

import functools
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
import psutil
import torch
from torch import nn

from app.settings import Source
from app.shared.engine import turns
from dysample.heap import trim_heap

_P = ParamSpec("_P")
_T = TypeVar("_T")

_VARIABLE = "DYSAMPLE_CACHE"
_SHARE = 4  # of the machine's memory that the cache may take if the variable does not say otherwise
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_WORTH_RETURNING = 64 << 20  # bytes that are given back to the system at once, which takes a moment


@dataclass(slots=True)
class _Entry:
    """A value, its bytes, the seconds that it took, how much it is worth keeping, and whose it is.

    The owners are digests of visitors' own photographs; without any, the value is of use to everybody.
    """

    value: Any
    size: int
    seconds: float
    worth: float
    owners: frozenset[str]


class Cache:
    """Values by key, of which those that are cheap to make again for their size are dropped first.

    A value is worth the seconds that making it takes per byte, counted from the worth of what was dropped
    last: what nobody asks for loses against newer values in the end (GreedyDual-Size, Cao and Irani 1997).
    A value that several threads ask for at once is made once.

    Attributes:
        budget: Bytes that the values may take together.
    """

    def __init__(self, budget: int) -> None:
        """Begin empty."""
        self.budget = budget
        self._entries: dict[Hashable, _Entry] = {}
        self._making: set[Hashable] = set()
        self._used = 0
        self._floor = 0.0  # worth of what was dropped last
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """Bytes that the values take."""
        return self._used

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], _T], *, owners: frozenset[str] = frozenset()) -> _T:
        """Return the value of a key, made now if there is none.

        While another thread makes it, this one waits; if that thread fails, this one tries.

        Args:
            key: Key.
            make: Makes the value.
            owners: Digests of the photographs that it is made of.

        Raises:
            RuntimeError: The thread has its turn on the device, which others may be waiting for.
        """
        if turns.held():
            raise RuntimeError(f"{key} was asked for during a turn on the device: ask before it begins")
        with self._changed:
            while key in self._making:
                self._changed.wait()
            entry = self._entries.get(key)
            if entry is not None:
                entry.worth = self._floor + _worth(entry.seconds, entry.size)
                return entry.value
            self._making.add(key)
        try:
            began, waited = time.perf_counter(), turns.waited()
            value = make()
            seconds = time.perf_counter() - began - (turns.waited() - waited)
            self._keep(key, value, size_of(value), seconds, owners)
        finally:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()
        return value

    def clear(self) -> None:
        """Drop all values."""
        with self._changed:
            self._entries.clear()
            self._used = 0

    def drop_others(self, owners: Container[str]) -> None:
        """Drop the values that were made of photographs other than these."""
        with self._changed:
            for key, entry in tuple(self._entries.items()):
                if any(owner not in owners for owner in entry.owners):
                    del self._entries[key]
                    self._used -= entry.size

    def give_back(self, enough: Callable[[], bool]) -> None:
        """Drop values, the least worth ones first, until there is enough memory or nothing left."""
        while not enough():
            with self._changed:
                if not self._entries:
                    return
                self._drop_cheapest()
            trim_heap()

    def _drop_cheapest(self) -> int:
        """Drop the value that is worth least, and return its bytes."""
        cheapest = min(self._entries, key=lambda key: self._entries[key].worth)
        dropped = self._entries.pop(cheapest)
        self._used -= dropped.size
        self._floor = dropped.worth
        return dropped.size

    def _keep(self, key: Hashable, value: object, size: int, seconds: float, owners: frozenset[str]) -> None:
        with self._changed:
            if size > self.budget:
                return
            freed = 0
            while self._used + size > self.budget:
                freed += self._drop_cheapest()
            self._entries[key] = _Entry(value, size, seconds, self._floor + _worth(seconds, size), owners)
            self._used += size
        if freed > _WORTH_RETURNING:
            trim_heap()


def _worth(seconds: float, size: int) -> float:
    return seconds / max(1, size)


def budget() -> int:
    """Return the bytes that the cache may take: the variable `DYSAMPLE_CACHE`, else a quarter of the memory.

    Raises:
        ValueError: The variable is not a number of bytes such as 800M or 4G.
    """
    text = os.environ.get(_VARIABLE, "").strip()
    if not text:
        return psutil.virtual_memory().total // _SHARE
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"{_VARIABLE} must be a number of bytes such as 800M or 4G, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


CACHE = Cache(budget())


def cached(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Keep what a function returns in `CACHE`, by the `repr` of its arguments.

    The arguments are to be names, numbers, and frozen settings of such; the value is shared by all visitors,
    and must not be changed.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def kept(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        key = f"{name}{args!r}{sorted(kwargs.items())!r}"
        owners = frozenset(_digests((*args, *kwargs.values())))
        return CACHE.get(key, lambda: function(*args, **kwargs), owners=owners)

    return kept


def _digests(value: object) -> Iterator[str]:
    """Return the digests of the visitors' own photographs in settings."""
    if isinstance(value, Source):
        if value.digest:
            yield value.digest
    elif isinstance(value, tuple):
        for item in cast(tuple[object, ...], value):
            yield from _digests(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _digests(getattr(value, field.name))


# --- Sizes ---


def size_of(value: object) -> int:
    """Return the bytes that a value holds on to: tensors, arrays and bytes inside of it count once."""
    held: dict[int, int] = {}
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, torch.Tensor):
            storage = part.untyped_storage()
            held[storage.data_ptr() or id(part)] = storage.nbytes()
        elif isinstance(part, np.ndarray):
            owner = _owner(part)
            held[id(owner)] = owner.nbytes
        else:
            held[id(part)] = sys.getsizeof(part)
            waiting += _parts(part)
    return sum(held.values())


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, nn.Module):
        yield from value.parameters()
        yield from value.buffers()
    elif isinstance(value, Mapping):
        mapping = cast(Mapping[object, object], value)
        yield from mapping.keys()
        yield from mapping.values()
    elif isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray | range):
        yield from cast(Sequence[object], value)
    elif type(value).__module__.startswith("plotly."):  # figures and their parts
        yield vars(value)
    elif is_dataclass(value):
        for field in fields(value):
            yield getattr(value, field.name, None)
