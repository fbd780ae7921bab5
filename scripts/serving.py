"""Serve a Streamlit script on a free port of this machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAIN = ROOT / "app" / "main.py"
_STREAMLIT = (sys.executable, "-m", "streamlit", "run")
_OPTIONS = (
    "--server.address=127.0.0.1",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--browser.gatherUsageStats=false",
)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(
    script: Path, environment: Mapping[str, str], *, quiet: bool = False, port: int | None = None
) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a server in a session of its own; return its process and its address.

    Args:
        script: The script.
        environment: Variables besides those of this process.
        quiet: Whether what the server prints is dropped.
        port: Where it listens; a free port without one.
    """
    port = free_port() if port is None else port
    output = subprocess.DEVNULL if quiet else None
    server = subprocess.Popen(
        [*_STREAMLIT, str(script), f"--server.port={port}", *_OPTIONS],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    return server, f"http://127.0.0.1:{port}"


def wait_until_healthy(server: "subprocess.Popen[bytes]", address: str, seconds: float = 60) -> None:
    """Wait until a server answers.

    Raises:
        TimeoutError: It ended, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"The server at {address} did not start within {seconds:.0f} s.")


@contextmanager
def serving(
    environment: Mapping[str, str], *, quiet: bool = False
) -> Generator[tuple["subprocess.Popen[bytes]", str]]:
    """Serve the app while the block runs.

    Raises:
        TimeoutError: It does not start.
    """
    server, address = start(MAIN, environment, quiet=quiet)
    try:
        wait_until_healthy(server, address)
        yield server, address
    finally:
        server.terminate()
        server.wait(20)
