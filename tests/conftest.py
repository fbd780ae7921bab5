"""Fixtures for all tests. Imports no module of the package: the shape hook must be the first to do so."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Tests run in as many processes as there are cores. Read by torch when it is imported; children inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """One headless browser for the tests of a module.

    Not for the whole run: while Playwright runs, its event loop would be in the way of Streamlit's AppTest.
    """
    from playwright.sync_api import sync_playwright

    from scripts.machine import find_browser

    path = find_browser()
    if path is None:
        pytest.fail("No Chromium or Chrome was found: `make test` installs one, or set CHROME to its path.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: "Browser") -> "Iterator[Page]":
    """A fresh page of 1280×720, without cookies or cache of other tests."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], str]]:
    """Starts a Streamlit script, `serve(path) -> url`, and stops it after the module's last test."""
    servers: list[subprocess.Popen[bytes]] = []

    def start(script: Path) -> str:
        port = _free_port()
        options = [f"--server.port={port}", "--server.headless=true", "--browser.gatherUsageStats=false"]
        command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
        server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        servers.append(server)
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(server, url)
        return url

    yield start
    for server in servers:
        server.terminate()
        server.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"The Streamlit server at {url} did not start within {seconds:.0f} s.")
