"""A visitor of the app without a browser: Streamlit's protocol over a WebSocket, on this machine alone."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import requests
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DONE, _FOR_RERUN = 0, 2  # `script_finished`: done, and ended early because a new run has begun


class VisitError(Exception):
    """Raised when the server does not answer as it should."""


@dataclass(slots=True)
class Answer:
    """What the server sent for one run of a page.

    Attributes:
        seconds: From the question to the end of the run.
        size: Bytes received.
        elements: The elements of the page, in order.
    """

    seconds: float = 0.0
    size: int = 0
    elements: dict[tuple[int, ...], Element] = field(default_factory=dict[tuple[int, ...], Element])

    def all(self, kind: str) -> list[Any]:
        """Return the elements of a kind, such as "alert"."""
        rows = sorted(self.elements.items())
        return [getattr(element, kind) for _, element in rows if element.WhichOneof("type") == kind]

    def faults(self) -> list[str]:
        """Return the exceptions and the errors that the page shows."""
        found = [f"{error.type}: {error.message}" for error in self.all("exception")]
        return found + [alert.body for alert in self.all("alert") if alert.format == alert.ERROR]

    def component(self, key: str) -> dict[str, Any]:
        """Return the data of the component with a key.

        Raises:
            VisitError: The page has none.
        """
        for sent in self.all("bidi_component"):
            data = json.loads(sent.json) if sent.WhichOneof("data") == "json" else {}
            if data.get("key") == key:
                return data
        raise VisitError(f"the page has no component {key!r}")


class Visitor:
    """One session of the app."""

    def __init__(self, address: str, cookies: Mapping[str, str] | None = None) -> None:
        """Prepare to visit a server.

        Args:
            address: Of the server.
            cookies: By name, as another tab of the same browser has them.

        Raises:
            ValueError: The server is not on this machine.
        """
        if urlsplit(address).hostname not in LOOPBACK:
            raise ValueError(f"only a server on this machine is visited, got {address}")
        self.address = address
        self.pages: dict[str, str] = {}
        self._page = ""
        self._session = ""
        self._http = requests.Session()
        self._socket: Any = None
        self._file: WidgetState | None = None
        for name, value in (cookies or {}).items():
            self._set_cookie(name, value)

    async def connect(self, *, patience: float) -> None:
        """Open the session, with the cookies of earlier ones, as a browser does."""
        await asyncio.to_thread(self._http.get, f"{self.address}/", timeout=patience)
        await asyncio.to_thread(self._http.get, f"{self.address}/_stcore/health", timeout=patience)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._socket = await websockets.connect(
            f"ws{self.address.removeprefix('http')}/_stcore/stream",
            additional_headers={"Cookie": cookies},
            origin=self.address,  # pyright: ignore[reportArgumentType]
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            open_timeout=patience,
            ping_interval=None,
            compression=None,
        )
        for header in self._socket.response.headers.get_all("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self._set_cookie(name, morsel.value)
        self._file = None

    def _set_cookie(self, name: str, value: str) -> None:
        self._http.cookies.set(name, value, domain=urlsplit(self.address).hostname)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return {cookie.name: cookie.value or "" for cookie in self._http.cookies}

    @property
    def _token(self) -> str:
        return self._http.cookies.get("_streamlit_xsrf") or ""

    async def close(self) -> None:
        """End the session."""
        if self._socket is not None:
            await self._socket.close()

    async def send(self, message: BackMsg) -> None:
        """Send a message of Streamlit's protocol.

        Raises:
            VisitError: The session was closed.
        """
        try:
            await self._socket.send(message.SerializeToString())
        except websockets.ConnectionClosed as error:
            raise VisitError(f"the session was closed: {error}") from error

    async def choose(self, page: Answer, label: str, option: str, *, patience: float) -> Answer:
        """Choose from a list of the open page, by its label, and run the page.

        Raises:
            VisitError: The page has no such list, or the server did not answer in time.
        """
        lists = [shown for shown in page.all("selectbox") if shown.label == label]
        if not lists or option not in lists[0].options:
            raise VisitError(f"the page has no list {label!r} with {option!r}")
        return await self.open(chosen=(lists[0].id, option), patience=patience)

    async def open(
        self,
        page: str | None = None,
        query: str = "",
        *,
        chosen: tuple[str, str] | None = None,
        patience: float,
    ) -> Answer:
        """Run a page, by its address; without one, the page that is open.

        Args:
            page: Last part of the address.
            query: Query of the address, which a page that a session has seen before need not heed.
            chosen: Identifier of a list, and the option chosen from it.
            patience: Seconds to wait.

        Raises:
            VisitError: The server did not answer in time, or closed the session.
        """
        message = BackMsg()
        run = message.rerun_script
        run.query_string = query
        run.page_script_hash = self._page if page is None else self.pages.get(page, "")
        if page is not None and page not in self.pages:
            run.page_name = page  # as a browser that was opened at this address
        run.context_info.url = self.address
        if self._file is not None and page in (None, "compare"):
            run.widget_states.widgets.append(self._file)
        if chosen is not None:
            run.widget_states.widgets.add(id=chosen[0], string_value=chosen[1])
        started = time.perf_counter()
        await self.send(message)
        answer = await self._collect(patience)
        answer.seconds = time.perf_counter() - started
        return answer

    async def _collect(self, patience: float) -> Answer:
        answer = Answer()
        async for message, size in self._messages(patience):
            answer.size += size
            match message.WhichOneof("type"):
                case "delta" if message.delta.WhichOneof("type") == "new_element":
                    answer.elements[tuple(message.metadata.delta_path)] = message.delta.new_element
                case "new_session":
                    self._session = message.new_session.initialize.session_id or self._session
                    self._page = message.new_session.page_script_hash
                    answer.elements.clear()
                case "navigation":
                    pages = message.navigation.app_pages
                    self.pages = {page.url_pathname: page.page_script_hash for page in pages}
                    self._page = message.navigation.page_script_hash
                case "script_finished" if message.script_finished == _DONE:
                    return answer
                case "script_finished" if message.script_finished != _FOR_RERUN:
                    raise VisitError(f"the run of the page ended with status {message.script_finished}")
                case _:
                    pass
        raise VisitError("the session was closed")

    async def _messages(self, patience: float) -> AsyncIterator[tuple[ForwardMsg, int]]:
        end = time.monotonic() + patience
        while True:
            try:
                data = await asyncio.wait_for(self._socket.recv(), end - time.monotonic())
            except TimeoutError as error:
                raise VisitError(f"no answer within {patience:.0f} s") from error
            except websockets.ConnectionClosed as error:
                raise VisitError(f"the session was closed: {error}") from error
            message = ForwardMsg()
            message.ParseFromString(data)
            yield message, len(data)

    async def announce(self, names: Sequence[str], *, patience: float) -> Sequence[Any]:
        """Announce files, and return where they may be sent.

        Raises:
            VisitError: The server did not answer in time, or closed the session.
        """
        request = BackMsg()
        request.file_urls_request.request_id = str(uuid.uuid4())
        request.file_urls_request.file_names.extend(names)
        request.file_urls_request.session_id = self._session
        await self.send(request)
        async for message, _ in self._messages(patience):
            if message.WhichOneof("type") == "file_urls_response":
                return message.file_urls_response.file_urls
        raise VisitError("the session was closed")

    async def upload(self, page: Answer, name: str, data: bytes, *, patience: float) -> None:
        """Hand a file to the page's field for files; the next run of the page sees it.

        Raises:
            VisitError: The page has no such field, or the server refused the file.
        """
        fields: Sequence[Any] = page.all("file_uploader")
        if not fields:
            raise VisitError("the page has no field for files")
        urls = (await self.announce([name], patience=patience))[0]
        sent = await asyncio.to_thread(
            self._http.put,
            f"{self.address}{urls.upload_url}",
            files={"file": (name, data, "image/jpeg")},
            headers={"X-Xsrftoken": self._token},
            timeout=patience,
        )
        if not sent.ok:
            raise VisitError(f"the file was refused with status {sent.status_code}")
        self._file = WidgetState(id=fields[0].id)
        info = self._file.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
