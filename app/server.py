"""The server around the pages: whom it answers, what it refuses, where uploads are, and how it ends.

Streamlit's server answers to any name, and its protocol has commands for developers that every visitor may
send. `Guard` stands before it, and sees each request and each message first.
"""

import asyncio
import ipaddress
import math
import os
import re
import signal
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import parse_qs
from weakref import WeakValueDictionary

from google.protobuf.message import DecodeError
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from app import garbage

MOST_FILES = 4  # that a session holds; a page asks for two, a file and a picture of the camera
MOST_BYTES = 1 << 30  # of the files of all sessions, those that are arriving included
MOST_NAMES = 16  # files that one message may announce

_VARIABLE = "DYSAMPLE_HOSTS"
_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
# Sizes of caches and files, an interface for other programs, and a run of the page for whoever asks.
_CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
_UPLOAD = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+")
# What a browser needs. Others empty the caches of all visitors, list the files of the checkout, or set what
# happens when the source changes.
_COMMANDS = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request", "backend_operation_request"}
# Compare was the page at the root, so links to comparisons that were shared then have these there.
_COMPARED = {"picture", "task", "up", "side", "threshold", "show", "mode", "left", "right", "view"}
_FRAMING = 2 << 20  # bytes of a request around the file, of which Streamlit allows one million


# --- Names ---


def allowed_names(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the names that the server answers to: this machine's, and those in `DYSAMPLE_HOSTS`.

    Raises:
        ValueError: The variable does not hold names, separated by commas.
    """
    machine = socket.gethostname().lower()
    short = machine.partition(".")[0]
    listed = [name.strip().lower() for name in environment.get(_VARIABLE, "").split(",") if name.strip()]
    for name in listed:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{_VARIABLE} must hold names such as lab.example.org, *.example.org or *, separated by "
                f"commas, got {name!r}"
            )
    return frozenset({"localhost", machine, short, f"{short}.local", *listed})


def is_allowed(host: str, names: Iterable[str]) -> bool:
    """Return whether the server answers to a Host header.

    An address is allowed without being listed. Where a page of a stranger makes a browser ask this server,
    by a name that he lets point here, the header holds that name, never an address.
    """
    name = _without_port(host)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return any(_matches(name, allowed) for allowed in names)
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _matches(name: str, allowed: str) -> bool:
    if allowed.startswith("*"):
        return bool(name) and name.endswith(allowed[1:])
    return name == allowed


# --- Requests and messages ---


class Guard:
    """Middleware that refuses what no page of the app asks for.

    Uploads are read in memory, one at a time for each session, which holds the newest `MOST_FILES` of them.
    All sessions together hold `MOST_BYTES` at most.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before a server."""
        self._app = app
        self._names = allowed_names(os.environ)
        self._uploads: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._arriving = 0
        self._largest = config.get_option("server.maxUploadSize") * (1 << 20) + _FRAMING
        # Above this size the parser writes to a temporary file; Streamlit refuses what is as large.
        MultiPartParser.spool_max_size = self._largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host, path = Headers(scope=scope).get("host", ""), scope["path"]
        upload = _UPLOAD.fullmatch(path)
        if not is_allowed(host, self._names):
            sentence = f"This server does not answer to the name {host!r}; those it knows are in {_VARIABLE}."
            await _refuse(scope, receive, send, 421, sentence)
        elif any(closed in path for closed in _CLOSED):
            await _refuse(scope, receive, send, 404, "Not found.")
        elif scope["type"] == "websocket":
            await self._app(scope, _commands_of_browsers(receive), send)
        elif _is_comparison(scope):
            await _to_comparison(scope, receive, send)
        elif upload is not None and scope["method"] == "PUT":
            await self._upload(upload[1], scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _upload(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        turn = self._uploads.setdefault(session, asyncio.Lock())
        async with turn:
            size = min(self._largest, _size(scope))
            if _held() + self._arriving + size > MOST_BYTES:
                sentence = "Too many files are held at this moment: try again in a few minutes."
                await _refuse(scope, receive, send, 503, sentence)
                return
            self._arriving += size
            try:
                await self._app(scope, receive, send)
            finally:
                self._arriving -= size
            _forget_older_files(session)


def _is_comparison(scope: Scope) -> bool:
    """Return whether a request is an old link to a comparison: to the root, with what Compare reads there."""
    root = config.get_option("server.baseUrlPath").strip("/")
    if scope["method"] not in ("GET", "HEAD") or scope["path"].strip("/") != root:
        return False
    return not _COMPARED.isdisjoint(parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def _to_comparison(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a browser on, to an address below the one that it asked for, whatever a proxy has cut off."""
    folder = "" if scope["path"].endswith("/") else f"{scope['path'].rpartition('/')[2]}/"
    query = scope["query_string"].decode("latin-1")
    # The response quotes what a header must not hold, such as the ends of lines.
    await RedirectResponse(f"{folder}compare?{query}", 307)(scope, receive, send)


def _size(scope: Scope) -> float:
    """Return the bytes of a request; infinity where they are not said."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() else math.inf


def _files() -> MemoryUploadedFileManager:
    return cast(MemoryUploadedFileManager, runtime.get_instance().uploaded_file_mgr)


def _held() -> int:
    """Return the bytes of the files of all sessions."""
    return sum(len(file.data) for files in _files().file_storage.values() for file in files.values())


def _forget_older_files(session: str) -> None:
    for file in list(_files().file_storage.get(session, ()))[:-MOST_FILES]:
        _files().remove_file(session, file)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})
    else:
        await PlainTextResponse(sentence, status)(scope, receive, send)


def _commands_of_browsers(receive: Receive) -> Receive:
    """Return the messages of a visitor without those that no browser needs to send."""

    async def received() -> Message:
        while True:
            message = await receive()
            data = message.get("bytes")
            if data is None or _is_needed(data):
                return message

    return received


def _is_needed(data: bytes) -> bool:
    command = BackMsg()
    try:
        command.ParseFromString(data)
    except DecodeError:
        return True  # Streamlit closes the connection
    if len(command.file_urls_request.file_names) > MOST_NAMES:
        return False
    return command.WhichOneof("type") in _COMMANDS


# --- Start and end ---


def middleware() -> list[Middleware]:
    """Return what stands before Streamlit's server."""
    return [Middleware(Guard)]


@asynccontextmanager
async def lifespan(server: object) -> AsyncGenerator[None]:
    """Watch over garbage while the server runs, and let the process end in order when it is asked to.

    Uvicorn stops serving and then sends the signal again, which would end the process at once; what it has
    started ends with it.
    """
    garbage.watch()
    yield
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
