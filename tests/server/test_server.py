"""What the server refuses, on a real one, to a visitor who speaks its protocol."""

import asyncio
import hashlib
import http.client
import os
import re
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.app_discovery import discover_asgi_app

from app import server
from scripts import serving
from scripts.visitor import Answer, VisitError, Visitor
from tests import ROOT

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0
MEGABYTE = 1 << 20

Started = tuple["subprocess.Popen[bytes]", str, Path]


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Started]:
    ended = tmp_path_factory.mktemp("server") / "ended"
    process, address = serving.start(
        ROOT / "tests" / "server" / "page.py", {"ENDED": str(ended), "DYSAMPLE_HOSTS": "lab.example.org"}
    )
    serving.wait_until_healthy(process, address)
    yield process, address, ended
    process.kill()
    process.wait(20)


@pytest.fixture(scope="module")
def address(started: Started) -> str:
    return started[1]


def visit(address: str, act: Callable[[Visitor, Answer], Awaitable[None]]) -> None:
    """Open the page and do something there."""

    async def run() -> None:
        visitor = Visitor(address)
        await visitor.connect(patience=PATIENCE_S)
        try:
            await act(visitor, await visitor.open(patience=PATIENCE_S))
        finally:
            await visitor.close()

    asyncio.run(run())


def texts(answer: Answer) -> list[str]:
    return [text.body for text in answer.all("text")]


