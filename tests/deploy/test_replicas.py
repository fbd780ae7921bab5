"""What `make replicas` is made of, but for nginx."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from scripts import replicas
from scripts.visitor import VisitError, Visitor
from tests import ROOT
from tests.deploy.visits import PATIENCE_S

PAGE = ROOT / "tests" / "server" / "page.py"


class Welcoming(http.server.BaseHTTPRequestHandler):
    """A server that lets everybody do everything."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def welcoming() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Welcoming)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# --- Without nginx ---


def test_without_nginx_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["replicas.py"])
    monkeypatch.setattr(replicas, "find_nginx", lambda: None)
    assert replicas.main() == 1
    assert capsys.readouterr().out == f"{replicas.MISSING}\n"
    assert "apt-get install nginx" in replicas.MISSING


def test_a_trial_that_cannot_be_made_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tried(nginx: str, visitors: int) -> None:
        raise TimeoutError(f"The server with {visitors} visitors did not start.")

    monkeypatch.setattr("sys.argv", ["replicas.py", "--visitors=3"])
    monkeypatch.setattr(replicas, "find_nginx", lambda: "/usr/sbin/nginx")
    monkeypatch.setattr(replicas, "tried", tried)
    assert replicas.main() == 1
    assert capsys.readouterr().out == "The server with 3 visitors did not start.\n"


def test_a_trial_takes_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "_LIMIT_S", 0.05)
    with pytest.raises(TimeoutError, match="took more than 0 minutes"):
        asyncio.run(replicas._bounded(asyncio.sleep(60)))


def test_nginx_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert replicas.find_nginx() == str(program)


def test_what_nginx_says_is_passed_on(tmp_path: Path) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\necho unknown directive >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    with (
        pytest.raises(TimeoutError, match=r"did not start.*nginx says: unknown directive"),
        replicas.proxy(str(program), ["127.0.0.1:1", "127.0.0.1:2"]),
    ):
        pytest.fail("it has not started")


# --- Configuration ---


def test_the_configuration_is_written_for_other_replicas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["replicas.py", "--write", "one:1", "two:2"])
    monkeypatch.setattr(replicas, "NGINX", tmp_path)
    assert replicas.main() == 0
    written = (tmp_path / "replicas.conf").read_text(encoding="utf-8")
    assert written == replicas.replicas_conf(["one:1", "two:2"])


def test_doors_that_are_open_are_named(welcoming: str) -> None:
    assert replicas.doors(welcoming) == [
        "the server's metrics: status 200 instead of 404",
        "a stranger's name: status 200 instead of 421",
        "a file of 27 MB: status 200 instead of 413",
        "a file for a page: status 200 instead of 403",
    ]


# --- Replicas and visitors ---


@pytest.mark.slow
def test_a_replica_is_killed_and_comes_back_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDED", str(tmp_path / "ended"))
    with closing(replicas.Replicas(2, PAGE)) as started:
        started.wait()
        first, second = (f"{address}/_stcore/health" for address in started.addresses)
        started.kill(1)
        with pytest.raises(requests.ConnectionError):
            requests.get(first, timeout=5)
        assert requests.get(second, timeout=20).ok
        started.start_again(1)
        assert requests.get(first, timeout=20).ok
        assert started.places == [address.removeprefix("http://") for address in started.addresses]


def test_a_visitor_brings_its_cookies_and_takes_those_of_the_handshake() -> None:
    """The first connection is closed, as by a replica that dies; the second brings what the first gave."""
    brought: list[str] = []

    def page(connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            brought.append(request.headers["Cookie"])
            return None
        return Response(200, "OK", Headers([("Content-Length", "0")]), b"")

    def pin(connection: ServerConnection, request: Request, response: Response) -> Response:
        if response.status_code == 101:
            response.headers["Set-Cookie"] = f"{replicas.COOKIE}={len(brought)}; Path=/; HttpOnly"
        return response

    async def hang_up(connection: ServerConnection) -> None:
        await connection.close()

    async def visit() -> None:
        async with serve(
            hang_up,
            "127.0.0.1",
            0,
            process_request=page,
            process_response=pin,
            subprotocols=["streamlit"],
            close_timeout=0.1,
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            visitor = Visitor(f"http://127.0.0.1:{port}", {replicas.COOKIE: "7"})
            for number in (1, 2):
                await visitor.connect(patience=PATIENCE_S)
                assert replicas.place(visitor) == str(number)
                with pytest.raises(VisitError, match="the session was closed"):
                    await visitor.open(patience=PATIENCE_S)
            with pytest.raises(VisitError, match="the session was closed"):
                await visitor.send(BackMsg(stop_script=True))

    asyncio.run(visit())
    assert brought == [f"{replicas.COOKIE}=7", f"{replicas.COOKIE}=1"]
