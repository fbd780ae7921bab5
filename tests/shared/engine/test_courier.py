"""The courier's process: what it brings back, what it cannot, and how its end is told; no Ray is needed."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from app.shared.engine import courier
from app.shared.engine.courier import BrokenError, Courier, Pictures, RayHandle, Request, UnavailableError
from app.shared.engine.turns import BusyError, EngineError
from tests.shared.engine.test_turns import until

WAIT_S = 20.0
Start = Callable[..., Courier]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start couriers whose cluster is made up, and end them."""
    started: list[Courier] = []

    def begin(address: str = "here", application: str = "app") -> Courier:
        started.append(Courier(address, application, module="tests.shared.engine.couriers"))
        return started[-1]

    yield begin
    for line in started:
        line.close()
        until(lambda line=line: line._incoming.closed and line._outgoing.closed)
        assert line._process.returncode is not None  # no process is left behind


def request(method: str, *sizes: int) -> Request:
    return Request(method, "picture", b"body", [np.arange(size, dtype=np.uint8) for size in sizes])


def test_bytes_come_back_and_can_be_written_to(start: Start) -> None:
    line = start()
    first, second = line.begin(request("echo", 5, 3_000_000)), line.begin(request("echo"))
    reply = first.result(WAIT_S)
    assert reply.body == b"ydob"
    assert reply.buffers[0].tolist() == [4, 3, 2, 1, 0]
    np.testing.assert_array_equal(reply.buffers[1], np.arange(3_000_000, dtype=np.uint8)[::-1])
    assert all(data.flags.writeable for data in reply.buffers)
    assert second.result(WAIT_S).buffers == ()
    until(lambda: line.connected)


@pytest.mark.parametrize(
    ("method", "error", "words"),
    [
        ("busy", BusyError, "too many"),
        ("break", BrokenError, "the replica died"),
        ("fail", EngineError, "ValueError: no such thing"),
    ],
)
def test_errors_keep_their_kind_and_the_line(start: Start, method: str, error: type, words: str) -> None:
    line = start()
    with pytest.raises(error, match=words):
        line.begin(request(method)).result(WAIT_S)
    assert line.begin(request("echo")).result(WAIT_S).body == b"ydob"


def test_a_request_that_is_given_up_is_cancelled(start: Start) -> None:
    line = start()
    waiting = [line.begin(request("wait")) for _ in range(3)]
    line.cancel(waiting[1])

    def cancelled() -> bool:
        return line.begin(request("cancelled")).result(WAIT_S).body == b"1"

    until(cancelled)
    assert not any(future.done() for future in waiting)


def test_when_the_process_ends_its_requests_are_broken(start: Start) -> None:
    line = start()
    until(lambda: line.connected)
    waiting = line.begin(request("wait"))
    line.begin(request("end"))
    with pytest.raises(BrokenError, match="ended with status 3"):
        waiting.result(WAIT_S)
    assert line.ended
    with pytest.raises(BrokenError):
        line.begin(request("echo")).result(WAIT_S)


@pytest.mark.parametrize(
    ("address", "application", "words"),
    [
        ("nowhere", "app", "nobody answers there"),
        ("here", "unknown", "no application called 'unknown'"),
        ("crash", "app", "ended with status 7"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told(
    start: Start, address: str, application: str, words: str
) -> None:
    line = start(address, application)
    with pytest.raises(UnavailableError, match=words):
        line.begin(request("wait")).result(WAIT_S)
    assert line.ended


def test_an_application_that_is_taken_away_is_told(start: Start) -> None:
    line = start()
    waiting = line.begin(request("wait"))
    line.begin(request("gone"))
    with pytest.raises(UnavailableError, match="no such application"):
        waiting.result(WAIT_S)


def test_a_process_that_never_connects_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "CONNECT_S", 0.3)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="has not answered within 0 seconds"):
        start("here", "silent").begin(request("wait")).result(WAIT_S)
    assert time.monotonic() - began < WAIT_S / 2


def test_a_process_that_falls_silent_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even while a request is being written to it, which nobody reads."""
    monkeypatch.setattr(courier, "SILENCE_S", 2.0)
    line = start()
    until(lambda: line.connected)
    os.kill(line._process.pid, signal.SIGSTOP)
    errors: list[BaseException | None] = []

    def ask() -> None:
        errors.append(line.begin(request("wait", 9_000_000)).exception(WAIT_S))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [type(error) for error in errors] == [BrokenError, BrokenError]


# --- Pictures ---


def test_a_picture_travels_once_while_it_fits_and_anew_when_it_was_lost() -> None:
    sent: list[int] = []

    def put(buffers: list[np.ndarray]) -> int:
        sent.append(buffers[0].nbytes)
        return len(sent)

    pictures = Pictures(put, budget=100)

    def asked(name: str, size: int) -> int:
        return pictures.reference(Request("answer", name, b"", [np.zeros(size, np.uint8)]))

    assert [asked("a", 40), asked("b", 40), asked("a", 40)] == [1, 2, 1]
    assert [asked("c", 40), asked("a", 40), asked("b", 40)] == [3, 1, 4]  # b was asked for least lately
    pictures.forget(Request("answer", "b", b"", ()))
    assert asked("b", 40) == 5
    assert asked("large", 1000) == 6
    assert asked("large", 1000) == 6


# --- What Ray says ---


@pytest.mark.parametrize(
    ("applications", "words"),
    [
        ({"dysample": ("RUNNING", "")}, None),
        ({"dysample": ("DEPLOYING", "")}, None),
        ({"dysample": ("UNHEALTHY", "a replica is being replaced")}, None),
        ({}, r"it has no application called 'dysample' \(it has none\)"),
        ({"a": ("RUNNING", ""), "b": ("RUNNING", "")}, r"no application called 'dysample' \(it has a, b\)"),
        ({"dysample": ("DEPLOY_FAILED", "no weights")}, "'dysample' does not run: DEPLOY_FAILED no weights"),
    ],
)
def test_an_application_is_there_or_it_is_said_why_not(
    applications: dict[str, tuple[str, str]], words: str | None
) -> None:
    found = {
        name: SimpleNamespace(status=SimpleNamespace(value=status), message=message)
        for name, (status, message) in applications.items()
    }
    handle = RayHandle.__new__(RayHandle)
    handle._application = "dysample"
    handle._serve = SimpleNamespace(status=lambda: SimpleNamespace(applications=found))
    if words is None:
        assert handle.alive() is None
    else:
        with pytest.raises(UnavailableError, match=words):
            handle.alive()


# --- Ray that is not there ---


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        UnavailableError, match=r"not installed here \(pip install 'dysample-lab\[cluster\]'\)"
    ):
        RayHandle("auto", "dysample")


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_refused_at_once(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="nobody answers there"):
            courier._knock(f"{scheme}127.0.0.1:{taken.getsockname()[1]}")
    assert time.monotonic() - began < courier._KNOCK_S
