"""Fixtures for tests in a real browser: a strict page, and servers with their own environment."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests import ROOT
from tests.browser.browser_app import MAIN

StartServer = Callable[..., str]
PATIENCE_MS = 30_000  # test machines are slow and often busy
NETWORK = {"http", "https", "ws", "wss"}
HERE = {"127.0.0.1", "localhost"}

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """The page of all tests, which here also fails on errors and on requests to other machines."""
    complaints: list[str] = []

    def watch(url: str) -> None:
        address = urlsplit(url)
        if address.scheme in NETWORK and address.hostname not in HERE:
            complaints.append(f"request to {url}")

    def listen(message: ConsoleMessage) -> None:
        # Opened at a page's own address, Streamlit looks for its server below that address first.
        looking = "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not looking:
            complaints.append(f"console: {message.text}")

    page.on("request", lambda request: watch(request.url))
    page.on("websocket", lambda socket: watch(socket.url))
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("console", listen)
    page.set_default_timeout(PATIENCE_MS)
    page.emulate_media(reduced_motion="reduce")
    yield page
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def streamlit_server(serve: Callable[[Path, Mapping[str, str]], str]) -> StartServer:
    """Serve a script, `streamlit_server(path, env) -> url`: once in a run for each script and environment."""

    def start(path: Path, env: Mapping[str, str] | None = None) -> str:
        return serve(path, env or {})

    return start


@pytest.fixture(scope="session")
def components_url(streamlit_server: StartServer) -> str:
    """Pages that show one component each, at the addresses in `pages/main.py`."""
    return streamlit_server(ROOT / "tests" / "browser" / "pages" / "main.py")


@pytest.fixture(scope="session")
def app_url(streamlit_server: StartServer) -> str:
    """The app, with the gallery that everybody has; the tests' own factories are allowed."""
    return streamlit_server(MAIN, {"DYSAMPLE_DATA": "", "DYSAMPLE_FACTORIES": "tests"})
