"""Set up what the project needs on a machine: a virtual environment and, for its tests, a browser.

    python3 scripts/machine.py venv       create .venv, or keep one that works
    python3 scripts/machine.py browser    print the path of Chromium or Chrome, after installing it if needed

It uses only the standard library, since it runs before anything is installed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

VENV = Path(".venv")
BROWSER_COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
BROWSER_PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# The package that contains the browser, or the venv module, by package manager.
BROWSER_PACKAGE = {"apt-get": "chromium", "dnf": "chromium", "pacman": "chromium", "brew": "google-chrome"}
VENV_PACKAGE = {"apt-get": "python3-venv"}
# The commands that install a package without questions, by package manager.
INSTALL_COMMANDS: Mapping[str, Sequence[Sequence[str]]] = {
    "apt-get": (("apt-get", "update"), ("apt-get", "install", "-y", "--no-install-recommends")),
    "dnf": (("dnf", "install", "-y"),),
    "pacman": (("pacman", "-S", "--noconfirm", "--needed"),),
    "brew": (("brew", "install", "--cask"),),
}


def main() -> None:
    match sys.argv[1:]:
        case ["venv"]:
            make_venv()
        case ["browser"]:
            print(make_browser())
        case _:
            sys.exit(__doc__)


def make_venv() -> None:
    """Create .venv with the running Python, unless there is one that works."""
    if _venv_works():
        return
    if not (_create_venv() or (_install(VENV_PACKAGE) and _create_venv())):
        sys.exit(
            f"{sys.executable} could not create the virtual environment {VENV}. "
            "On Debian and Ubuntu, the venv module is a separate package: apt-get install python3-venv."
        )


def _venv_works() -> bool:
    """Return whether .venv has pip and a recent enough Python."""
    check = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    pythons = (VENV / "bin" / "python", VENV / "Scripts" / "python.exe")
    return any(python.exists() and _succeeds([str(python), "-c", check]) for python in pythons)


def _create_venv() -> bool:
    return _succeeds([sys.executable, "-m", "venv", "--clear", str(VENV)]) and _venv_works()


def make_browser() -> str:
    """Return `find_browser()`, after installing the distribution's package if there is none."""
    if os.environ.get("CHROME") and find_browser() is None:
        sys.exit(f"CHROME names no browser that starts: {os.environ['CHROME']}")
    browser = find_browser() or (_install(BROWSER_PACKAGE) and find_browser())
    if not browser:
        sys.exit(
            "The tests need a browser, and none could be installed from here. "
            "Please install Chromium or Chrome, or set CHROME to the path of one, and try again."
        )
    return browser


def find_browser() -> str | None:
    """Return the path of a Chromium or Chrome that starts: the one in CHROME, or else an installed one."""
    chosen = os.environ.get("CHROME")
    candidates = [chosen] if chosen else [*BROWSER_COMMANDS, *BROWSER_PATHS]
    paths = (shutil.which(candidate) for candidate in candidates)
    return next((path for path in paths if path is not None and _starts(path)), None)


def _starts(browser: str) -> bool:
    # Some systems have a stub under the browser's name that only says how to install it. On Windows,
    # --version opens a window instead of printing anything.
    return sys.platform == "win32" or _succeeds([browser, "--version"])


def _install(packages: Mapping[str, str]) -> bool:
    """Install a system package; return False if that fails or would need a password prompt."""
    manager = next((name for name in packages if shutil.which(name)), None)
    if manager is None:
        return False
    prefix = _as_root() if manager != "brew" else []
    if prefix is None:
        return False
    print(f"Installing {packages[manager]} with {manager} ...", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    *preparations, install = INSTALL_COMMANDS[manager]
    for command in preparations:
        subprocess.run([*prefix, *command], stdout=sys.stderr, env=environment, check=False)
    # Standard output is reserved for the path of the browser.
    result = subprocess.run(
        [*prefix, *install, packages[manager]], stdout=sys.stderr, env=environment, check=False
    )
    return result.returncode == 0


def _as_root() -> list[str] | None:
    """Return the prefix of a command that needs root, or None if there is no way to run it."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    return ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    main()
