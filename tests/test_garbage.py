"""What is alive is set aside after a slow collection, and comes back when all garbage is collected."""

import asyncio
import gc
import signal
import weakref
from collections.abc import Iterator

import pytest

from app import garbage, server


class Link:
    """One of two objects that hold one another."""

    other: "Link"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    callbacks = gc.callbacks[:]
    yield
    gc.callbacks[:] = callbacks
    if hasattr(signal, "pthread_sigmask"):  # which the server's end leaves blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


@pytest.mark.parametrize(
    ("generation", "seconds", "set_aside"), [(2, 0.3, True), (2, 0.001, False), (1, 0.3, False)]
)
def test_what_outlives_a_slow_full_collection_is_set_aside(
    generation: int, seconds: float, set_aside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.0 + seconds])
    monkeypatch.setattr(garbage.time, "perf_counter", lambda: next(clock))
    before = gc.get_freeze_count()
    gc.disable()  # so that no other collection asks for the time
    garbage.watch()
    watch = gc.callbacks[-1]
    watch("start", {"generation": generation})
    watch("stop", {"generation": generation})
    gc.callbacks.remove(watch)
    gc.enable()
    assert (gc.get_freeze_count() > before) is set_aside


def test_what_was_set_aside_is_collected_with_everything_else() -> None:
    first, second = Link(), Link()
    first.other, second.other = second, first
    gone = weakref.ref(first)
    gc.freeze()
    del first, second
    gc.collect()
    assert gone() is not None
    garbage.collect_all()
    assert gone() is None


def test_the_server_watches_over_its_garbage() -> None:
    async def serve() -> int:
        async with server.lifespan(None):
            return len(gc.callbacks)

    before = len(gc.callbacks)
    assert asyncio.run(serve()) == before + 1
