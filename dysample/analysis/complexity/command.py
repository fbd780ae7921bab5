"""What `python -m dysample complexity` takes and does."""

import argparse
import shlex
from pathlib import Path

from dysample.analysis.complexity.report import complexity_report, to_json
from dysample.analysis.complexity.table import to_markdown
from dysample.files import write_text


def add_options(complexity: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    complexity.add_argument(
        "--out", type=Path, metavar="FILE.md", help="write the page there, not to the screen"
    )
    complexity.add_argument("--json", type=Path, metavar="FILE", help="write every integer there")


def run(options: argparse.Namespace) -> int:
    """Count, then print the page or write the files; gives the exit status.

    Raises:
        ValueError: A file cannot be written.
    """
    report = complexity_report(_command(options))
    if options.out is None:
        print(to_markdown(report), end="")
    for path, write in ((options.out, to_markdown), (options.json, to_json)):
        if path is not None:
            write_text(path, write(report))
    return 0


def _command(options: argparse.Namespace) -> str:
    words = ["python", "-m", "dysample", "complexity"]
    for name in ("out", "json"):
        path = getattr(options, name)
        words += [f"--{name}", path.as_posix()] if path else []
    return shlex.join(words)