def status(address: str, path: str, *, host: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    found = connection.getresponse().status
    connection.close()
    return found


def location(address: str, path: str) -> tuple[int, str | None]:
    """Where the server sends a browser on, if anywhere; links are not followed."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
    connection.request("GET", path)
    response = connection.getresponse()
    connection.close()
    return response.status, response.getheader("location")


# --- Old links ---


@pytest.mark.parametrize(
    "query",
    [
        "picture=coffee&task=Street+scenes&up=Nearest&up=DySample%2B",
        "view=0.5,0.5,2,0.6,0.5",
        "up",
        "x=1&show=a",
    ],
)
def test_an_old_link_to_a_comparison_leads_to_compare(address: str, query: str) -> None:
    """Relative, so that it holds below whatever a proxy has put in front."""
    status, target = location(address, f"/?{query}")
    assert status == 307
    assert target is not None
    assert urljoin("https://host.example/lab/?old", target) == f"https://host.example/lab/compare?{query}"


@pytest.mark.parametrize(
    "path", ["/", "/?present=1", "/?embed=true", "/?utm_source=a", "/compare?picture=coffee"]
)
def test_other_addresses_are_answered(address: str, path: str) -> None:
    assert location(address, path) == (200, None)


def test_an_old_link_cannot_lead_elsewhere(address: str) -> None:
    for path in ("//host.example/?picture=a", "/?picture=a%0d%0aSet-Cookie:%20b=c"):
        _, target = location(address, path)
        assert target is None or target.startswith("compare?picture=a%0d%0aSet-Cookie")


# --- Names ---


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST.:8501", True),
        ("127.0.0.1:8501", True),
        ("192.168.1.7", True),
        ("[::1]:8501", True),
        ("[fe80::1]", True),
        ("lab.example.org:443", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("notexample.net", False),
        ("lab.example.org.evil.example", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("0x7f.1", False),
        ("localhost@evil.example", False),
        ("", False),
        (":8501", False),
        ("[", False),
    ],
)
def test_the_server_answers_to_addresses_and_to_the_names_that_it_knows(host: str, allowed: bool) -> None:
    names = server.allowed_names({"DYSAMPLE_HOSTS": "lab.example.org, *.Example.net"})
    assert server.is_allowed(host, names) is allowed


def test_the_machine_s_own_name_is_known() -> None:
    assert server.is_allowed(f"{socket.gethostname()}:8501", server.allowed_names({}))


def test_a_star_is_any_name() -> None:
    assert server.is_allowed("evil.example", server.allowed_names({"DYSAMPLE_HOSTS": "*"}))


@pytest.mark.parametrize("value", ["https://lab.example.org", "lab.example.org:443", "a b", "lab.*.org"])
def test_what_is_not_a_name_is_said(value: str) -> None:
    with pytest.raises(ValueError, match=rf"DYSAMPLE_HOSTS must hold names.*got '{re.escape(value)}'"):
        server.allowed_names({"DYSAMPLE_HOSTS": f"good.example,{value}"})


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config", "/media/none.png"])
def test_a_stranger_s_name_gets_nothing(address: str, path: str) -> None:
    assert status(address, path, host="evil.example") == 421
    assert status(address, path, host="lab.example.org") in (200, 404)


@pytest.mark.parametrize(("host", "expected"), [("evil.example", 403), ("lab.example.org", 101)])
def test_a_stranger_s_name_opens_no_session(address: str, host: str, expected: int) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": f"http://{host}",  # as the browser sends it when the page came from that name
    }
    assert status(address, "/_stcore/stream", host=host, **handshake) == expected


# --- Addresses ---


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/metrics?families=cache_memory_bytes",
        "/_stcore/%6detrics",
        "/_stcore/metrics/",
        "/_stcore/agent/interact",
        "/_stcore/script-health-check",
    ],
)
def test_addresses_that_no_page_needs_are_closed(address: str, path: str) -> None:
    assert status(address, path, host="localhost") == 404


# --- Messages ---


def test_a_visitor_cannot_clear_the_caches_of_all(address: str) -> None:
    async def act(visitor: Visitor, first: Answer) -> None:
        command = BackMsg()
        command.clear_cache = True
        await visitor.send(command)
        again = await visitor.open(patience=PATIENCE_S)
        assert texts(again) == texts(first)

    visit(address, act)


@pytest.mark.parametrize("name", ["clear_cache", "set_run_on_save", "load_git_info"])
def test_commands_for_developers_are_not_needed(name: str) -> None:
    command = BackMsg()
    setattr(command, name, True)
    assert not server._is_needed(command.SerializeToString())


def test_of_two_commands_the_one_that_streamlit_obeys_counts() -> None:
    harmless, other = BackMsg(stop_script=True), BackMsg(clear_cache=True)
    assert not server._is_needed(harmless.SerializeToString() + other.SerializeToString())
    assert server._is_needed(other.SerializeToString() + harmless.SerializeToString())


def test_files_are_announced_a_few_at_a_time(address: str) -> None:
    """A message of 25 MB could announce twelve million files, and hold the server for a minute."""

    async def act(visitor: Visitor, first: Answer) -> None:
        request = BackMsg()
        request.file_urls_request.file_names.extend([""] * (server.MOST_NAMES + 1))
        await visitor.send(request)
        assert len(await visitor.announce(["a", "b"], patience=PATIENCE_S)) == 2

    visit(address, act)


# --- Uploads ---


def test_a_large_file_is_read_without_a_temporary_folder(address: str) -> None:
    data = np.random.default_rng(0).bytes(20 * MEGABYTE)

    async def act(visitor: Visitor, first: Answer) -> None:
        await visitor.upload(first, "large.jpg", data, patience=PATIENCE_S)
        answer = await visitor.open(patience=PATIENCE_S)
        assert hashlib.sha256(data).hexdigest() in texts(answer)

    visit(address, act)


def test_a_session_holds_its_newest_files_only(address: str) -> None:
    async def act(visitor: Visitor, first: Answer) -> None:
        for number in range(10):
            await visitor.upload(first, f"{number}.jpg", bytes([number]) * MEGABYTE, patience=PATIENCE_S)
        answer = await visitor.open(patience=PATIENCE_S)
        assert f"held {server.MOST_FILES}" in texts(answer)
        assert hashlib.sha256(bytes([9]) * MEGABYTE).hexdigest() in texts(answer)

    visit(address, act)


def test_the_other_sessions_files_stay(address: str) -> None:
    async def act(visitor: Visitor, first: Answer) -> None:
        other = Visitor(address)
        await other.connect(patience=PATIENCE_S)
        page = await other.open(patience=PATIENCE_S)
        await other.upload(page, "mine.jpg", b"mine", patience=PATIENCE_S)
        for number in range(6):
            await visitor.upload(first, f"{number}.jpg", b"yours", patience=PATIENCE_S)
        answer = await other.open(patience=PATIENCE_S)
        assert {"held 1", hashlib.sha256(b"mine").hexdigest()} <= set(texts(answer))
        await other.close()

    visit(address, act)


def test_all_sessions_together_hold_a_bounded_number_of_bytes(tmp_path: Path) -> None:
    limit = {"ENDED": str(tmp_path / "ended"), "MOST_BYTES": str(10 * MEGABYTE)}
    process, address = serving.start(ROOT / "tests" / "server" / "page.py", limit)

    async def act(visitor: Visitor, first: Answer) -> None:
        other = Visitor(address)
        await other.connect(patience=PATIENCE_S)
        page = await other.open(patience=PATIENCE_S)
        await other.upload(page, "six.jpg", bytes(6 * MEGABYTE), patience=PATIENCE_S)
        with pytest.raises(VisitError, match="refused with status 503"):
            await visitor.upload(first, "five.jpg", bytes(5 * MEGABYTE), patience=PATIENCE_S)
        await visitor.upload(first, "three.jpg", bytes(3 * MEGABYTE), patience=PATIENCE_S)
        await other.close()

    try:
        serving.wait_until_healthy(process, address)
        visit(address, act)
    finally:
        process.kill()
        process.wait(20)


# --- Start and end ---


def test_the_app_is_served_behind_the_guard(serve: Callable[..., str]) -> None:
    main = ROOT / "app" / "main.py"
    assert discover_asgi_app(main).import_string == "main:application"
    address = serve(main, {"DYSAMPLE_DATA": "", "DYSAMPLE_FACTORIES": "tests"})
    assert status(address, "/_stcore/metrics", host="localhost") == 404
    assert status(address, "/", host="evil.example") == 421


def test_a_server_that_is_asked_to_end_ends_in_order(started: Started) -> None:
    """Even while a visitor is there; what was registered for the end is done."""
    process, address, ended = started

    async def act(visitor: Visitor, first: Answer) -> None:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0

    visit(address, act)
    assert ended.exists() or os.name == "nt"
