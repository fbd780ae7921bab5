"""What lies measured beside the app, so that there is something to see before anybody measures."""

import os
from pathlib import Path

import streamlit as st

from app.compute.evidence import Missing
from app.records import CostResult
from dysample.analysis.bench.asked import PAPER_SIZE
from dysample.analysis.bench.report import from_json
from dysample.analysis.profiling.report import ProfileReport
from dysample.analysis.profiling.report import from_json as profile_from_json

# Streamlit apps run from the repository; a wheel does not hold these files.
_DOCS = Path(__file__).parents[2] / "docs"
VARIABLE = "DYSAMPLE_BENCHMARK"
COMMAND = f"python -m dysample bench --size {PAPER_SIZE} --json docs/benchmark.json"


def committed() -> CostResult | Missing:
    """The benchmark of the repository with its profile."""
    path = Path(os.environ.get(VARIABLE) or _DOCS / "benchmark.json")
    return _read(path, path.with_name("profile.json"))


def committed_sizes() -> CostResult | Missing:
    """The benchmark of the repository that has several sizes."""
    return _read(_DOCS / "benchmark-sizes.json", None)


def _read(path: Path, profile: Path | None) -> CostResult | Missing:
    if not path.is_file():
        return Missing(f"No benchmark is at hand: `{path.name}` is not beside the app.", (COMMAND,))
    try:
        return _result(path, profile, os.stat(path).st_mtime_ns)
    except (OSError, ValueError) as error:
        return Missing(f"The benchmark `{path.name}` cannot be read: {error}.", (COMMAND,), damaged=True)


@st.cache_data(show_spinner=False, max_entries=8)
def _result(path: Path, profile: Path | None, changed: int) -> CostResult:
    """Read once for every version of the file."""
    text = path.read_text(encoding="utf-8")
    report = from_json(text)
    return CostResult(
        title="From the repository",
        rows=report.rows,
        machine=report.machine,
        date=report.date,
        command=report.command,
        copy=report.copy,
        profile=_profile(profile),
        json=text,
    )


def _profile(path: Path | None) -> ProfileReport | None:
    if path is None or not path.is_file():
        return None
    return profile_from_json(path.read_text(encoding="utf-8"))
