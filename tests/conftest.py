"""Fixtures for all tests. Imports no module of the package: the shape hook must be the first to do so."""

import contextlib
import functools
import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # or every page would compile Streamlit's scripts anew
)

# Tests run in as many processes as there are cores. Read by torch when it is imported; children inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Servers that this process started. They are held until it ends, for a forgotten one would warn.
_SERVERS: "list[subprocess.Popen[bytes]]" = []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files whose tests take long, so that no process is left alone with one at the end."""
    long = {
        item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")
    }
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Leave modules and tests out of every later look for garbage: they stay until the end."""
    _scan_for_components_once()
    gc.collect()
    gc.freeze()


def _scan_for_components_once() -> None:
    """Let a process read the metadata of all installed packages once: every AppTest asks for components."""
    if "streamlit.testing.v1" in sys.modules:
        from streamlit.components.v2 import manifest_scanner

        scan = functools.cache(manifest_scanner.scan_component_manifests)
        pytest.MonkeyPatch().setattr(manifest_scanner, "scan_component_manifests", scan)


@dataclass
class OpenBrowser:
    """The browser of this process, between the first browser test and the next test of another kind.

    Not longer: while Playwright runs, its event loop is in the way of Streamlit's AppTest.
    """

    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    visitor: "BrowserContext | None" = None
    keeper: "Page | None" = None

    def open(self) -> "BrowserContext":
        """Return the one visitor of this process, whose browser loads Streamlit's scripts once."""
        from playwright.sync_api import sync_playwright

        from scripts.machine import find_browser

        if self.visitor is None:
            path = find_browser()
            if path is None:
                pytest.fail("No Chromium or Chrome was found: run `make setup`, or set CHROME to its path.")
            playwright = self.stack.enter_context(sync_playwright())
            chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
            self.stack.callback(chromium.close)
            self.visitor = chromium.new_context(viewport={"width": 1280, "height": 720})
        return self.visitor

    def leave(self, page: "Page") -> None:
        """Close a page and forget its settings; one without scripts stays, and keeps the site's process."""
        page.evaluate("localStorage.clear()")
        if self.keeper is None:
            self.keeper = page.context.new_page()
            self.keeper.goto(f"{page.evaluate('location.origin')}/_stcore/health")
        page.close()

    def close(self) -> None:
        """Close the browser and Playwright."""
        self.visitor = self.keeper = None
        self.stack.close()


_BROWSER = OpenBrowser()
_MAIN = sys.modules["__main__"]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Close the browser before a test that does not drive it."""
    if nextitem is None or nextitem.get_closest_marker("browser") is None:
        _BROWSER.close()
    # AppTest puts its script here and leaves it, and every process spawned from now on would run that script.
    sys.modules["__main__"] = _MAIN


@pytest.fixture
def page() -> "Iterator[Page]":
    """A fresh page of 1280×720, without cookies or settings of other tests."""
    visitor = _BROWSER.open()
    visitor.clear_cookies()
    visitor.clear_permissions()
    page = visitor.new_page()
    yield page
    if page.url.startswith("http"):
        _BROWSER.leave(page)
    else:
        page.close()


@pytest.fixture(scope="session")
def serve(shared: Path) -> Callable[[Path, Mapping[str, str]], str]:
    """Serve a Streamlit script: `serve(path, env) -> url`.

    A script is served once in a run for each environment, whichever process and module asks first. What
    visitors do there is theirs alone, but the caches of the server are warm.
    """

    def start(script: Path, environment: Mapping[str, str]) -> str:
        name = hashlib.sha256(json.dumps([str(script), sorted(environment.items())]).encode()).hexdigest()[
            :16
        ]
        address = shared / f"{name}.url"
        with _locked(shared / f"{name}.lock"):
            if not address.exists():
                address.write_text(
                    _start_server(script, environment, shared / f"{name}.pid"), encoding="utf-8"
                )
        return address.read_text(encoding="utf-8")

    return start


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Folder of this run that all its processes share."""
    folder = _shared_folder(tmp_path_factory.getbasetemp(), worker=hasattr(request.config, "workerinput"))
    folder.mkdir(exist_ok=True)
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the servers when the last process has finished: the one that started the others."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if hasattr(session.config, "workerinput") or factory is None:
        return
    for path in _shared_folder(factory.getbasetemp(), worker=False).glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(path.read_text(encoding="utf-8")), signal.SIGTERM)


def _shared_folder(base: Path, *, worker: bool) -> Path:
    return (base.parent if worker else base) / "shared"


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold a lock between processes: the folder that only one of them can make."""
    deadline = time.monotonic() + 120
    while True:
        try:
            path.mkdir()
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                pytest.fail(f"another process has held {path} for two minutes")
            time.sleep(0.1)
    try:
        yield
    finally:
        path.rmdir()


def _start_server(script: Path, environment: Mapping[str, str], pid: Path) -> str:
    from scripts.serving import start, wait_until_healthy

    # A session of its own: the server outlives the process that happened to need it first.
    server, url = start(script, environment)
    _SERVERS.append(server)
    pid.write_text(str(server.pid), encoding="utf-8")
    try:
        wait_until_healthy(server, url)
    except TimeoutError as error:
        pytest.fail(str(error))
    return url
