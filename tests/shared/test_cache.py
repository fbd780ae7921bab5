"""The cache: sizes against allocated bytes, what is dropped first, one making for all who ask."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from torch import nn

from app.settings import Source, Subject
from app.shared import cache
from app.shared.cache import Cache, budget, cached, size_of
from app.shared.engine import turns
from app.shared.engine.turns import Turns

MEGA = 1 << 20


@dataclass(frozen=True)
class Holder:
    array: np.ndarray
    others: tuple[object, ...] = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (torch.zeros(MEGA), 4 * MEGA),
        (torch.zeros(2, MEGA)[0], 8 * MEGA),  # a view keeps the whole
        (np.zeros(MEGA, np.uint8)[: MEGA // 2], MEGA),
        (b"x" * MEGA, MEGA),
        ((np.zeros(MEGA), torch.zeros(MEGA)), 12 * MEGA),
        ({"a": Holder(np.zeros(MEGA, bool), (b"y" * MEGA,))}, 2 * MEGA),
        (nn.Linear(1024, 1024, bias=False), 4 * MEGA),
    ],
    ids=["tensor", "part of a tensor", "part of an array", "bytes", "tuple", "record", "module"],
)
def test_sizes(value: object, expected: int) -> None:
    assert expected <= size_of(value) <= expected + 2000


def test_what_is_held_twice_counts_once() -> None:
    array = np.zeros(MEGA, np.uint8)
    assert size_of([array, array, array[5:], Holder(array)]) < MEGA + 2000
    tensor = torch.zeros(MEGA)
    assert size_of((tensor, tensor.view(1024, 1024), tensor[3:])) < 4 * MEGA + 2000


def test_figures_count_with_their_arrays() -> None:
    figure = go.Figure(go.Heatmap(z=np.zeros((256, 512))))
    assert 8 * 256 * 512 <= size_of(figure) <= 8 * 256 * 512 + MEGA // 4


def fill(kept: Cache, key: str, size: int, seconds: float = 0.0) -> None:
    def make() -> bytes:
        time.sleep(seconds)
        return b"x" * size

    kept.get(key, make)


def has(kept: Cache, key: str) -> bool:
    asked: list[int] = []

    def make() -> bytes:
        asked.append(1)
        return b"x" * 10 * MEGA  # larger than the budget: it is not kept

    kept.get(key, make)
    return not asked


def test_the_budget_holds_and_what_is_cheap_goes_first() -> None:
    kept = Cache(5 * MEGA)
    fill(kept, "dear", 2 * MEGA, seconds=0.1)
    for number in range(6):
        fill(kept, f"cheap {number}", 2 * MEGA)
        assert kept.used <= kept.budget
    assert has(kept, "dear")
    assert has(kept, "cheap 5")
    assert not has(kept, "cheap 0")


def test_small_values_outlive_large_ones_of_the_same_cost() -> None:
    kept = Cache(5 * MEGA)
    for number in range(20):
        fill(kept, f"small {number}", 10_000, seconds=0.002)
    for number in range(5):
        fill(kept, f"large {number}", 4 * MEGA, seconds=0.002)
    assert all(has(kept, f"small {number}") for number in range(20))


def test_what_nobody_asks_for_is_dropped_in_the_end() -> None:
    """However dear: newer values that are asked for again and again take its place."""
    kept = Cache(2 * MEGA)
    fill(kept, "old", MEGA, seconds=0.05)
    for number in range(40):
        fill(kept, f"new {number}", MEGA + MEGA // 2, seconds=0.01)
    assert not has(kept, "old")


def test_a_value_beyond_the_budget_is_returned_and_not_kept() -> None:
    kept = Cache(MEGA)
    fill(kept, "small", 1000)
    assert len(kept.get("large", lambda: b"x" * 2 * MEGA)) == 2 * MEGA
    assert len(kept) == 1
    assert has(kept, "small")
    kept.clear()
    assert (len(kept), kept.used) == (0, 0)


def test_many_who_ask_at_once_share_one_making() -> None:
    kept, made, values = Cache(MEGA), [], []

    def make() -> object:
        made.append(1)
        time.sleep(0.05)
        return object()

    threads = [threading.Thread(target=lambda: values.append(kept.get("key", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    assert len({id(value) for value in values}) == 1


def test_if_the_making_fails_the_next_who_waits_tries() -> None:
    kept, tries, found = Cache(MEGA), [], []

    def make() -> str:
        tries.append(1)
        time.sleep(0.03)
        if len(tries) == 1:
            raise ValueError("the visitor left")
        return "value"

    def ask() -> None:
        try:
            found.append(kept.get("key", make))
        except ValueError as error:
            found.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == ["the visitor left", "value", "value"]
    assert len(tries) == 2


def test_nothing_is_asked_for_during_a_turn() -> None:
    """Its maker may wait for the turn that the asking thread holds."""
    kept = Cache(MEGA)
    with Turns().turn("visitor"), pytest.raises(RuntimeError, match="during a turn on the device"):
        kept.get("key", object)
    assert kept.get("key", lambda: 3) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("800M", 800 << 20), ("4G", 4 << 30), ("1.5 gib", 3 << 29), ("123", 123), ("64kB", 64 << 10)],
)
def test_the_variable_sets_the_budget(text: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_CACHE", text)
    assert budget() == expected


def test_without_the_variable_the_budget_is_a_quarter_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DYSAMPLE_CACHE", raising=False)
    with open("/proc/meminfo", encoding="ascii") as lines:
        total = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    assert budget() == pytest.approx(total * 1024 / 4, rel=0.01)


@pytest.mark.parametrize("text", ["much", "-3G", "4 G B", "1e9", "inf"])
def test_another_budget_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYSAMPLE_CACHE", text)
    with pytest.raises(ValueError, match=f"must be a number of bytes such as 800M or 4G, got '{text}'"):
        budget()


def test_keys_are_the_bytes_and_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE", Cache(MEGA))
    made: list[Any] = []

    @cached
    def work(subject: Subject, number: int, *, sign: int = 1) -> int:
        made.append((subject, number, sign))
        return sign * number

    def subject(data: bytes | None, name: str = "cat.png") -> Subject:
        return Subject(Source(name, data), "task", "bilinear", 640)

    assert work(subject(b"a"), 1) == 1
    assert work(subject(b"a"), 1) == 1
    assert len(made) == 1
    assert work(subject(b"b"), 1) == 1  # other bytes under the same name
    assert work(subject(b"a"), 2) == 2
    assert work(subject(None), 1) == 1
    assert work(subject(b"a"), 1, sign=-1) == -1
    assert len(made) == 5


def test_a_large_picture_is_no_part_of_a_key() -> None:
    source = Source("photo.jpg", b"\x00" * 5 * MEGA)
    assert len(repr(source)) < 200
    assert source == Source("photo.jpg", b"\x00" * 5 * MEGA)
    assert hash(source) == hash(Source("photo.jpg", b"\x00" * 5 * MEGA))
    assert source != Source("photo.jpg", b"\x01" * 5 * MEGA)


def test_waiting_for_a_turn_makes_no_value_worth_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what was asked for in a crowd would be kept before what takes long to compute."""
    now = [0.0]
    monkeypatch.setattr(cache.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(turns, "_TICK_S", 0.01)
    queue, kept = Turns(clock=lambda: now[0]), Cache(budget=1_000_000)
    held, asked = threading.Event(), threading.Event()

    def hold() -> None:
        with queue.turn("another visitor"):
            held.set()
            asked.wait(10)
            now[0] += 1000.0

    def make() -> bytes:
        with queue.turn("visitor", report=lambda _: asked.set()):
            now[0] += 2.0
            return bytes(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    kept.get("asked for in a crowd", make)
    holder.join()
    (entry,) = kept._entries.values()
    assert entry.seconds == 2.0
